"""Reporting (填报): what is due, the form of one report, the reviewers' queue, entries and how they stand.

`ActionForm` is drawn by `assets/reports.js`, which sends what was entered to `/api/v1/reports` and shows the answer.
Who may use a form is decided by the server; the browser only hides what the role has no use for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.element import Element
from components.i18n import Lang, catalogue, has, pick, t
from components.ledger.printed import with_unit
from components.ledger.target import evidence, person
from components.ledger.words import owner_names, said_words, stage_word
from components.states import empty, mark
from components.table import table
from data_pipeline.ledger.types import (
    MOST_EVIDENCE,
    NOTE_LENGTH,
    REASON_LENGTH,
    STAGES,
    WITHDRAWN,
    Due,
    EntryState,
    Finding,
    Past,
    ReportEntry,
)

Field = dict[str, Any]
MOST_PAST = 60  # accepted reports that can be taken back on the page


class ActionForm(Element):
    """A form whose answer is shown in place.

    Parameters
    ----------
    action : str
        submit, review, withdraw or upload: which address of `/api/v1/reports` it is sent to.
    fixed : dict
        Values that are sent along (city, subject, entry id …).
    fields : list of dict
        `name`, `type` (number, date, text, textarea, select, files), `label`, and as wanted `value`, `options`
        ([value, words]), `unit`, `min`, `max`, `step`, `required`, `length`, `wide`, `accept`.
    buttons : list of [value, words]
    words : dict
        Texts by key: what is shown while and after it is sent, and the sentences of the checks.
    """

    _children_props: list[str] = []
    _namespace = "city_brain"
    _type = "ActionForm"

    def __init__(
        self,
        action: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        fields: Sequence[Field] | None = None,
        buttons: Sequence[tuple[str, str]] | None = None,
        words: Mapping[str, str] | None = None,
        className: str | None = None,  # noqa: N803  the attribute's own spelling
        id: str | None = None,
    ) -> None:
        self._hold(
            id=id, action=action, fixed=dict(fixed or {}), fields=list(fields or ()), className=className,
            buttons=[list(button) for button in buttons or ()], words=dict(words or {}),
        )  # fmt: skip


@dataclass(frozen=True)
class ReportWords:
    """What these components need of a request.

    `departments`, `areas`: printed name and area id → name in the page's language. `entry_name`: what an entry is about, and its unit in both languages.
    """

    lang: Lang
    city: str
    tz: ZoneInfo
    today: date
    now_utc: datetime
    departments: Mapping[str, str]
    areas: Mapping[str, str]
    item_href: Callable[[Due], str]
    entry_name: Callable[[ReportEntry], tuple[str, str, str]]
    correct_href: Callable[[ReportEntry], str]

    def office(self, name: str) -> str:
        """An office in the language of the page."""
        return owner_names(name, self.departments)[0]


def form_words(lang: Lang) -> dict[str, str]:
    """Every text the browser may need for the answer of a form: `reports.act.*`, `.find.*`, `.field.*`, states and stages."""
    found = _texts(lang, "reports.act.", "reports.find.", "reports.field.", "ledger.stage.")
    return found | {f"state.{state}": t(f"reports.state_{state}", lang) for state in get_args(EntryState)}


def meeting_refusals(lang: Lang) -> dict[str, str]:
    """The sentences freezes and briefings are refused with, by `find.<code>`: what `assets/review.js` fills."""
    codes = ("brief_", "freeze_", "day_", "unknown_", "no_pipeline", "pipeline_", "store_held", "near")
    return _texts(lang, *(f"reports.find.{code}" for code in codes))


def _texts(lang: Lang, *prefixes: str) -> dict[str, str]:
    return {key.removeprefix("reports.").removeprefix("ledger."): text for key, text in catalogue(lang).items() if key.startswith(prefixes)}


# ---------------------------------------------------------------------- what is due


def due_table(items: Sequence[Due], chosen: str, words: ReportWords, id: str) -> html.Div:
    """What an office reports on: how late, what, promised, last reported, and the way to the form."""
    lang = words.lang
    heads = [t(f"reports.col_{name}", lang) for name in ("due", "what", "promised", "last", "act")]
    rows = [[_due_cell(i, lang), _what(i, words), _promised(i, lang), _last(i, words), _open(i, chosen, words)] for i in items]
    return table(heads, rows, lang, id=id, class_name="due-table")


def _due_cell(item: Due, lang: Lang) -> Any:
    if item.due_on is None:
        return html.Span(t("reports.not_due", lang), className="note")
    if item.overdue_days > 0:
        return html.Span([mark(t("reports.overdue", lang, n=item.overdue_days), "warn"), html.Small(item.due_on.isoformat())], className="two-lines")
    return html.Span(t("reports.due_on", lang, date=item.due_on.isoformat()))


def name_of(item: Due, words: ReportWords) -> str:
    """Name of a target, project or system; a district's share says which district."""
    area = item.subject_id.partition("@")[2]
    return pick(item.name_zh, item.name_en, words.lang) + (f" · {words.areas.get(area, area)}" if area else "")


