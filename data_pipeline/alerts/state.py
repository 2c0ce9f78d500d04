"""The states of alerts in the store: read the present ones, append a change, take a person's change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import polars as pl

from data_pipeline.errors import UnknownId, UsageError

if TYPE_CHECKING:
    from data_pipeline.store.lake import Lake

State = Literal["open", "in_hand", "closed"]
SYSTEM = "system"
NOTE_LENGTH = 500
_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "alert_id": pl.String, "city": pl.String, "rule_id": pl.String, "area_id": pl.String, "metric": pl.String,
    "state": pl.String, "severity": pl.String, "department": pl.String, "opened_at_utc": pl.Datetime("us"),
    "changed_at_utc": pl.Datetime("us"), "changed_by": pl.String, "value": pl.Float64, "note": pl.String,
    "title_zh": pl.String, "title_en": pl.String, "is_simulated": pl.Boolean, "commit_seq": pl.Int64,
}  # fmt: skip
# the newest row of an alert is its present state; a commit may hold two (a person's and the system's)
_PRESENT = (
    "SELECT * FROM alerts WHERE {where} "
    "QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY commit_seq DESC, changed_at_utc DESC) = 1"
)


@dataclass(frozen=True)
class AlertRow:
    """One row of the table `alerts`: an alert as it stood after one change. Times are naive UTC."""

    alert_id: str
    city: str
    rule_id: str
    area_id: str
    metric: str | None
    state: State
    severity: str
    department: str
    opened_at_utc: datetime
    changed_at_utc: datetime
    changed_by: str
    value: float | None
    note: str
    title_zh: str
    title_en: str
    is_simulated: bool
    commit_seq: int

    @property
    def subject(self) -> str:
        """What the alert is about (city, rule, area or source), the same each time it opens."""
        return self.alert_id.rsplit("@", 1)[0]


def alert_id(subject: str, opened_at_utc: datetime) -> str:
    """The id of an alert: its subject and the second (UTC) at which it opened."""
    return f"{subject}@{opened_at_utc:%Y%m%dT%H%M%SZ}"


def present(lake: Lake, city: str) -> list[AlertRow]:
    """The present state of every alert of a city, closed ones too, oldest first."""
    found = lake.frame(_PRESENT.format(where="city = ?") + " ORDER BY opened_at_utc, alert_id", [city])
    return _rows(found)


def history(lake: Lake, alert: str) -> list[AlertRow]:
    """Every change of one alert, oldest first: who did what and when.

    Raises
    ------
    UnknownId
        There is no alert of that id.
    """
    found = lake.frame("SELECT * FROM alerts WHERE alert_id = ? ORDER BY commit_seq, changed_at_utc", [alert])
    if found.is_empty():
        known = lake.frame("SELECT DISTINCT alert_id FROM alerts ORDER BY alert_id DESC LIMIT 1000")
        raise UnknownId("alert", alert, known["alert_id"].to_list())
    return _rows(found)


def append(lake: Lake, rows: Iterable[AlertRow]) -> int:
    """Append changes to the store, inside the writer's transaction. Returns how many."""
    listed = [asdict(row) for row in rows]
    return lake.append("alerts", pl.DataFrame(listed, schema=_SCHEMA)) if listed else 0


def set_state(
    lake: Lake, alert: str, state: State, by: str, note: str = "", *, commit_seq: int, now: datetime
) -> AlertRow:
    """A person takes an alert in hand, gives it back or closes it; one row is appended.

    Call it inside the writer's transaction. An alert a person closes stays closed while the
    condition lasts; it may open anew once the condition has been gone and come back.

    Parameters
    ----------
    state : open, in_hand or closed
    by : name of the person, as signed in
    note : at most 500 characters
    now : naive UTC

    Returns
    -------
    AlertRow
        The alert as it stands now.

    Raises
    ------
    UnknownId
        There is no alert of that id.
    UsageError
        Unknown state, no name, a closed alert, a note that is too long, or no change at all.
    """
    if state not in ("open", "in_hand", "closed"):
        raise UsageError(f"state: {state!r} is none of open, in_hand, closed")
    if not by.strip() or by == SYSTEM:
        raise UsageError(f"by: {by!r} is not the name of a person", hint="name who changes the alert")
    if len(note) > NOTE_LENGTH:
        raise UsageError(f"note: {len(note)} characters, at most {NOTE_LENGTH} are kept")
    last = history(lake, alert)[-1]
    if last.state == "closed":
        raise UsageError(
            f"alert {alert} was closed at {last.changed_at_utc:%Y-%m-%d %H:%M} UTC by {last.changed_by}",
            hint="a closed alert stays closed; a new one opens when the condition comes back",
        )
    if last.state == state and not note:
        raise UsageError(f"alert {alert} is already {state}")
    row = replace(
        last, state=state, changed_by=by.strip(), note=note, commit_seq=commit_seq, changed_at_utc=after(last, now)
    )
    append(lake, [row])
    return row


def after(last: AlertRow, now: datetime) -> datetime:
    """`now`, or a moment after the last change where both fall into one commit: the order stays clear."""
    return max(now, last.changed_at_utc + timedelta(microseconds=1))


def _rows(found: pl.DataFrame) -> list[AlertRow]:
    return [AlertRow(**row) for row in found.select(list(_SCHEMA)).iter_rows(named=True)]
