"""Accepted reports of a city, as known at one moment, by what they speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import polars as pl

from data_pipeline.ledger.status import StageReport
from data_pipeline.ledger.types import PathPoint, ReportEntry

Row = Mapping[str, Any]


class Reports:
    """Rows of the dataset `plan_reports`, one a subject and data date; cheap where only a few are asked for.

    Parameters
    ----------
    frame : DataFrame
        Columns of the contract and the system columns, already cut to what was known; None: no reports.
    """

    def __init__(self, frame: pl.DataFrame | None = None) -> None:
        self._frame = frame

    @cached_property
    def _by_subject(self) -> tuple[pl.DataFrame, dict[str, tuple[int, int]]]:
        """The rows, those of a subject together by data date, and where they stand: as Python rows they would take 10 MB a city."""
        if self._frame is None or self._frame.is_empty():
            return pl.DataFrame(), {}
        rows = self._frame.sort("subject_id", "data_on", maintain_order=True)
        counts = rows.group_by("subject_id", maintain_order=True).len().rows()
        starts = accumulate((n for _, n in counts), initial=0)
        return rows, {subject: (start, n) for (subject, n), start in zip(counts, starts, strict=False)}

    def of(self, subject_id: str) -> Sequence[Row]:
        """The reports on one target, project or system by data date; empty where there is none."""
        rows, places = self._by_subject
        return rows.slice(*places[subject_id]).rows(named=True) if subject_id in places else ()

    def last(self, subject_id: str) -> ReportEntry | None:
        """The newest accepted report."""
        rows = self.of(subject_id)
        return entry_of(rows[-1]) if rows else None

    def path(self, subject_id: str) -> tuple[PathPoint, ...]:
        """The reported values by data date."""
        return tuple(
            PathPoint(
                row["data_on"], row["value"], "report", row["is_simulated"], row["known_from_utc"], row["delivery_id"]
            )
            for row in self.of(subject_id)
            if row["value"] is not None
        )


def stage_reports(rows: Sequence[Row]) -> list[StageReport]:
    """Reports as the judge of tickable promises reads them."""
    return [StageReport(row["data_on"], row["stage"] or "", row["expected_on"], row["progress_share"]) for row in rows]


def entry_of(row: Row) -> ReportEntry:
    """An accepted report as an entry; texts that are null become empty."""
    return ReportEntry(
        entry_id=row["entry_id"] or "", city=row["city"], subject=row["subject"], subject_id=row["subject_id"],
        data_on=row["data_on"], state="accepted", value=row["value"], stage=row["stage"] or "",
        expected_on=row["expected_on"], invested_yi_yuan=row["invested_yi_yuan"], blocked=row["blocked"],
        blocked_cause=row["blocked_cause"] or "", blocked_owner=row["blocked_owner"] or "", department=row["department"],
        reason=row["reason"] or "", evidence=tuple(part for part in (row["evidence"] or "").split(";") if part),
        author=row["author"], author_known=bool(row["author_known"]), submitted_at_utc=row["submitted_at"],
        reviewer=row["reviewer"], reviewer_known=bool(row["reviewer_known"]), reviewed_at_utc=row["reviewed_at"],
        review_note="", warnings=(), is_simulated=row["is_simulated"], delivery_id=row["delivery_id"],
    )  # fmt: skip