def _what(item: Due, words: ReportWords) -> html.Span:
    lang = words.lang
    note = [t(f"reports.subject_{item.subject}", lang)]
    if item.deadline:
        note.append(t("reports.deadline", lang, date=item.deadline))
    if len(item.offices) > 1:
        note.append(t("reports.asked", lang, dept=words.office(item.office)))
    return html.Span([html.B(name_of(item, words)), html.Small(" · ".join(note))], className="two-lines")


def _promised(item: Due, lang: Lang) -> str | None:
    if item.goal is None:
        return None
    sign = {">=": "≥ ", ">": "> ", "<=": "≤ ", "about": "≈ "}.get(item.comparator, "")
    return sign + with_unit(f"{item.goal:,.10g}", item.unit_zh, item.unit_en, lang)


def promise_line(item: Due, words: ReportWords) -> html.Div:
    """What was promised, by when, and what was reported last."""
    lang = words.lang
    promised = _promised(item, lang)
    parts: list[Any] = [t("reports.promised", lang, goal=promised)] if promised else []
    if item.deadline:
        parts.append(t("reports.deadline", lang, date=item.deadline))
    line = html.P(" · ".join(parts) or t(f"reports.subject_{item.subject}", lang), className="note")
    return html.Div([line, html.P([t("reports.col_last", lang), "：" if lang == "zh" else ": ", _last(item, words)], className="report-last")])


def _last(item: Due, words: ReportWords) -> Any:
    if item.last is None:
        return html.Span(t("reports.never", words.lang), className="note")
    said = said_words(item.last, item.unit_zh, item.unit_en, words.lang)
    marks = [" ", mark(t("state.simulated", words.lang), "simulated")] if item.last.is_simulated else []
    return html.Span([html.Span([said, *marks]), html.Small(item.last.data_on.isoformat())], className="two-lines")


def _open(item: Due, chosen: str, words: ReportWords) -> html.A:
    here = item.subject_id == chosen
    return html.A(t("reports.open" if not here else "reports.opened", words.lang), href=words.item_href(item), className="button is-active" if here else "button",
                  **{"aria-label": f"{t('reports.open', words.lang)} {name_of(item, words)}"})  # fmt: skip


def finding_words(finding: Finding, lang: Lang) -> str:
    """A finding of the checks as a sentence; stages by their words."""
    args = {k: stage_word(v, lang) if k in ("got", "before") and has(f"ledger.stage.{v}", lang) else v for k, v in finding.args.items()}
    if has(key := f"reports.field.{args.get('name')}", lang):
        args["name"] = t(key, lang)
    if args.get("near"):
        args["near"] = t("reports.find.near", lang, near=args["near"])
    return t(f"reports.find.{finding.code}", lang, **args)


# ---------------------------------------------------------------------- the form


