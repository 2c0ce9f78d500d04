"""Briefings (快报): the overview and the ledger as documents, worded here; `data_pipeline.ledger.brief` sets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from components import formats, ticker
from components import sentence as opening
from components.i18n import Lang, has, pick, t
from components.ledger.briefing_path import path_svg
from components.ledger.changes import change_words
from components.ledger.listing import fold, sort_rows
from components.ledger.paths import TimeAxis, axis_of
from components.ledger.printed import target_value
from components.ledger.projects import StageSum, is_group, rolling, stage_word
from components.ledger.words import (
    amount,
    counts,
    day,
    forecast_note,
    join,
    method_words,
    owner_names,
    reason_words,
    short_day,
    span,
    status_word,
    target_name,
)
from data_pipeline.cities import Area
from data_pipeline.ledger.brief import Brief, Cell, Column, Counts, Figure, Figures, Section, Share, Table, Text
from data_pipeline.ledger.diff import Change
from data_pipeline.ledger.types import Freeze, Ledger, LedgerTarget
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Event, Reading

MOST_EVENTS, MOST_WORST, MOST_BLOCKED, MOST_NAMED = 14, 8, 20, 3


class PlanStageSum(StageSum, Protocol):
    """Sums of one stage of one plan."""

    @property
    def plan_id(self) -> str: ...


@dataclass(frozen=True)
class Issue:
    """What every briefing says of itself: city, language, clock, offices' names (as printed → name), snapshot."""

    city: str
    city_name: str
    lang: Lang
    tz: ZoneInfo
    now_utc: datetime
    departments: Mapping[str, str]
    snapshot: int | None

    def t(self, key: str, **values: object) -> str:
        """A text of the briefing."""
        return t(f"briefing.{key}", self.lang, **values)


def ledger_brief(
    issue: Issue, ledger: Ledger, sums: Sequence[PlanStageSum], freeze: Freeze | None, *, part: str = "ledger", target: str = ""
) -> Brief:
    """The ledger as a briefing: counts by status, targets worst first with their paths, departments, projects, systems.

    Parameters
    ----------
    sums : by plan and stage, as `data_pipeline.ledger.boards.project_sums` makes them
    freeze : the freeze `ledger` was read from, None for the ledger as it is now
    part : `ledger` for all of it, or one page of it: `targets`, `departments`, `projects`, `systems`, `target`
    target : id of the only target shown, where `part` is `target`
    """
    rows, _ = fold(ledger.targets)
    if part == "target":
        chosen = ledger.target(target)
        rows = [row for row in ledger.targets if chosen and row.target.target_id in (target, chosen.target.same_as)]
    judged = [row for row in rows if row.status != "not_measurable"]
    axis = axis_of(judged or rows, ledger.on)
    sections: list[Section] = []
    if part in ("ledger", "targets"):
        sections.append(Section(issue.t("status"), (_lead(issue, rows, ledger), _counts(judged, issue))))
    if judged and part in ("ledger", "targets", "target"):
        sections.append(Section(issue.t("worst"), (_targets(issue, sort_rows(judged, "status", issue.lang), axis),),
                                note=issue.t("path_note", start=day(axis.start, issue.lang), end=day(axis.end, issue.lang))))  # fmt: skip
    if part == "target":
        sections += [section for row in rows for section in target_sections(issue, row)]
    sections += _departments(issue, ledger) if part in ("ledger", "departments") else []
    sections += _projects(issue, ledger, sums) if part in ("ledger", "projects") else []
    sections += _systems(issue, ledger) if part in ("ledger", "systems") else []
    plans = {row.plan.plan_id: row.plan for row in rows}
    sources = [issue.t("source_plan", title=pick(p.title_zh, p.title_en, issue.lang), date=p.issued_date,
                       number=f"{p.document_number}{t('ledger.comma', issue.lang)}" if p.document_number else "")
               for p in plans.values()]  # fmt: skip
    simulated = any(row.is_simulated for row in ledger.targets)
    if simulated:
        sources.append(issue.t("source_simulated"))
    return _brief(issue, "ledger", issue.t("ledger_title", city=issue.city_name), sections, sources, simulated,
                  [issue.t("on", date=day(ledger.on, issue.lang))], freeze)  # fmt: skip


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
    figures = Figures(tuple(_figure(issue, card, metric) for card, metric in headline))
    sections = [Section(issue.t("now"), (Text(said, "lead"), figures))]
    if areas and by_area:
        sections.append(Section(issue.t("areas"), (_areas(issue, [m for _, m in headline if m.id in by_area], by_area, areas),),
                                note=issue.t("rank_note")))  # fmt: skip
    live = [e for e in ticker.sort_events(events) if e.state != "closed"]
    sections.append(Section(issue.t("events"), (_events(issue, live[:MOST_EVENTS], area_names) if live else Text(issue.t("no_events")),),
                            note=issue.t("events_note", n=len(live))))  # fmt: skip
    rows, _ = fold(ledger.targets)
    judged = [row for row in rows if row.status != "not_measurable"]
    if judged:
        worst = sort_rows(judged, "status", lang)[:MOST_WORST]
        # what counts is the whole ledger, but only the worst are listed: the sheet has no column to count
        bars = Counts(_counts(judged, issue).items)
        sections.append(Section(issue.t("plan"), (_lead(issue, rows, ledger), bars, _targets(issue, worst, axis_of(judged, ledger.on)))))
    simulated = any(card.reading.is_simulated for card, _ in headline) or any(row.is_simulated for row in rows)
    return _brief(issue, "overview", issue.t("overview_title", city=issue.city_name), sections, list(supplied), simulated, [], None)


