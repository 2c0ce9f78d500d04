"""Tables of briefings: targets with their paths, departments, projects, systems, areas, events. Worded here, set elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from components import formats, ticker
from components.i18n import Lang, has, pick, t
from components.ledger.briefing_path import path_svg
from components.ledger.paths import TimeAxis
from components.ledger.printed import target_value
from components.ledger.projects import StageSum, is_group, rolling
from components.ledger.words import (
    amount,
    counts,
    join,
    method_words,
    owner_names,
    reason_words,
    short_day,
    span,
    stage_word,
    status_word,
    target_name,
)
from data_pipeline.cities import Area
from data_pipeline.ledger.brief import Cell, Column, Counts, Figure, Section, Share, Table
from data_pipeline.ledger.types import Ledger, LedgerTarget
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Card, Event, Reading

MOST_BLOCKED, MOST_NAMED = 20, 3


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


def count_bar(rows: Sequence[LedgerTarget], issue: Issue) -> Counts:
    """How many of the judged targets stand where; a workbook counts them in the table `targets`."""
    return Counts(tuple(Share(status_word(s, issue.lang), n, s) for s, n in counts(rows).items()), of=("targets", 0))


def target_table(issue: Issue, rows: Sequence[LedgerTarget], axis: TimeAxis, id: str = "targets") -> Table:
    """Targets in the given order: status, name with clause and lead, promise, actual, path on the shared axis, forecast."""
    lang = issue.lang
    heads = [t(f"ledger.col.{key}", lang) for key in ("status", "name", "goal", "actual", "path", "forecast")]
    widths = (0.0, 3.25, 1.3, 1.3, 1.9, 2.6)
    columns = tuple(Column(h, w, i in (2, 3, 5)) for i, (h, w) in enumerate(zip(heads, widths, strict=True)))
    return Table(id, "", columns, tuple(_target(issue, row, axis) for row in rows))


def _target(issue: Issue, row: LedgerTarget, axis: TimeAxis) -> tuple[Cell, ...]:
    lang, one, pace = issue.lang, row.target, row.pace
    owner = owner_words(issue, row.leads)
    # the mark never stands alone on a line
    mark = f"\u00a0·\u00a0{t('state.simulated', lang)}" if row.is_simulated else ""
    where = issue.t("clause", clause=row.clause.clause)
    known = pace is not None
    if row.done_on is not None:
        outlook = Cell(issue.t("reached"), short_day(row.done_on))
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
        Cell(capital(target_name(one, lang)), f"{where} · {owner}{mark}"), goal, actual,
        Cell("", drawing=path_svg(row, axis) if known or stage else ""), outlook,
    )  # fmt: skip


def capital(name: str) -> str:
    """A name as a line begins with it."""
    return name[:1].upper() + name[1:]


def owner_words(issue: Issue, leads_zh: Sequence[str]) -> str:
    """The lead departments, at most three by name; or that the plan names none."""
    names = owner_names(leads_zh, issue.departments)
    if not names:
        return issue.t("no_owner")
    more = f" {t('ledger.and_more', issue.lang, n=len(names) - MOST_NAMED)}" if len(names) > MOST_NAMED else ""
    return join(names[:MOST_NAMED], issue.lang) + more


def department_sections(issue: Issue, ledger: Ledger) -> list[Section]:
    """A row a department that leads something, by rank, and the sums; empty where the plans name none."""
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


def project_sections(issue: Issue, ledger: Ledger, sums: Sequence[PlanStageSum]) -> list[Section]:
    """Sums by stage, and the blocked projects with cause and who has to act; empty where the plans name no project."""
    if not sums:
        return []
    lang = issue.lang
    columns = tuple(Column(issue.t(f"prj.{key}"), 2.0 if key == "stage" else 1.4, key != "stage")
                    for key in ("stage", "number", "planned", "invested", "blocked"))  # fmt: skip
    plans = {row.plan.plan_id: pick(row.plan.title_zh, row.plan.title_en, lang) for row in ledger.projects}
    several = len({s.plan_id for s in sums}) > 1
    # stages of which somebody has said whether anything is blocked: silence is no nought
    told = {(row.plan.plan_id, row.stage) for row in ledger.projects if row.blocked is not None}
    rows = [(Cell(stage_word(s.stage, lang, "project"), plans.get(s.plan_id, "") if several else ""), _whole(s.projects_n), _money(s.planned_yi_yuan, lang), _money(s.invested_yi_yuan, lang, s.is_simulated),
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
        lines = tuple((Cell(capital(pick(r.project.name_zh, r.project.name_en, lang)), mark=t("state.simulated", lang) if r.is_simulated else ""),
                       Cell(stage_word(r.stage, lang, "project")), Cell(r.blocked_cause or "—"),
                       Cell(issue.departments.get(r.blocked_owner, r.blocked_owner) or "—"), Cell(short_day(r.expected_on)))
                      for r in stuck[:MOST_BLOCKED])  # fmt: skip
        blocks.append(Table("blocked", issue.t("prj.stuck", n=len(stuck)), tuple(
            Column(issue.t(f"prj.{h}"), w) for h, w in zip(heads, (3.4, 1.1, 2.2, 2.2, 1.1), strict=True)), lines))  # fmt: skip
    return [Section(issue.t("projects"), tuple(blocks))]


def system_sections(issue: Issue, ledger: Ledger) -> list[Section]:
    """How much of what the plans asked for works; empty where they name no system."""
    asked = [row for row in ledger.systems if row.system.dashboard_role != "out"]
    if not asked:
        return []
    works = [(key, sum(row.works is value for row in asked)) for key, value in (("works", True), ("not_yet", False), ("unknown", None))]
    mark = t("state.simulated", issue.lang) if any(row.is_simulated for row in asked) else ""
    rows = [(Cell(issue.t(f"sys.{key}"), mark=mark if key != "unknown" else ""), _whole(n)) for key, n in works]
    rows.append((Cell(issue.t("label.total"), tone="strong"), Cell(str(len(asked)), value=float(len(asked)), is_sum=True)))
    columns = (Column(issue.t("sys.state"), 3.0), Column(issue.t("sys.number"), 1.0, True))
    note = issue.t("sys.note", out=len(ledger.systems) - len(asked))
    return [Section(issue.t("systems"), (Table("systems", "", columns, tuple(rows), note=note),))]


def headline_figure(issue: Issue, card: Card, metric: Metric) -> Figure:
    """A figure of the overview with its period, data time, completeness and change."""
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
    return Figure(capital(pick(metric.name_zh, metric.name_en, lang)), shown.number, shown.unit, tuple(notes), reading.is_simulated,
                  "" if shown.is_value else "quiet")  # fmt: skip


def area_table(
    issue: Issue, metrics: Sequence[Metric], by_area: Mapping[str, Sequence[Reading]], areas: Sequence[Area]
) -> Table:
    """Areas × headline figures; the small number is the area's place by what is better."""
    lang = issue.lang
    columns = [Column(issue.t("area"), 1.6)]
    cells: dict[str, list[Cell]] = {area.id: [Cell(pick(area.name_zh, area.name_en, lang), tone="strong")] for area in areas}
    for metric in metrics:
        found = {reading.area: reading for reading in by_area[metric.id]}
        shown, unit = formats.alike([found[a.id].value if a.id in found else None for a in areas], metric.unit, metric.decimals, lang)
        name = capital(pick(metric.name_zh, metric.name_en, lang))
        columns.append(Column(f"{name} ({unit})" if unit else name, 1.0, True))
        known = sorted({r.value for r in found.values() if r.value is not None}, reverse=metric.better == "higher")
        for area, figure in zip(areas, shown, strict=True):
            value = found[area.id].value if area.id in found else None
            place = "" if value is None or metric.better == "neither" else issue.t("place", n=known.index(value) + 1)
            cells[area.id].append(Cell(figure.number, place, tone="" if figure.is_value else "quiet"))
    return Table("areas", "", tuple(columns), tuple(tuple(cells[area.id]) for area in areas))


def event_table(issue: Issue, events: Sequence[Event], names: Mapping[str, str]) -> Table:
    """Alerts and events in the given order; `names`: area id → name."""
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


def _money(yi_yuan: float | None, lang: Lang, is_simulated: bool = False) -> Cell:
    if yi_yuan is None:
        return Cell(t("ledger.not_given", lang), tone="quiet")
    return Cell(formats.number(yi_yuan, 2), mark=t("state.simulated", lang) if is_simulated else "", value=yi_yuan, places=2)
