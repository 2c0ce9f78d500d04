"""How late a source is, judged when the question is asked: it changes without any commit and recovers by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from data_pipeline.cities import SourceDecl
from data_pipeline.contracts import contract


def late_s(source: SourceDecl, last_event_utc: datetime | None, last_received_utc: datetime | None, now: datetime) -> int | None:
    """Seconds a source is past due; 0 while it is in time, None where no rhythm is promised or nothing ever came.

    Due = newest data + cadence + grace. Observations are dated by their newest event; registers,
    cases and archives by their newest arrival: one that has nothing new is not late for that.
    """
    if source.state == "off" or source.cadence_s is None:
        return None
    newest = last_event_utc if contract(source.dataset).kind == "observation" else last_received_utc
    if newest is None:
        return None
    past = now - newest - timedelta(seconds=source.cadence_s + (source.grace_s or 0))
    return max(int(past.total_seconds()), 0)