def changes_brief(issue: Issue, changes: Sequence[Change], before: str, after: str, simulated: bool) -> Brief:
    """What changed between two ledgers as a briefing; `before` and `after` name them."""
    words = [change_words(c, issue.departments, issue.lang) for c in changes]
    heads = [issue.t(f"change_{key}") for key in ("kind", "name", "owner", "before", "after")]
    rows = tuple(
        (Cell(w.kind, tone="alert" if w.tone else "strong"), Cell(w.name), Cell(w.owner, tone="quiet"), Cell(w.before), Cell(w.after))
        for w in words
    )
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
    facts = [("goal", target_value(one, lang)), ("deadline", one.deadline or "—"), ("owner", _owner(issue, one.lead_dept_zh)),
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
    columns = (Column(issue.t("fact.what"), 1.4), Column(issue.t("fact.value"), 3.0))
    table = Table(f"facts-{one.target_id}", target_name(one, lang), columns,
                  tuple((Cell(issue.t(f"fact.{key}"), tone="quiet"), Cell(value)) for key, value in facts))  # fmt: skip
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


def _counts(rows: Sequence[LedgerTarget], issue: Issue) -> Counts:
    return Counts(tuple(Share(status_word(s, issue.lang), n, s) for s, n in counts(rows).items()), of=("targets", 0))


def _targets(issue: Issue, rows: Sequence[LedgerTarget], axis: TimeAxis) -> Table:
    lang = issue.lang
    heads = [t(f"ledger.col.{key}", lang) for key in ("status", "name", "goal", "actual", "path", "forecast")]
    widths = (0.0, 3.5, 1.4, 1.35, 2.3, 1.8)
    columns = tuple(Column(h, w, i in (2, 3, 5)) for i, (h, w) in enumerate(zip(heads, widths, strict=True)))
    return Table("targets", "", columns, tuple(_target(issue, row, axis) for row in rows))


def _target(issue: Issue, row: LedgerTarget, axis: TimeAxis) -> tuple[Cell, ...]:
    lang, one, pace = issue.lang, row.target, row.pace
    owner = _owner(issue, one.lead_dept_zh)
    mark = f" · {t('state.simulated', lang)}" if row.is_simulated else ""
    where = issue.t("clause", clause=row.clause.clause)
    known = pace is not None
    if pace is not None and pace.reached_on is not None:
        outlook = Cell(issue.t("reached"), short_day(pace.reached_on))
    elif pace is not None and pace.forecast is not None:
        ahead = pace.forecast
        outlook = Cell(amount(ahead.value, one, lang), issue.t("outlook", span=span(ahead.low, ahead.high, one, lang), date=f"{ahead.on:%Y-%m}", method=method_words(ahead.method, lang)), value=ahead.value, places=2)
    elif row.last_report is not None and row.last_report.expected_on is not None:
        outlook = Cell(short_day(row.last_report.expected_on), issue.t("expected_done"))
    else:
        outlook = Cell(reason_words(row, lang) if row.status != "done" else "—", tone="quiet")
    stage = row.last_report.stage if row.last_report is not None else ""
    if pace is not None:
        actual = Cell(amount(pace.actual, one, lang), short_day(pace.actual_on), value=pace.actual, places=2)
    elif stage:
        actual = Cell(stage_word(stage, lang), short_day(row.last_report.data_on if row.last_report else None))
    else:
        actual = Cell(t("state.no_data", lang), tone="quiet")
    goal = Cell(target_value(one, lang), one.deadline or "", value=one.value, places=2)
    return (
        Cell(status_word(row.status, lang), tone="alert" if row.status == "stalled" else "strong"),
        Cell(target_name(one, lang), f"{where} · {owner}{mark}"), goal, actual,
        Cell("", drawing=path_svg(row, axis) if known or stage else ""), outlook,
    )  # fmt: skip


def _owner(issue: Issue, leads_zh: str) -> str:
    """The lead departments, at most three by name; or that the plan names none."""
    names = owner_names(leads_zh, issue.departments)
    if not names:
        return issue.t("no_owner")
    more = f" {t('ledger.and_more', issue.lang, n=len(names))}" if len(names) > MOST_NAMED else ""
    return join(names[:MOST_NAMED], issue.lang) + more


def _departments(issue: Issue, ledger: Ledger) -> list[Section]:
    boards = sorted((b for b in ledger.departments if b.led), key=lambda b: (b.rank is None, b.rank or 0, -b.led))
    if not boards:
        return []
    lang = issue.lang
    keys = ("department", "led", "on_pace", "late", "behind", "no_data", "overdue_reports", "rank")
    columns = tuple(Column(issue.t(f"dep.{key}"), 3.2 if key == "department" else 1.0, key != "department") for key in keys)
    rows = []
    for board in boards:
        by = board.by_status
        name = pick(board.department.dept_zh, board.department.dept_en, lang)
        figures = (board.led, board.on_pace, board.overdue_targets, by.get("behind", 0) + by.get("at_risk", 0), by.get("no_data", 0),
                   board.overdue_reports)  # fmt: skip
        mark = t("state.simulated", lang) if board.is_simulated else ""
        rows.append((Cell(name, mark=mark), *(_whole(n) for n in figures),
                     Cell(str(board.rank) if board.rank is not None else "—", tone="" if board.rank is not None else "quiet")))  # fmt: skip
    total = tuple(Cell(str(sum(int(row[i].value or 0) for row in rows)), value=float(sum(int(row[i].value or 0) for row in rows)),
                       is_sum=True) for i in range(1, 7))  # fmt: skip
    # a promise with two leads stands in both rows, so the sum may pass the number of targets
    rows.append((Cell(issue.t("label.total"), tone="strong"), *total, Cell("")))
    return [Section(issue.t("departments"), (Table("departments", "", columns, tuple(rows), note=issue.t("dep.note")),))]


def _projects(issue: Issue, ledger: Ledger, sums: Sequence[PlanStageSum]) -> list[Section]:
    if not sums:
        return []
    lang = issue.lang
    columns = tuple(Column(issue.t(f"prj.{key}"), 2.0 if key == "stage" else 1.4, key != "stage")
                    for key in ("stage", "number", "planned", "invested", "blocked"))  # fmt: skip
    plans = {row.plan.plan_id: pick(row.plan.title_zh, row.plan.title_en, lang) for row in ledger.projects}
    several = len({s.plan_id for s in sums}) > 1
    # stages of which somebody has said whether anything is blocked: silence is no nought
    told = {(row.plan.plan_id, row.stage) for row in ledger.projects if row.blocked is not None}
    rows = [(Cell(stage_word(s.stage, lang), plans.get(s.plan_id, "") if several else ""), _whole(s.projects_n), _money(s.planned_yi_yuan, lang), _money(s.invested_yi_yuan, lang),
             _whole(s.blocked_n) if (s.plan_id, s.stage) in told else Cell("—", tone="quiet")) for s in sums]  # fmt: skip
    total = [Cell(issue.t("label.total"), tone="strong")]
    for i in range(1, 5):
        values = [value for row in rows if (value := row[i].value) is not None]
        money = i in (2, 3)
        said = "—" if not values else formats.number(sum(values), 2 if money else 0)
        total.append(Cell(said, value=round(sum(values), 2) if values else None, places=2 if money else 0, is_sum=bool(values)))
    blocks: list[Table] = [Table("projects", "", columns, (*rows, tuple(total)), note=issue.t("prj.note"))]
    stuck = [row for row in rolling(ledger.projects) if row.blocked and not is_group(row)]
    if stuck:
        heads = ("name", "stage", "cause", "owner", "expected")
        lines = tuple((Cell(pick(r.project.name_zh, r.project.name_en, lang), mark=t("state.simulated", lang) if r.is_simulated else ""),
                       Cell(stage_word(r.stage, lang)), Cell(r.blocked_cause or "—"),
                       Cell(issue.departments.get(r.blocked_owner, r.blocked_owner) or "—"), Cell(short_day(r.expected_on)))
                      for r in stuck[:MOST_BLOCKED])  # fmt: skip
        blocks.append(Table("blocked", issue.t("prj.stuck", n=len(stuck)), tuple(
            Column(issue.t(f"prj.{h}"), w) for h, w in zip(heads, (3.4, 1.1, 2.2, 2.2, 1.1), strict=True)), lines))  # fmt: skip
    return [Section(issue.t("projects"), tuple(blocks))]


def _systems(issue: Issue, ledger: Ledger) -> list[Section]:
    asked = [row for row in ledger.systems if row.system.dashboard_role != "out"]
    if not asked:
        return []
    works = [(key, sum(row.works is value for row in asked)) for key, value in (("works", True), ("not_yet", False), ("unknown", None))]
    rows = [(Cell(issue.t(f"sys.{key}")), _whole(n)) for key, n in works]
    rows.append((Cell(issue.t("label.total"), tone="strong"), Cell(str(len(asked)), value=float(len(asked)), is_sum=True)))
    columns = (Column(issue.t("sys.state"), 3.0), Column(issue.t("sys.number"), 1.0, True))
    note = issue.t("sys.note", out=len(ledger.systems) - len(asked))
    return [Section(issue.t("systems"), (Table("systems", "", columns, tuple(rows), note=note),))]


def _figure(issue: Issue, card: Card, metric: Metric) -> Figure:
    lang, reading = issue.lang, card.reading
    shown = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    notes = [formats.period_words(reading, issue.tz, lang, issue.now_utc, so_far=metric.is_additive)]
    if reading.data_as_of_utc is not None:
        notes.append(t("live.as_of", lang, time=formats.moment(reading.data_as_of_utc, issue.tz, lang, issue.now_utc)))
    complete = formats.partial_words(reading, lang)
    if complete and reading.value is not None:
        notes.append(complete)
    moved = formats.change(card.previous, metric.unit, metric.decimals, lang)
    if moved is not None:
        notes.append(f"{t('change.previous', lang)} {moved.arrow} {moved.amount}")
    notes += [words for words in formats.status_words(reading, issue.tz, lang, issue.now_utc) if words not in notes]
    marks = formats.simulated_words(reading.simulated_share, lang)
    if marks:
        notes.append(marks)
    return Figure(pick(metric.name_zh, metric.name_en, lang), shown.number, shown.unit, tuple(notes), reading.is_simulated,
                  "" if shown.is_value else "quiet")  # fmt: skip


def _areas(
    issue: Issue, metrics: Sequence[Metric], by_area: Mapping[str, Sequence[Reading]], areas: Sequence[Area]
) -> Table:
    """Areas × headline figures; the small number is the area's place by what is better."""
    lang = issue.lang
    columns = [Column(issue.t("area"), 1.6)]
    cells: dict[str, list[Cell]] = {area.id: [Cell(pick(area.name_zh, area.name_en, lang), tone="strong")] for area in areas}
    for metric in metrics:
        found = {reading.area: reading for reading in by_area[metric.id]}
        shown, unit = formats.alike([found[a.id].value if a.id in found else None for a in areas], metric.unit, metric.decimals, lang)
        name = pick(metric.name_zh, metric.name_en, lang)
        columns.append(Column(f"{name} ({unit})" if unit else name, 1.0, True))
        known = sorted({r.value for r in found.values() if r.value is not None}, reverse=metric.better == "higher")
        for area, figure in zip(areas, shown, strict=True):
            value = found[area.id].value if area.id in found else None
            place = "" if value is None or metric.better == "neither" else issue.t("place", n=known.index(value) + 1)
            cells[area.id].append(Cell(figure.number, place, tone="" if figure.is_value else "quiet"))
    return Table("areas", "", tuple(columns), tuple(tuple(cells[area.id]) for area in areas))


def _events(issue: Issue, events: Sequence[Event], names: Mapping[str, str]) -> Table:
    lang = issue.lang
    heads = ("since", "severity", "what", "where", "whose", "state")
    columns = tuple(Column(issue.t(f"event.{h}"), w) for h, w in zip(heads, (1.3, 0.9, 4.4, 1.2, 1.8, 1.0), strict=True))
    rows = []
    for event in events:
        key = f"severity.{event.severity}"
        grave = event.kind == "alert" and event.severity in ticker.SIGNAL_SEVERITIES
        mark = t("state.simulated", lang) if event.is_simulated else ""
        rows.append((
            Cell(formats.moment(event.opened_at_utc, issue.tz, lang, issue.now_utc)),
            Cell(t(key, lang) if has(key, lang) else event.severity or "—", tone="alert" if grave else ""),
            Cell(pick(event.title_zh, event.title_en, lang), mark=mark), Cell(names.get(event.area or "", "—")),
            Cell(issue.departments.get(event.department, event.department) or "—"), Cell(t(f"event.{event.state}", lang)),
        ))  # fmt: skip
    return Table("events", "", columns, tuple(rows))


def _whole(n: int) -> Cell:
    return Cell(formats.number(n, 0), value=float(n), tone="" if n else "quiet")


def _money(yi_yuan: float | None, lang: Lang) -> Cell:
    if yi_yuan is None:
        return Cell(t("ledger.not_given", lang), tone="quiet")
    return Cell(formats.number(yi_yuan, 2), value=yi_yuan, places=2)
