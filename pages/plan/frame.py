"""What the pages of the plan ledger share: which date they stand for, their head, their addresses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from dash import html

from components.i18n import pick, t
from components.ledger import fields
from components.ledger.listing import ListWords
from components.ledger.report_form import meeting_refusals
from components.ledger.words import day
from components.states import mark
from data_pipeline.ledger.says import refuse
from data_pipeline.ledger.types import Ledger
from data_pipeline.plans import Plan
from pages import PageRequest, View
from pages.overview import departments
from pages.serving import shell

# the pages of the ledger in the order of their tabs: path, text key
PARTS = (
    ("/plan", "targets"), ("/plan/projects", "projects"), ("/plan/systems", "systems"), ("/plan/departments", "departments"),
    ("/plan/report", "report"), ("/plan/review", "review"),
)  # fmt: skip
# the ledger's date stays from page to page
ON = "on"
FIRST_DAY = date(2000, 1, 1)
BRIEF_FORMATS = ("pdf", "xlsx")
MOST_KEPT = 16  # built pages that are kept, see `once`
_kept: dict[tuple, tuple[tuple[object, ...], View]] = {}
_guard = threading.Lock()


def date_of(request: PageRequest) -> date | None:
    """The date in the address, None for today.

    Raises
    ------
    UsageError
        `on` is no date, or one that is still to come.
    """
    text = request.params.get(ON, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise refuse("day_unread", got=text) from None
    if not FIRST_DAY <= found <= request.today:
        raise refuse("day_outside", got=found.isoformat(), first=FIRST_DAY.isoformat(), last=request.today.isoformat())
    return None if found == request.today else found


def ledger_of(request: PageRequest) -> Ledger:
    """The ledger of the request's city on the date in its address."""
    return request.queries.ledger(request.city.id, date_of(request))


def href(request: PageRequest, path: str, **params: str | None) -> str:
    """Address of a page of the ledger on the same date."""
    return request.href(path, city=request.city.id, **{ON: request.params.get(ON), **params})


def target_href(request: PageRequest, target_id: str) -> str:
    """Address of one target's page on the same date."""
    return href(request, f"/plan/target/{target_id}")


def department_href(request: PageRequest, department: str) -> str:
    """Address of one office's page on the same date (`department` as the plan spells it)."""
    return href(request, f"/plan/department/{department}")


def words(request: PageRequest, ledger: Ledger) -> ListWords:
    """What lists of targets need of a request."""
    return ListWords(
        lang=request.lang, departments=departments(request), city=request.city.id, on=ledger.on,
        target_href=lambda target_id: target_href(request, target_id),
        department_href=lambda name: department_href(request, name),
        status_href=lambda status: href(request, "/plan", status=status),
    )  # fmt: skip


def once(request: PageRequest, rests_on: Sequence[object], make: Callable[[], View]) -> View:
    """A page of the ledger, built anew only when one of `rests_on` (parts of the ledger) is another object than last time.

    A snapshot comes every few seconds, the ledger changes a few times a day: `Ledgers` keeps the parts a commit has not touched.
    """
    address = (request.path, request.city.id, request.lang, request.theme, request.today, tuple(sorted(request.params.items())))
    with _guard:
        kept = _kept.pop(address, None)
    if kept is None or len(kept[0]) != len(rests_on) or any(a is not b for a, b in zip(kept[0], rests_on, strict=True)):
        kept = (tuple(rests_on), make())
    with _guard:
        _kept[address] = kept  # at the end: the address that was asked for longest ago goes first
        while len(_kept) > MOST_KEPT:
            del _kept[next(iter(_kept))]
    return kept[1]


def plans_of(ledger: Ledger) -> list[Plan]:
    """The plans of a ledger in the order of its targets."""
    return list({row.plan.plan_id: row.plan for row in ledger.targets}.values())


def title(request: PageRequest, key: str) -> str:
    """Title of a page of the ledger."""
    return t("ledger.title", request.lang, page=t(f"ledger.part_{key}", request.lang), city=request.name(request.city))


def view(
    request: PageRequest, ledger: Ledger, key: str, body: Sequence[Any], *, name: str = "", digest: object = "",
    brief: Mapping[str, Any] | None = None,
) -> View:  # fmt: skip
    """A page of the ledger in its frame; `brief` says which briefing its buttons make (`api.ledger.BriefIn`), None for none.

    The tree holds no live regions: a ledger changes a few times a day, and a region would be sent
    twice. So everything that can change is part of the key (`digest`), and with the date and the
    filters of the address it is one page.
    """
    address = tuple(sorted((k, v) for k, v in request.params.items() if k not in ("lang", "theme")))
    known = hash((ledger.on, address, digest, *((r.target.target_id, r.status, r.pace.actual if r.pace else None,
                                                 r.report_overdue_days) for r in ledger.targets)))  # fmt: skip
    own = [name] if name else []
    return View(
        title=t("app.title", request.lang, city=f"{name or t(f'ledger.part_{key}', request.lang)} · {request.name(request.city)}"),
        body=html.Div([head(request, ledger, key, bool(own)), *body, *(brief_bar(request, brief) if brief else ())], className=f"ledger ledger-{key}"),
        key=f"plan-{key}-{request.city.id}-{known:x}",
        crumbs=[(t("nav.plan", request.lang), href(request, "/plan")), (name, "")] if own else (),
    )


