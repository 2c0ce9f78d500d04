"""`/plan/review` — 会商: keep the ledger for a meeting, see what changed since the last one, take a briefing along."""

from __future__ import annotations

import json
from typing import Any

from dash import html

from components import formats
from components.i18n import t
from components.ledger import fields
from components.ledger.changes import change_words
from components.ledger.words import day, short_day, simulated_mark
from components.states import mark
from components.table import table
from data_pipeline.ledger.diff import Change, by_kind, diff
from data_pipeline.ledger.freeze import MOST_NAME
from data_pipeline.ledger.types import Freeze, Ledger
from pages import Page, PageRequest, View
from pages.plan import frame
from pages.plan.briefing import point_words

BRIEFED = ("overview", "ledger", "targets", "departments", "projects", "systems")
MOST_SHOWN = 300


def build(request: PageRequest) -> View:
    """Freeze, list of freezes, changes between two of them, and briefings."""
    if (absent := frame.no_plan(request, "review")) is not None:
        return absent
    ledger = frame.ledger_of(request)
    freezes = request.queries.freezes(request.city.id)
    body: list[Any] = [
        html.Div([_freeze_form(request, ledger), _briefs(request)], className="review-top",
                 **{"data-refusals": frame.refusal_words(request)}),
        _list(request, freezes),
        _changes(request, ledger, freezes),
    ]  # fmt: skip
    return frame.view(request, ledger, "review", body, digest=tuple(f.freeze_id for f in freezes))


def _freeze_form(request: PageRequest, ledger: Ledger) -> html.Section:
    lang = request.lang
    words = {f"data-{key}": t(f"review.say.{key}", lang) for key in ("sending", "done", "failed", "forbidden", "busy", "unnamed")}
    form = html.Form(
        [
            html.Label([html.Span(t("review.name", lang)),
                        html.Textarea(name="name", rows=1, maxLength=MOST_NAME, placeholder=t("review.name_hint", lang))]),
            html.Button(t("review.freeze_on", lang, date=day(ledger.on, lang)), type="submit", className="button"),
            html.P("", className="act-result", role="status"),
        ],
        className="freeze-form if-may",
        **{"data-freeze": json.dumps({"city": request.city.id, "on": frame.at(request)})}, **words,
    )  # fmt: skip
    return html.Section(
        [html.H2(t("review.freeze", lang)), html.P(t("review.freeze_note", lang), className="note"), form,
         html.P(t("review.may_not", lang), className="note if-may-not")],
        className="review-freeze",
    )  # fmt: skip


def _briefs(request: PageRequest) -> html.Section:
    lang, at = request.lang, frame.at(request)
    lines = [
        html.Li([html.Span(t(f"review.of.{of}", lang)), *(_button(request, of, kind, at=at) for kind in frame.BRIEF_FORMATS)])
        for of in BRIEFED
    ]
    return html.Section(
        [html.H2(t("review.briefs", lang)), html.P(t("review.briefs_note", lang), className="note"),
         html.Ul(lines, className="brief-list"), frame.brief_progress(request)],
        className="review-briefs",
    )  # fmt: skip


def _button(request: PageRequest, of: str, kind: str, **more: str) -> html.Button:
    return frame.brief_button(request, t(f"review.of.{of}", request.lang), kind, {"of": of, **more})


def _list(request: PageRequest, freezes: list[Freeze]) -> html.Section:
    lang = request.lang
    heads = [t(f"review.col.{key}", lang) for key in ("name", "on", "at", "by", "hash", "brief", "compare")]
    rows = [
        (
            html.B(f.name), short_day(f.on), formats.full_moment(f.frozen_at_utc, request.city.tz, lang),
            html.Span([f.by, *([] if f.by_known else [" ", mark(t("live.unauthenticated", lang), "warn")])]),
            html.Code(f.sha256[:16], title=f.sha256),
            html.Span([_button(request, "ledger", kind, at=f.freeze_id) for kind in frame.BRIEF_FORMATS]),
            html.A(t("review.since", lang), href=frame.href(request, "/plan/review", before=f.freeze_id, after=None)),
        )
        for f in freezes
    ]  # fmt: skip
    content = table(heads, rows, lang, class_name="freeze-table") if rows else html.P(t("review.none", lang), className="nothing")
    return html.Section([html.H2(t("review.freezes", lang)), content])


def _changes(request: PageRequest, ledger: Ledger, freezes: list[Freeze]) -> html.Section:
    lang = request.lang
    before, after = request.params.get("before", ""), request.params.get("after", "")
    # the days worth a look can be compared, too, also before anything was frozen
    days = [(at.isoformat(), f"{t(f'ledger.jump_{name}', lang)} {at}") for name, at in frame.days_of(frame.plans_of(ledger), request.today)[:-1]]
    known = [*((f.freeze_id, point_words_of(f, request)) for f in freezes), *days]
    here = t("review.this_ledger", lang, date=day(ledger.on, lang))
    # a freeze may be named in the address, the list knows its id
    ids = {f.name: f.freeze_id for f in freezes}
    before, after = ids.get(before, before), ids.get(after, after)
    bar = html.Div(
        [fields.choose("before", before, t("review.before", lang), known, t("review.choose", lang)),
         fields.choose("after", after, t("review.after", lang), known, here)],
        className="ledger-filters",
    )  # fmt: skip
    parts: list[Any] = [html.H2(t("review.changes", lang)), bar]
    if before:
        old, kept = request.queries.ledger_at(request.city.id, before)
        new, other = request.queries.ledger_at(request.city.id, after) if after else (ledger, None)
        found = diff(old, new)
        named = t("briefing.between", lang, before=point_words(old, kept, lang), after=point_words(new, other, lang))
        buttons = [_button(request, "changes", kind, before=before, at=after or frame.at(request)) for kind in frame.BRIEF_FORMATS]
        parts += [html.P([named, " ", *buttons], className="between"), *_change_list(request, found)]
    else:
        parts.append(html.P(t("review.choose_hint", lang), className="note"))
    return html.Section(parts, className="review-changes")


def point_words_of(freeze: Freeze, request: PageRequest) -> str:
    """A freeze's name with its day, for a list to choose from."""
    return t("review.named", request.lang, name=freeze.name, date=short_day(freeze.on))


def _change_list(request: PageRequest, found: list[Change]) -> list[Any]:
    lang = request.lang
    if not found:
        return [html.P(t("briefing.no_changes", lang), className="nothing")]
    counted = [html.Span([html.B(str(n)), t(f"review.kind.{kind}", lang)], className="change-count")
               for kind, n in by_kind(found).items()]  # fmt: skip
    offices = frame.departments(request)
    rows = []
    for change in found[:MOST_SHOWN]:
        words = change_words(change, offices, lang)
        name: Any = words.name
        if change.subject == "target" and change.kind != "removed":
            name = html.A(words.name, href=frame.target_href(request, change.subject_id))
        owner = [words.owner, " ", *simulated_mark(change.is_simulated, lang)]
        rows.append((html.Span(words.kind, className=f"change-kind tone-{words.tone or 'plain'}"), name, owner, words.before, words.after))
    heads = [t(f"briefing.change_{key}", lang) for key in ("kind", "name", "owner", "before", "after")]
    more = [html.P(t("review.more", lang, n=len(found) - MOST_SHOWN), className="note")] if len(found) > MOST_SHOWN else []
    return [html.Div(counted, className="change-counts"), table(heads, rows, lang, class_name="change-table", first=10), *more]


PAGE = Page(id="plan-review", pattern="/plan/review", build=build, order=26)
