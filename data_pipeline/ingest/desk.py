"""The desk: what the pipeline does with each kind of work from the inbox.

Every piece of work is one commit whose name begins with the submission's mark. Work that was
committed before a kill is found by it and answered from the store, not done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipeline.errors import CityBrainError, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.commit import Commit
from data_pipeline.ingest.quarantine import Wanted, replay
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.ingest.writer import Writer
from data_pipeline.store import inbox
from data_pipeline.store.inbox import Submission
from data_pipeline.store.lake import Lake

Answer = dict[str, Any]
log = logging.getLogger(__name__)


def _deliver(commit: Commit, submission: Submission) -> None:
    if submission.file is None:
        raise UsageError("a delivery needs a file")
    commit.take(Incoming.from_arguments(submission.file, submission.arguments))


def _replay(commit: Commit, submission: Submission) -> None:
    wanted, filename, operator = _given(submission, "wanted", "filename", "operator")
    replay(commit, Wanted(**wanted), submission.file, filename, operator)


def _alert(commit: Commit, submission: Submission) -> None:
    from data_pipeline.alerts.state import set_state

    alert, state, by, note = _given(submission, "alert_id", "state", "by", "note")
    row = set_state(commit.lake, alert, state, by, note, commit_seq=commit.commit_seq, now=commit.now)
    commit.cities.add(row.city)


def _given(submission: Submission, *names: str) -> list[Any]:
    """The named arguments of a submission; `UsageError` names what is missing."""
    missing = [name for name in names if name not in submission.arguments]
    if missing:
        raise UsageError(f"work of kind {submission.kind!r} needs {', '.join(missing)}")
    return [submission.arguments[name] for name in names]


WORK: dict[str, Callable[[Commit, Submission], None]] = {
    "delivery": _deliver,
    "replay": _replay,
    "alert_state": _alert,
}


def serve(writer: Writer) -> int:
    """Answer everything that waits in the inbox, oldest first; returns how many."""
    waiting = inbox.pending(writer.home)
    for submission in waiting:
        inbox.answer(writer.home, submission, lambda work: _work(writer, work))
    return len(waiting)


def _work(writer: Writer, submission: Submission) -> Answer:
    do = WORK.get(submission.kind)
    if do is None:
        raise UsageError(f"the pipeline knows no work of kind {submission.kind!r}", hint=f"kinds: {', '.join(WORK)}")
    before = _done_before(writer.lake, submission)
    if before is not None:
        return before
    try:
        with writer.commit(f"{submission.mark} {submission.kind}") as commit:
            do(commit, submission)
    except CityBrainError:
        raise
    except Exception as error:
        # a fault of ours met by one upload must not stop the whole city's feed: it is rolled back,
        # told to who asked and written to the log with its place
        log.exception("submission %s (%s) failed", submission.id, submission.kind)
        raise CityBrainError(
            f"the pipeline failed on this {submission.kind}: {type(error).__name__}: {error}",
            hint="nothing of it was written; the log of the pipeline shows the place, please report it",
        ) from error
    return _answer(commit.receipts, commit.snapshot)


def _answer(receipts: list[Receipt], snapshot: int | None) -> Answer:
    return {"receipts": [receipt.as_dict() for receipt in receipts], "snapshot": snapshot}


def _done_before(lake: Lake, submission: Submission) -> Answer | None:
    """The answer to work that was committed but not yet answered when the pipeline was killed."""
    found = lake.frame(
        "SELECT c.commit_seq, d.* EXCLUDE (commit_seq) FROM commits c LEFT JOIN deliveries d USING (commit_seq) "
        "WHERE starts_with(c.what, ?) ORDER BY d.delivery_id",
        [submission.mark],
    )
    if found.is_empty():
        return None
    names = ("delivery_id", "city", "dataset", "rows_in", "accepted", "duplicates", "quarantined", "corrections", "status", "message")
    newest = lake.snapshot()
    number = newest.id if newest else None
    rows = [row for row in found.select(names).iter_rows(named=True) if row["delivery_id"] is not None]
    return _answer([Receipt(snapshot=number, **row) for row in rows], number)


# ---------------------------------------------------------------------- the other side


def ask_replay(home: Home, wanted: Wanted, file: Path | None, operator: str, timeout_s: float = 300.0) -> list[Receipt]:
    """Have the running pipeline replay quarantined rows; see `quarantine.replay`."""
    arguments = {"wanted": vars(wanted), "filename": file.name if file else "", "operator": operator}
    answer = inbox.ask(home, "replay", arguments, file, timeout_s)
    return [Receipt.from_dict(plain) for plain in answer["receipts"]]


def ask_alert_state(home: Home, alert_id: str, state: str, by: str, note: str = "", timeout_s: float = 30.0) -> None:
    """Have the running pipeline record a person's change of an alert; see `alerts.state.set_state`."""
    inbox.ask(home, "alert_state", {"alert_id": alert_id, "state": state, "by": by, "note": note}, None, timeout_s)
