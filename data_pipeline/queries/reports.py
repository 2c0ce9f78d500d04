"""Entries of departments through the door: which wait, how each came about, what the checks say of a new one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import UnknownId
from data_pipeline.ledger import entries
from data_pipeline.ledger.draft import Draft
from data_pipeline.ledger.due import departments, due
from data_pipeline.ledger.types import Due, Finding, Ledger, Past, ReportEntry
from data_pipeline.plans import PlanFacts
from data_pipeline.queries.reading import ReadingLake


class ReportEntries:
    """The part of `Queries` that reads the departments' entries. Needs packs, clock and the connection of its other parts."""

    packs: dict[str, Pack]
    now: Callable[[], datetime]
    _reading: ReadingLake
    ledger: Callable[..., Ledger]
    plan_facts: Callable[[str], PlanFacts]

    def report_entries(
        self, city: str, *, state: str | None = None, department: str | None = None, subject_id: str | None = None
    ) -> list[ReportEntry]:
        """Entries in their present state, newest first; `UnknownId` for a state that is none."""
        if state is not None and state not in entries.STATES:
            raise UnknownId("state", state, entries.STATES)
        pack, lake = find_pack(self.packs, city), self._reading.get()
        if lake is None:
            return []
        return entries.listed(lake, pack.id, state=state, department=department, subject_id=subject_id)

    def report_entry(self, city: str, entry_id: str) -> ReportEntry:
        """One entry in its present state; `UnknownId` where there is none."""
        return self.report_history(city, entry_id)[-1][2]

    def report_history(self, city: str, entry_id: str) -> list[tuple[datetime, str, ReportEntry]]:
        """Every state of one entry, oldest first: when (UTC), who, and the entry as it stood then."""
        pack, lake = find_pack(self.packs, city), self._reading.get()
        if lake is None:
            raise UnknownId("entry", entry_id, [])
        return entries.history(lake, pack.id, entry_id)

    def report_past(self, city: str, subject_id: str) -> list[Past]:
        """What was accepted on a target, project or system so far, by data date."""
        pack, lake = find_pack(self.packs, city), self._reading.get()
        return [] if lake is None else entries.past(lake, pack.id, subject_id)

    def reports_due(self, city: str, department: str | None = None) -> list[Due]:
        """What is reported on, by one office or all: the most overdue first, what is not due last."""
        return due(self.ledger(city), self.plan_facts(city), department)

    def reporting_departments(self, city: str) -> dict[str, tuple[int, int]]:
        """Office → (reports asked of it, of these overdue), most overdue first."""
        return departments(self.ledger(city), self.plan_facts(city))

    def report_findings(self, city: str, draft: Draft) -> list[Finding]:
        """What the checks would say of a draft, errors first; nothing is written."""
        return entries.findings(self._reading.get(), find_pack(self.packs, city), draft, self.now())
