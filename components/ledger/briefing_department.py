"""The briefing of one department: what it leads and shares, what it owes, its projects and systems."""

from __future__ import annotations

from collections.abc import Sequence

from components import formats
from components.i18n import pick, t
from components.ledger.briefing_tables import Issue, capital, count_bar, target_table
from components.ledger.listing import sort_rows
from components.ledger.paths import TimeAxis
from components.ledger.projects import is_group, rolling
from components.ledger.words import counts, day, join, short_day, stage_word, status_word, target_name
from data_pipeline.ledger.brief import Cell, Column, Section, Table, Text
from data_pipeline.ledger.types import Ledger, LedgerTarget


def office_sections(issue: Issue, ledger: Ledger, rows: Sequence[LedgerTarget], department: str, axis: TimeAxis) -> list[Section]:
    """Sections of the briefing of one office.

    Parameters
    ----------
    rows : the distinct targets it leads or shares
    department : as the plan spells it
    """
    led = [row for row in rows if department in row.leads]
    found = [_led(issue, ledger, led, department, axis)]
    shared = [row for row in rows if department not in row.leads and row.status != "not_measurable"]
    if shared:
        table = target_table(issue, sort_rows(shared, "status", issue.lang), axis, "shared")
        found.append(Section(t("ledger.dept.shared_targets", issue.lang), (table,), note=t("ledger.n_targets", issue.lang, n=len(shared))))
    return [*found, *_due(issue, led), *_projects(issue, ledger, department), *_systems(issue, ledger, department)]


def _led(issue: Issue, ledger: Ledger, led: Sequence[LedgerTarget], department: str, axis: TimeAxis) -> Section:
    lang = issue.lang
    judged = [row for row in led if row.status != "not_measurable"]
    parts = join([issue.t("n_status", status=status_word(s, lang), n=n) for s, n in counts(judged).items()], lang)
    said = issue.t("dep.lead" if judged else "dep.lead_none", date=day(ledger.on, lang), n=len(led), judged=len(judged), parts=parts,
                   department=issue.departments.get(department, department))  # fmt: skip
    head = t("ledger.dept.led_targets", lang)
    if not judged:
        return Section(head, (Text(said, "lead"),))
    note = issue.t("path_note", start=day(axis.start, lang), end=day(axis.end, lang))
    return Section(head, (Text(said, "lead"), count_bar(judged, issue), target_table(issue, sort_rows(judged, "status", lang), axis)), note=note)


def _due(issue: Issue, led: Sequence[LedgerTarget]) -> list[Section]:
    """The overdue reports, the longest overdue first."""
    lang = issue.lang
    late = sorted((row for row in led if row.report_overdue_days), key=lambda row: -(row.report_overdue_days or 0))
    if not late:
        return []
    columns = tuple(Column(t(f"ledger.due.{h}", lang), w) for h, w in zip(("target", "last", "due_on", "late"), (4.0, 1.2, 1.2, 1.2), strict=True))
    lines = tuple(
        (Cell(capital(target_name(row.target, lang))),
         Cell(short_day(row.last_report.data_on) if row.last_report else t("reports.never", lang), tone="" if row.last_report else "quiet"),
         Cell(short_day(row.report_due_on)), Cell(t("reports.overdue", lang, n=row.report_overdue_days)))
        for row in late
    )  # fmt: skip
    return [Section(t("ledger.reports_due", lang), (Table("due", "", columns, lines),), note=t("ledger.n_late", lang, n=len(late), all=sum(row.report_due_on is not None for row in led)))]


def _projects(issue: Issue, ledger: Ledger, department: str) -> list[Section]:
    lang = issue.lang
    own = [row for row in ledger.projects if department in row.project.lead_depts_zh and not is_group(row)]
    if not own:
        return []
    heads, widths = ("name", "stage", "planned", "invested", "expected", "cause"), (3.6, 1.0, 1.2, 1.2, 1.1, 2.0)
    columns = tuple(Column(issue.t(f"prj.{h}"), w, h in ("planned", "invested")) for h, w in zip(heads, widths, strict=True))
    lines = tuple(
        (Cell(capital(pick(row.project.name_zh, row.project.name_en, lang)), mark=t("state.simulated", lang) if row.is_simulated else ""),
         Cell(stage_word(row.stage, lang, "project")), money(row.project.investment_yi_yuan), money(row.invested_yi_yuan),
         Cell(short_day(row.expected_on)), Cell(row.blocked_cause if row.blocked else "—"))
        for row in rolling(own)
    )  # fmt: skip
    return [Section(issue.t("projects"), (Table("projects", "", columns, lines),), note=t("ledger.n_projects", lang, n=len(own)))]


def money(yi_yuan: float | None) -> Cell:
    """Money in 100 million yuan; an em dash where nobody gives it."""
    return Cell("—", tone="quiet") if yi_yuan is None else Cell(formats.number(yi_yuan, 2), value=yi_yuan, places=2)


def _systems(issue: Issue, ledger: Ledger, department: str) -> list[Section]:
    lang = issue.lang
    own = [row for row in ledger.systems if department in row.system.lead_depts_zh and row.system.dashboard_role == "track"]
    if not own:
        return []
    columns = tuple(Column(t(f"ledger.sys.{h}", lang), w) for h, w in zip(("system", "state", "deadline", "reported"), (4.0, 1.2, 1.2, 1.2), strict=True))
    lines = tuple(
        (Cell(capital(pick(row.system.name_zh, row.system.name_en, lang)), mark=t("state.simulated", lang) if row.is_simulated else ""),
         Cell(stage_word(row.stage, lang) if row.stage else t("state.no_data", lang), tone="" if row.stage else "quiet"),
         Cell(short_day(row.deadline)), Cell(short_day(row.last_report.data_on if row.last_report else None)))
        for row in own
    )  # fmt: skip
    return [Section(t("ledger.role.track", lang), (Table("systems", "", columns, lines),), note=t("ledger.n_systems", lang, n=len(own)))]
