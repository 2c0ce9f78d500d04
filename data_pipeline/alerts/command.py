"""A person's change of an alert, handed from a page or the API to the running pipeline through the inbox.

The pages never write the store. They call `ask_state`; the pipeline finds a submission of the kind
`KIND` in its inbox and calls `take` inside a commit; the answer is the alert as it stands then.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from data_pipeline.alerts.state import AlertRow, State, set_state
from data_pipeline.errors import UsageError
from data_pipeline.home import Home
from data_pipeline.store import inbox

if TYPE_CHECKING:
    from data_pipeline.ingest.writer import Commit

KIND = "alert_state"
_ARGUMENTS = {"alert_id", "state", "by", "note"}


def ask_state(
    home: Home, alert_id: str, state: State, by: str, note: str = "", timeout_s: float = 30.0
) -> dict[str, Any]:
    """Ask the running pipeline to change an alert; waits for its answer.

    Returns
    -------
    dict
        The alert as it stands now (`AlertRow`'s fields; times ISO 8601, UTC).

    Raises
    ------
    UsageError
        The change is not allowed, with the pipeline's words (see `alerts.set_state`).
    StoreBusy
        No pipeline runs on this store, or it did not answer in time.
    """
    return inbox.ask(home, KIND, {"alert_id": alert_id, "state": state, "by": by, "note": note}, timeout_s=timeout_s)


def take(commit: Commit, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do what `ask_state` asked for, inside `commit`; returns the answer.

    Raises
    ------
    UsageError
        Arguments are missing or unknown, or the change is not allowed.
    """
    if set(arguments) != _ARGUMENTS:
        raise UsageError(f"alert_state takes {', '.join(sorted(_ARGUMENTS))}; got {', '.join(sorted(arguments)) or 'nothing'}")
    alert, state, by, note = (str(arguments[name]) for name in ("alert_id", "state", "by", "note"))
    row = set_state(commit.lake, alert, state, by, note, commit_seq=commit.commit_seq, now=commit.now)  # type: ignore[arg-type]
    commit.cities.add(row.city)
    return plain(row)


def plain(row: AlertRow) -> dict[str, Any]:
    """An alert as plain values for JSON."""
    values = dict(row.__dict__)
    return {key: f"{v.isoformat()}Z" if isinstance(v, datetime) else v for key, v in values.items()}
