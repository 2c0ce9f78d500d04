"""Briefings (快报): the overview and the ledger as documents, worded here; `data_pipeline.ledger.brief` sets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components import formats, ticker
from components import sentence as opening
from components.i18n import pick, t
from components.ledger.briefing_department import office_sections
from components.ledger.briefing_tables import (
    Issue,
    PlanStageSum,
    area_table,
    capital,
    count_bar,
    department_sections,
    event_table,
    headline_figure,
    owner_words,
    project_sections,
    system_sections,
    target_table,
)
from components.ledger.changes import change_words
from components.ledger.listing import fold, sort_rows
from components.ledger.paths import axis_of
from components.ledger.printed import target_value
from components.ledger.words import (
    amount,
    counts,
    day,
    forecast_note,
    join,
    reason_words,
    short_day,
    status_word,
    target_name,
)
from data_pipeline.cities import Area
from data_pipeline.ledger.brief import Brief, Cell, Column, Counts, Figures, Section, Table, Text
from data_pipeline.ledger.diff import Change
from data_pipeline.ledger.types import Freeze, Ledger, LedgerTarget
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Event, Reading

MOST_EVENTS, MOST_WORST = 14, 8


def ledger_brief(
    issue: Issue, ledger: Ledger, sums: Sequence[PlanStageSum], freeze: Freeze | None, *, part: str = "ledger", target: str = "",
    department: str = "", listed: Sequence[LedgerTarget] | None = None, filters: Sequence[str] = (),
) -> Brief:  # fmt: skip
    """The ledger as a briefing: counts by status, targets worst first with their paths, departments, projects, systems.

    Parameters
    ----------
    sums : by plan and stage, as `data_pipeline.ledger.boards.project_sums` makes them
    freeze : the freeze `ledger` was read from, None for the ledger as it is now
    part : `ledger` for all of it, or one page of it: `targets`, `departments`, `projects`, `systems`, `target`, `department`
    target, department : the only one shown, where `part` is `target` or `department` (as the plan spells it)
    listed, filters : the targets left by the filters of the page, and the filters in words; None: all of them
    """
    rows = list(listed) if listed is not None else fold(ledger.targets)[0]
    if part == "target":
        chosen = ledger.target(target)
        rows = [row for row in ledger.targets if chosen and row.target.target_id in (target, chosen.target.same_as)]
    elif part == "department":
        rows = [row for row in rows if department in row.leads or department in row.shares]
    judged = [row for row in rows if row.status != "not_measurable"]
    axis = axis_of(judged or rows, ledger.on)
    sections: list[Section] = []
    if part in ("ledger", "targets"):
        sections.append(Section(issue.t("status"), (_lead(issue, rows, ledger), count_bar(judged, issue))))
    if judged and part in ("ledger", "targets", "target"):
        head = t("ledger.path_head", issue.lang) if part == "target" else issue.t("worst")
        sections.append(Section(head, (target_table(issue, sort_rows(judged, "status", issue.lang), axis),),
                                note=issue.t("path_note", start=day(axis.start, issue.lang), end=day(axis.end, issue.lang))))  # fmt: skip
    if part == "target":
        sections += [section for row in rows for section in target_sections(issue, row)]
    sections += office_sections(issue, ledger, rows, department, axis) if part == "department" else []
    sections += department_sections(issue, ledger) if part in ("ledger", "departments") else []
    sections += project_sections(issue, ledger, sums) if part in ("ledger", "projects") else []
    sections += system_sections(issue, ledger) if part in ("ledger", "systems") else []
    plans = {row.plan.plan_id: row.plan for row in rows}
    sources = [issue.t("source_plan", title=pick(p.title_zh, p.title_en, issue.lang), date=p.issued_date,
                       number=f"{p.document_number}{t('ledger.comma', issue.lang)}" if p.document_number else "")
               for p in plans.values()]  # fmt: skip
    simulated = any(row.is_simulated for row in ledger.targets)
    if simulated:
        sources.append(issue.t("source_simulated"))
    of = issue.departments.get(department, department) if part == "department" else ""
    if part == "target" and rows:
        of = capital(target_name(rows[0].target, issue.lang))
    title = issue.t("one_title", of=of, city=issue.city_name) if of else issue.t("ledger_title", city=issue.city_name)
    facts = [issue.t("on", date=day(ledger.on, issue.lang)), *([issue.t("only", filters=join(filters, issue.lang))] if filters else [])]
    return _brief(issue, "ledger", title, sections, sources, simulated, facts, freeze)


def overview_brief(
    issue: Issue, headline: Sequence[tuple[Card, Metric]], clauses: Sequence[opening.Part],
    by_area: Mapping[str, Sequence[Reading]], areas: Sequence[Area], events: Sequence[Event], area_names: Mapping[str, str],
    ledger: Ledger, supplied: Sequence[str],
) -> Brief:  # fmt: skip
    """The overview as a briefing: the sentence, headline figures, areas side by side, alerts, the worst promises.

    Parameters
    ----------
    by_area : metric id → one reading an area
    areas : the areas below the city
    supplied : the sources in words
    """
    lang = issue.lang
    said = t("sentence.joint", lang).join(part.text for part in clauses)
    figures = Figures(tuple(headline_figure(issue, card, metric) for card, metric in headline))
    sections = [Section(issue.t("now"), (Text(said, "lead"), figures))]
    if areas and by_area:
        sections.append(Section(issue.t("areas"), (area_table(issue, [m for _, m in headline if m.id in by_area], by_area, areas),),
                                note=issue.t("rank_note")))  # fmt: skip
    live = [e for e in ticker.sort_events(events) if e.state != "closed"]
    sections.append(Section(issue.t("events"), (event_table(issue, live[:MOST_EVENTS], area_names) if live else Text(issue.t("no_events")),),
                            note=issue.t("events_note", n=len(live))))  # fmt: skip
    rows, _ = fold(ledger.targets)
    judged = [row for row in rows if row.status != "not_measurable"]
    if judged:
        worst = sort_rows(judged, "status", lang)[:MOST_WORST]
        # what counts is the whole ledger, but only the worst are listed: the sheet has no column to count
        bars = Counts(count_bar(judged, issue).items)
        sections.append(Section(issue.t("plan"), (_lead(issue, rows, ledger), bars, target_table(issue, worst, axis_of(judged, ledger.on)))))
    simulated = any(card.reading.is_simulated for card, _ in headline) or any(row.is_simulated for row in rows)
    return _brief(issue, "overview", issue.t("overview_title", city=issue.city_name), sections, list(supplied), simulated, [], None)


def changes_brief(issue: Issue, changes: Sequence[Change], before: str, after: str, simulated: bool) -> Brief:
    """What changed between two ledgers as a briefing; `before` and `after` name them."""
    words = [change_words(c, issue.departments, issue.lang) for c in changes]
    heads = [issue.t(f"change_{key}") for key in ("kind", "name", "owner", "before", "after")]
    rows = tuple(
        (Cell(w.kind, tone="alert" if w.tone else "strong"), Cell(capital(w.name)),
         Cell(w.owner, mark=t("state.simulated", issue.lang) if c.is_simulated else "", tone="quiet"), Cell(w.before), Cell(w.after))
        for c, w in zip(changes, words, strict=True)
    )  # fmt: skip
    table = Table("changes", "", tuple(Column(h, w) for h, w in zip(heads, (1.3, 3.0, 2.0, 1.5, 1.5), strict=True)), rows)
    block = table if rows else Text(issue.t("no_changes"))
    section = Section(issue.t("changes"), (block,), note=issue.t("changes_note", n=len(rows)))
    sources = [issue.t("source_simulated")] if simulated else []
    return _brief(issue, "changes", issue.t("changes_title", city=issue.city_name), [section], sources, simulated,
                  [issue.t("between", before=before, after=after)], None)  # fmt: skip


# ---------------------------------------------------------------------- parts


def target_sections(issue: Issue, row: LedgerTarget) -> list[Section]:
    """One target in figures: base, promise, pace and forecast, who reported last and who looked through it."""
    lang, one, pace, last = issue.lang, row.target, row.pace, row.last_report
    facts = [("goal", target_value(one, lang)), ("deadline", one.deadline or "—"), ("owner", owner_words(issue, row.leads)),
             ("why", reason_words(row, lang))]  # fmt: skip
    if pace is not None:
        facts += [("base", f"{amount(pace.base, one, lang)} · {short_day(pace.base_on)}"),
                  ("actual", f"{amount(pace.actual, one, lang)} · {short_day(pace.actual_on)}"),
                  ("expected", amount(pace.expected_linear, one, lang)), ("recent", amount(pace.recent_per_month, one, lang)),
                  ("best", amount(pace.best_per_month, one, lang))]  # fmt: skip
        # after the deadline nothing is needed any more, and what is not reached has no day
        facts += [("needed", amount(pace.needed_per_month, one, lang))] if pace.needed_per_month is not None else []
        days = (("latest_start", pace.latest_start), ("reached_on", pace.reached_on))
        facts += [(key, short_day(on)) for key, on in days if on is not None]
    if pace is not None and pace.forecast is not None:
        guess = pace.forecast
        facts.append(("forecast", f"{amount(guess.value, one, lang)} · {short_day(guess.on)} · {forecast_note(guess, one, lang)}"))
    if last is not None:
        unproved = "" if last.author_known else f" ({t('live.unauthenticated', lang)})"
        facts.append(("reported", f"{last.author}{unproved} · {short_day(last.data_on)} · {last.reviewer or '—'}"))
    simulated = t("state.simulated", lang) if row.is_simulated else ""
    columns = (Column(issue.t("fact.what"), 1.4), Column(issue.t("fact.value"), 3.0))
    table = Table(f"facts-{one.target_id}", capital(target_name(one, lang)), columns,
                  tuple((Cell(issue.t(f"fact.{key}"), tone="quiet"),
                         Cell(value, mark=simulated if key in ("owner", "reported") else "")) for key, value in facts))  # fmt: skip
    return [Section(issue.t("facts"), (table,))]


def _brief(
    issue: Issue, kind: str, title: str, sections: Sequence[Section], sources: Sequence[str], simulated: bool,
    facts: Sequence[str], freeze: Freeze | None,
) -> Brief:  # fmt: skip
    lang = issue.lang
    said = [*facts, issue.t("issued", time=formats.full_moment(issue.now_utc, issue.tz, lang))]
    if freeze is not None:
        said.append(issue.t("frozen", name=freeze.name, by=freeze.by, time=formats.full_moment(freeze.frozen_at_utc, issue.tz, lang),
                            hash=freeze.sha256[:16]))  # fmt: skip
    elif issue.snapshot is not None:
        said.append(t("live.snapshot", lang, id=issue.snapshot))
    labels = {key: issue.t(f"label.{key}") for key in ("page", "hash", "sources", "product", "total", "simulated", "counts")}
    return Brief(
        kind=kind, city=issue.city, lang=lang, masthead=issue.t("masthead", city=issue.city_name), title=title, facts=tuple(said),
        mark=t("live.simulated", lang) if simulated else "", sections=tuple(sections), sources=tuple(sources), labels=labels,
        freeze_id=freeze.freeze_id if freeze else "", freeze_sha256=freeze.sha256 if freeze else "",
    )  # fmt: skip


def _lead(issue: Issue, rows: Sequence[LedgerTarget], ledger: Ledger) -> Text:
    found = counts([row for row in rows if row.status != "not_measurable"])
    parts = join([issue.t("n_status", status=status_word(s, issue.lang), n=n) for s, n in found.items()], issue.lang)
    text_only = sum(row.status == "not_measurable" for row in rows)
    key = "lead" if found else "lead_none"
    said = issue.t(key, date=day(ledger.on, issue.lang), n=len(rows), judged=len(rows) - text_only, parts=parts)
    return Text(said + (issue.t("lead_text_only", n=text_only) if text_only and found else ""), "lead")