def entry_form(item: Due, words: ReportWords, department: str, old: ReportEntry | None = None) -> ActionForm:
    """The form for one report, only with the fields its subject has; `old` is the entry it corrects, whose figures it begins with."""
    lang = words.lang
    unit = pick(item.unit_zh, item.unit_en, lang)
    due_on = item.data_on if item.data_on is not None and item.data_on <= words.today else words.today
    fields: list[Field] = [
        {"name": "data_on", "type": "date", "label": t("reports.data_on", lang), "value": due_on.isoformat(), "max": words.today.isoformat(), "required": True}
    ]
    if item.kind == "quantified":
        fields.append({"name": "value", "type": "number", "label": t("reports.value", lang), "unit": unit, "min": 0, "step": "any", "required": True})
    elif item.kind != "group":
        stages = [["", t("reports.choose", lang)], *([stage, stage_word(stage, lang, item.subject)] for stage in STAGES[item.subject])]
        last = item.last.stage if item.last else ""
        fields += [
            {"name": "stage", "type": "select", "label": t("reports.stage", lang), "options": stages, "value": last, "required": True},
            {"name": "expected_on", "type": "date", "label": t("reports.expected_on", lang)},
        ]
    if item.subject != "target":
        fields.append({"name": "progress_pct", "type": "number", "label": t("reports.progress_field", lang), "unit": "%", "min": 0, "max": 100, "step": "any"})
    if item.subject == "project":
        fields.append({"name": "invested_yi_yuan", "type": "number", "label": t("reports.invested_field", lang), "unit": t("reports.yi_yuan", lang), "min": 0, "step": "any"})
    if item.subject != "target":
        yes_no = [["", t("reports.not_said", lang)], ["false", t("reports.no", lang)], ["true", t("reports.yes", lang)]]
        fields += [
            {"name": "blocked", "type": "select", "label": t("reports.blocked_field", lang), "options": yes_no},
            {"name": "blocked_cause", "type": "text", "label": t("reports.blocked_cause", lang), "length": REASON_LENGTH},
            {"name": "blocked_owner", "type": "text", "label": t("reports.blocked_owner", lang), "length": REASON_LENGTH},
        ]
    fields += [
        {"name": "reason", "type": "textarea", "label": t("reports.reason", lang), "length": REASON_LENGTH, "wide": True},
        {"name": "files", "type": "files", "label": t("reports.files", lang), "accept": ".pdf,.png,.jpg,.jpeg,.xlsx,.docx,.ofd", "length": MOST_EVIDENCE - 1},
        {"name": "link", "type": "text", "label": t("reports.link", lang), "length": 500},
    ]
    if old is not None:
        fields = [field | {"value": said} if (said := _said(old, field["name"])) else field for field in fields]
    fixed = {"city": words.city, "subject": item.subject, "subject_id": item.subject_id, "department": department,
             "replaces": old.entry_id if old else ""}  # fmt: skip
    return ActionForm(
        action="submit", fixed=fixed, fields=fields, buttons=[("submit", t("reports.submit", lang))], words=form_words(lang),
        id=f"report-form-{item.subject_id}" + (f"-{old.entry_id}" if old else ""), className="if-report",
    )  # fmt: skip


def _said(entry: ReportEntry, name: str) -> str:
    """What an entry says in a field of the form, as the browser writes it; empty where it says nothing."""
    if name == "progress_pct":
        return "" if entry.progress_share is None else f"{entry.progress_share * 100:.10g}"
    value = getattr(entry, name, None)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    return value.isoformat() if isinstance(value, date) else value if isinstance(value, str) and name != "reason" else ""


def withdrawal_form(item: Due, past: Sequence[Past], words: ReportWords, department: str) -> html.Details | None:
    """Taking back an accepted report that should not be there at all; None where nothing is accepted. Newest data first."""
    if not past:
        return None
    lang = words.lang
    said = [[p.data_on.isoformat(), f"{p.data_on.isoformat()} · {_past_words(p, item, lang)}"] for p in reversed(past[-MOST_PAST:])]
    fields: list[Field] = [
        {"name": "data_on", "type": "select", "label": t("reports.withdraw_which", lang), "options": said, "required": True},
        {"name": "reason", "type": "textarea", "label": t("reports.withdraw_why", lang), "length": REASON_LENGTH, "wide": True, "required": True},
    ]
    fixed = {"city": words.city, "subject": item.subject, "subject_id": item.subject_id, "department": department, "stage": WITHDRAWN}
    form = ActionForm(action="submit", fixed=fixed, fields=fields, buttons=[("submit", t("reports.withdraw_send", lang))], words=form_words(lang),
                      id=f"withdrawal-{item.subject_id}", className="if-report")  # fmt: skip
    head = html.Summary(t("reports.withdraw_head", lang))
    return html.Details([head, html.P(t("reports.withdraw_note", lang), className="note"), form], className="withdrawal if-report")


def _past_words(past: Past, item: Due, lang: Lang) -> str:
    parts = [] if past.value is None else [with_unit(f"{past.value:,.10g}", item.unit_zh, item.unit_en, lang)]
    parts += [stage_word(past.stage, lang, item.subject)] if past.stage else []
    return " · ".join(parts) or "—"


def template_form(lang: Lang) -> ActionForm:
    """Sending a filled template back."""
    field = {"name": "file", "type": "files", "label": t("reports.template_file", lang), "accept": ".xlsx", "length": 1, "required": True}
    return ActionForm(action="upload", fields=[field], buttons=[("upload", t("reports.template_send", lang))], words=form_words(lang),
                      id="report-template", className="if-report is-line")  # fmt: skip


