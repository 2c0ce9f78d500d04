"""The desk: what the pipeline does with each kind of work from the inbox.

Every piece of work is one commit whose name begins with the submission's mark. Work that was
committed before a kill is found by it and answered from the store, not done again.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.cities import load_pack
from data_pipeline.errors import CityBrainError, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.commit import Commit
from data_pipeline.ingest.quarantine import Wanted, replay
from data_pipeline.ingest.types import Incoming, Receipt, unused_in
from data_pipeline.ingest.writer import Writer
from data_pipeline.store import inbox
from data_pipeline.store.inbox import Submission
from data_pipeline.store.lake import Lake
from data_pipeline.store.lock import holder

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.ledger.types import Freeze

Answer = dict[str, Any]
FREEZE_ARGUMENTS = ("freeze_id", "city", "name", "on", "frozen_at_utc", "by", "by_known", "sha256")
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


def _freeze(commit: Commit, submission: Submission) -> None:
    from data_pipeline.ledger.freeze import from_arguments, record

    if submission.file is None:
        raise UsageError("a freeze needs the ledger as its file")
    _given(submission, *FREEZE_ARGUMENTS)
    freeze = from_arguments(submission.arguments, submission.file)
    record(commit.lake, freeze, commit.commit_seq)
    commit.cities.add(freeze.city)


def _report(commit: Commit, submission: Submission) -> None:
    from data_pipeline.ledger.entries import act

    act(commit, submission.arguments)


def _given(submission: Submission, *names: str) -> list[Any]:
    """The named arguments of a submission; `UsageError` names what is missing."""
    missing = [name for name in names if name not in submission.arguments]
    if missing:
        raise UsageError(f"work of kind {submission.kind!r} needs {', '.join(missing)}")
    return [submission.arguments[name] for name in names]


def _remove_simulated(commit: Commit, submission: Submission) -> Answer:
    from data_pipeline.simulate.build import remove_simulated_within

    city, dataset = _given(submission, "city", "dataset")
    # whoever asks has just declared the source real: the pack is read anew, and the simulator stops delivering it
    pack = load_pack(commit.writer.pack(city).folder)
    removed = remove_simulated_within(commit, pack, dataset)
    commit.writer.packs[city] = pack
    return {"records_removed": removed}


WORK: dict[str, Callable[[Commit, Submission], Answer | None]] = {
    "delivery": _deliver,
    "replay": _replay,
    "alert_state": _alert,
    "remove_simulated": _remove_simulated,
    "freeze": _freeze,
    "report": _report,
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
            told = do(commit, submission)
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
    return _answer(commit.receipts, commit.snapshot) | (told or {})


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
    return _answer([Receipt(snapshot=number, **row, unused_columns=tuple(unused_in(row["message"]))) for row in rows], number)


# ---------------------------------------------------------------------- the other side


def ask_replay(home: Home, wanted: Wanted, file: Path | None, operator: str, timeout_s: float = 300.0) -> list[Receipt]:
    """Have the running pipeline replay quarantined rows; see `quarantine.replay`."""
    arguments = {"wanted": vars(wanted), "filename": file.name if file else "", "operator": operator}
    answer = inbox.ask(home, "replay", arguments, file, timeout_s)
    return [Receipt.from_dict(plain) for plain in answer["receipts"]]


def ask_remove_simulated(home: Home, city: str, dataset: str, timeout_s: float = 300.0) -> int | None:
    """Have the running pipeline take a source's simulated records out; see `simulate.build.remove_simulated`.

    Records taken out; None where the pipeline had done it before it was stopped, so that nobody counted.
    """
    return inbox.ask(home, "remove_simulated", {"city": city, "dataset": dataset}, None, timeout_s).get("records_removed")


def ask_alert_state(home: Home, alert_id: str, state: str, by: str, note: str = "", timeout_s: float = 30.0) -> None:
    """Have the running pipeline record a person's change of an alert; see `alerts.state.set_state`."""
    inbox.ask(home, "alert_state", {"alert_id": alert_id, "state": state, "by": by, "note": note}, None, timeout_s)


def ask_freeze(home: Home, freeze: Freeze, packs: dict[str, Pack] | None = None, timeout_s: float = 60.0) -> None:
    """Have a ledger kept under its name by the running pipeline.

    With `packs` (the command line) it is written here where no pipeline runs; the web, which never writes, gives none.

    Raises
    ------
    UsageError
        The city has a freeze of that name.
    StoreBusy
        No pipeline runs; or another process writes the store and does not answer the inbox.
    """
    from data_pipeline.ledger.freeze import arguments_of, record, write_payload

    who = holder(home)
    if packs is None or (who is not None and who.answers_inbox):
        with tempfile.TemporaryDirectory(prefix="freeze-", dir=home.root) as folder:
            inbox.ask(home, "freeze", arguments_of(freeze), write_payload(freeze, Path(folder)), timeout_s)
        return
    with Lake.writer(home, "freeze of the ledger") as lake, Writer(lake, packs, home).commit(f"freeze {freeze.freeze_id}") as commit:
        record(lake, freeze, commit.commit_seq)
        commit.cities.add(freeze.city)


def ask_report(home: Home, packs: dict[str, Pack], arguments: dict[str, Any], timeout_s: float = 60.0) -> None:
    """Have entries of a department taken in, reviewed or withdrawn: by the running pipeline, else under the writer's lock.

    `arguments`: see `ledger.entries.act`.

    Raises
    ------
    UsageError
        What the checks or the state of the entry refuse.
    StoreBusy
        Another process writes the store and does not answer the inbox.
    """
    from data_pipeline.ledger.entries import act

    who = holder(home)
    if who is not None and who.answers_inbox:
        inbox.ask(home, "report", arguments, None, timeout_s)
        return
    with Lake.writer(home, "reports on the plan") as lake, Writer(lake, packs, home).commit(f"report {arguments.get('action')}") as commit:
        act(commit, arguments)
