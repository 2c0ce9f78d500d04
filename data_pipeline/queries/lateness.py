"""How late a source is, judged when the question is asked: it changes without any commit and recovers by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from data_pipeline.cities import SourceDecl
from data_pipeline.contracts import contract, duration


def past_due(
    source: SourceDecl, last_event_utc: datetime | None, last_received_utc: datetime | None, now: datetime
) -> timedelta | None:
    """Time past due, negative while in time; None where no rhythm is promised or nothing ever came.

    Due = newest data + cadence + grace. Observations are dated by their newest event (the end of
    its interval where the event is the start of one: as long as the contract's cadence, else the source's); registers, cases and archives by their
    newest arrival: one that has nothing new is not late for that.
    """
    if source.state == "off" or source.cadence_s is None:
        return None
    declared = contract(source.dataset)
    newest = last_event_utc if declared.kind == "observation" else last_received_utc
    if newest is None:
        return None
    if declared.kind == "observation" and declared.event_time == "start_at":
        newest += duration(declared.cadence) if declared.cadence else timedelta(seconds=source.cadence_s)
    return now - newest - timedelta(seconds=source.cadence_s + (source.grace_s or 0))


def late_s(
    source: SourceDecl, last_event_utc: datetime | None, last_received_utc: datetime | None, now: datetime
) -> int | None:
    """Seconds a source is past due (see `past_due`); 0 while it is in time, None where nothing says when it is due."""
    past = past_due(source, last_event_utc, last_received_utc, now)
    return None if past is None else max(int(past.total_seconds()), 0)