def head(request: PageRequest, ledger: Ledger, active: str, is_sub: bool = False) -> html.Div:
    """The plans' names, the tabs, and the date with its jumps."""
    lang = request.lang
    tabs = [
        html.A(t(f"ledger.part_{key}", lang), href=href(request, path), className="is-active" if key == active else "",
               **({"aria-current": "page"} if key == active and not is_sub else {}))
        for path, key in PARTS
    ]  # fmt: skip
    return html.Div(
        [
            html.Nav(tabs, className="tabs ledger-parts", **{"aria-label": t("ledger.parts", lang)}),
            date_bar(request, ledger),
        ],
        className="ledger-head",
    )


def date_bar(request: PageRequest, ledger: Ledger) -> html.Div:
    """The date the ledger stands for, the calendar, and the days worth a look: start, middle, end of the plan, today."""
    lang, today = request.lang, request.today
    jumps = [
        html.A(t(f"ledger.jump_{name}", lang), href=request.href(on=None if at >= today else at.isoformat()), title=day(at, lang),
               className="is-active" if at == ledger.on else "")
        for name, at in days_of(plans_of(ledger), today)
    ]  # fmt: skip
    known = [mark(t("ledger.as_known_then", lang), "warn", t("ledger.as_known_then_hint", lang))] if ledger.on < today else []
    first = min([FIRST_DAY, ledger.on])
    return html.Div(
        [*known, fields.day(ON, ledger.on, t("ledger.as_of", lang), first, today), html.Nav(jumps, className="tabs jumps")],
        className="date-bar",
    )


def brief_bar(request: PageRequest, wanted: Mapping[str, Any]) -> list[Any]:
    """The buttons that make a briefing of the page as it stands: its date, language and filters; and how far it is."""
    buttons = [brief_button(request, t("ledger.brief", request.lang), kind, {"at": at(request), **wanted}) for kind in BRIEF_FORMATS]
    label = html.Span(t("ledger.brief", request.lang), className="note")
    return [html.Div([label, *buttons, brief_progress(request)], className="brief-bar", **{"data-refusals": refusal_words(request)})]


def brief_button(request: PageRequest, what: str, kind: str, wanted: Mapping[str, Any]) -> html.Button:
    """A button that has one briefing made (`assets/review.js`); `what` says of what, for those who hear the page."""
    asked = {"city": request.city.id, "format": kind, "lang": request.lang, **wanted}
    label = t(f"review.format.{kind}", request.lang)
    return html.Button(label, type="button", className="button brief-button", **{"data-brief": json.dumps(asked, ensure_ascii=False)},
                       **{"aria-label": f"{what} {label}"})  # fmt: skip


def brief_progress(request: PageRequest) -> html.Div:
    """Where the browser shows how far a briefing is, and its link when it is done."""
    steps = {f"data-{step}": t(f"review.step.{step}", request.lang) for step in ("start", "gather", "set", "done", "failed", "bytes")}
    bar = html.Progress(value="0", max="1")
    return html.Div([bar, html.Span("", className="brief-words", role="status"), html.A("", className="brief-file")],
                    className="brief-progress", hidden=True, **steps)  # fmt: skip


def refusal_words(request: PageRequest) -> str:
    """The sentences freezes and briefings are refused with, as JSON for `assets/review.js`."""
    return json.dumps(meeting_refusals(request.lang), ensure_ascii=False)


def at(request: PageRequest) -> str:
    """The date of the address as the API names it."""
    on = date_of(request)
    return on.isoformat() if on else "now"


def days_of(plans: Sequence[Plan], today: date) -> list[tuple[str, date]]:
    """Start, middle and end of the newest plan's period, as far as they are over, and today."""
    found: list[tuple[str, date]] = []
    dated = [plan for plan in plans if plan.period_start and plan.period_end]
    if dated:
        newest = max(dated, key=lambda p: p.period_end)
        start, end = date.fromisoformat(newest.period_start), date.fromisoformat(newest.period_end)
        middle = date.fromordinal((start.toordinal() + end.toordinal()) // 2)
        found = [(name, at) for name, at in (("start", start), ("middle", middle), ("end", end)) if at < today]
    return [*found, ("today", today)]


def folded(words: str, listed: Any) -> html.Details:
    """A part of a long list that opens when asked for."""
    return html.Details([html.Summary(words), listed], className="folded")


def no_plan(request: PageRequest, key: str) -> View | None:
    """The page of a city that has no data yet, or no plan; None where there is one."""
    city = request.city
    if not request.queries.has_data(city.id):
        return View(title(request, key), shell.building(request), key=f"plan-building-{city.id}")
    return None


def plan_name(plan: Plan, request: PageRequest) -> str:
    """Title of a plan in the language of the page."""
    return pick(plan.title_zh, plan.title_en, request.lang)