# ---------------------------------------------------------------------- entries


def entry_list(entries: Sequence[ReportEntry], words: ReportWords, id: str, *, reviewing: bool) -> html.Div:
    """Entries with who, when, evidence, warnings and answer; `reviewing` adds accept and return."""
    if not entries:
        text = t("reports.queue_empty" if reviewing else "reports.no_entries", words.lang)
        return html.Div(empty(text, t("reports.no_entries_hint", words.lang)), id=id)
    return html.Div([entry_card(entry, words, reviewing) for entry in entries], id=id, className="entry-list")


def entry_card(entry: ReportEntry, words: ReportWords, reviewing: bool) -> html.Article:
    """One entry: what it says, its way, and what may be done with it."""
    lang = words.lang
    tone = {"submitted": "warn", "returned": "warn"}.get(entry.state, "plain")
    who: list[Any] = [_by("reports.written_by", entry.author, entry.author_known, entry.submitted_at_utc, words)]
    if entry.reviewed_at_utc is not None:
        who.append(_by("reports.reviewed_by", entry.reviewer, entry.reviewer_known, entry.reviewed_at_utc, words))
    name, unit_zh, unit_en = words.entry_name(entry)
    lines: list[Any] = [
        html.P([html.B(name), mark(t(f"reports.state_{entry.state}", lang), tone),
                *([mark(t("state.simulated", lang), "simulated")] if entry.is_simulated else [])], className="entry-head"),
        html.P([html.Span(said_words(entry, unit_zh, unit_en, lang), className="entry-said"), html.Span(t("reports.of_day", lang, date=entry.data_on.isoformat()), className="note")]),
        html.P(who, className="entry-who"),
    ]  # fmt: skip
    if entry.reason:
        lines.append(html.P(t("reports.reason_words", lang, text=entry.reason)))
    lines += [html.P([mark(t("reports.warned", lang), "warn"), " ", finding_words(Finding.unpacked(warning), lang)], className="entry-warning") for warning in entry.warnings]
    if entry.evidence:
        lines.append(html.P([t("reports.evidence", lang), *(part for proof in entry.evidence for part in (" ", evidence(proof, lang)))], className="entry-evidence"))
    if entry.review_note:
        lines.append(html.P(t("reports.note_words", lang, text=entry.review_note)))
    if entry.replaces:
        lines.append(html.P(t("reports.replaces", lang, id=entry.replaces), className="note"))
    facts = f"{entry.entry_id} · {words.office(entry.department)}"
    lines.append(html.P(facts if entry.delivery_id is None else f"{facts} · {t('reports.delivery', lang, id=entry.delivery_id)}", className="note"))
    return html.Article([html.Div(lines, className="entry-body"), *_acts(entry, words, reviewing)], id=f"entry-{entry.entry_id}", className=f"entry is-{entry.state}")


def _by(key: str, name: str, known: bool, at_utc: datetime, words: ReportWords) -> html.Span:
    when = formats.moment(at_utc, words.tz, words.lang, words.now_utc)
    shown = person(name, known, words.lang)
    return html.Span([t(key, words.lang), " ", *(shown if isinstance(shown, list) else [shown]), " ", when])


def _acts(entry: ReportEntry, words: ReportWords, reviewing: bool) -> list[Any]:
    lang = words.lang
    if entry.state in ("accepted", "returned") and entry.stage != WITHDRAWN and not reviewing:
        return [html.P(html.A(t("reports.correct", lang), href=words.correct_href(entry), className="button if-report"))]
    if entry.state != "submitted":
        return []
    fixed = {"city": words.city, "entry_id": entry.entry_id}
    if reviewing:
        note = {"name": "note", "type": "text", "label": t("reports.note", lang), "length": NOTE_LENGTH, "wide": True}
        buttons = [("accept", t("reports.accept", lang)), ("return", t("reports.return", lang))]
        return [ActionForm(action="review", fixed=fixed, fields=[note], buttons=buttons, words=form_words(lang),
                           id=f"review-{entry.entry_id}", className="if-review")]  # fmt: skip
    return [ActionForm(action="withdraw", fixed=fixed, buttons=[("withdraw", t("reports.withdraw", lang))], words=form_words(lang),
                       id=f"withdraw-{entry.entry_id}", className="if-report")]  # fmt: skip
