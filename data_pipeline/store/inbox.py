"""The inbox: how commands and pages hand work to the running pipeline and wait for its answer.

A submission is a folder `inbox/<id>/` with `manifest.json` (kind and arguments) and, where there
is one, the delivered file. It is made under a hidden name and renamed, so the pipeline never sees
half of one. The pipeline answers with `inbox/<id>/answer.json`; who asked reads it and clears up.

A kill at any moment loses nothing: an unanswered submission is taken up again after a restart,
and the commit carries its id, so that work committed before the kill is answered, not done twice.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from data_pipeline.errors import CityBrainError, DeliveryError, StoreBusy, StoreError, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.keep import in_one_piece
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.store.lock import holder
from data_pipeline.times import now_utc

POLL_S = 0.05
ANSWER_KEPT = timedelta(days=1)  # answers nobody fetched are cleared after this
_MANIFEST, _ANSWER, _FILE = "manifest.json", "answer.json", "delivery"
# errors keep their exit code on the way back; anything else becomes a plain CityBrainError
_ERRORS: dict[str, type[CityBrainError]] = {
    error.__name__: error for error in (CityBrainError, UsageError, DeliveryError, StoreBusy, StoreError)
}


@dataclass(frozen=True)
class Submission:
    """Work handed to the pipeline: `kind` (delivery, replay, …), its arguments and its file, if any."""

    id: str
    kind: str
    arguments: dict[str, Any]
    file: Path | None
    at_utc: datetime

    @property
    def mark(self) -> str:
        """What the commit's `what` begins with: by it a commit made before a kill is found again."""
        return f"inbox {self.id}"


def hand_in(home: Home, kind: str, arguments: dict[str, Any], file: Path | None = None) -> str:
    """Put a submission into the inbox and return its id; does not wait.

    Parameters
    ----------
    arguments : dict
        Plain values (JSON).
    file : Path, optional
        Copied into the inbox; may be deleted by the caller afterwards.

    Raises
    ------
    StoreError
        The inbox cannot take it (disk full, not writable); nothing was handed in.
    DeliveryError
        The file is not there.
    """
    # ids sort in the order of arrival
    number = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    hidden, final = home.inbox / f".{number}", home.inbox / number
    try:
        hidden.mkdir(parents=True)
        if file is not None:
            shutil.copyfile(file, hidden / _FILE)
        manifest = {"kind": kind, "arguments": arguments, "at_utc": now_utc().isoformat(), "has_file": file is not None}
        _write(hidden / _MANIFEST, manifest)
        os.rename(hidden, final)
    except FileNotFoundError:
        shutil.rmtree(hidden, ignore_errors=True)
        raise DeliveryError(f"{file}: the file is not there (or vanished while it was read)") from None
    except OSError as error:
        shutil.rmtree(hidden, ignore_errors=True)
        raise StoreError(
            f"the inbox {home.inbox} cannot take the file: {error.strerror}",
            hint="check free space and rights of the home folder; nothing was handed in",
        ) from None
    return number


def wait(home: Home, number: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """Wait for the pipeline's answer to a submission.

    Raises
    ------
    CityBrainError
        What went wrong in the pipeline, with the pipeline's own words and exit code.
    StoreBusy
        No answer within `timeout_s`. The submission stays in the inbox and is still worked on.
    """
    folder = home.inbox / number
    deadline = time.monotonic() + timeout_s
    look_again = time.monotonic() + 1.0
    while True:
        answer = _read(folder / _ANSWER)
        if answer is not None:
            _discard(folder)
            return _opened(answer)
        if time.monotonic() >= deadline:
            raise StoreBusy(
                f"the pipeline did not answer within {timeout_s:g} s (submission {number})",
                hint="it stays in the inbox and will be taken; look at `status` or the page /data, do not send it again",
                code="pipeline_silent", facts={"seconds": f"{timeout_s:g}"},
            )
        if time.monotonic() >= look_again:
            look_again = time.monotonic() + 1.0
            if not _answers(home) and _read(folder / _ANSWER) is None:
                raise StoreBusy(
                    f"the pipeline stopped before it answered submission {number}",
                    hint="it stays in the inbox and is taken when `python -m data_pipeline run` is started again",
                    code="pipeline_stopped",
                )
        time.sleep(POLL_S)


def _answers(home: Home) -> bool:
    """Whether a pipeline runs that answers the inbox."""
    who = holder(home)
    return who is not None and who.answers_inbox


def ask(
    home: Home, kind: str, arguments: dict[str, Any], file: Path | None = None, timeout_s: float = 60.0
) -> dict[str, Any]:
    """Hand work in and wait for the answer.

    Raises
    ------
    StoreBusy
        No pipeline runs, so nobody would answer; or it did not answer in time.
    """
    who = holder(home)
    if who is None or not who.answers_inbox:
        busy = f"process {who.pid} ({who.command}) is writing the store" if who else "no pipeline runs on this store"
        raise StoreBusy(
            f"{busy}; nothing would answer the inbox", hint="start it with `python -m data_pipeline run` and try again",
            code="store_held" if who else "no_pipeline", facts={"pid": who.pid, "command": who.command} if who else {},
        )  # fmt: skip
    return wait(home, hand_in(home, kind, arguments, file), timeout_s)


def submit(home: Home, incoming: Incoming, timeout_s: float = 60.0) -> Receipt:
    """Hand a delivery to the running pipeline and wait for its account.

    A folder, a shapefile or a file whose mapping joins a second one goes as one zip. The caller
    may delete the file when this returns.

    Raises
    ------
    StoreBusy
        No pipeline runs, or it did not answer in time (the delivery stays in the inbox).
    CityBrainError
        What the pipeline found wrong, in its own words.
    """
    with in_one_piece(incoming.path, incoming.filename, incoming.mapping) as (path, filename):
        arguments = incoming.as_arguments() | {"filename": filename}
        return Receipt.from_dict(ask(home, "delivery", arguments, path, timeout_s)["receipts"][0])


def pending(home: Home) -> list[Submission]:
    """Submissions without an answer, oldest first."""
    found = []
    for folder in _folders(home):
        manifest = None if (folder / _ANSWER).exists() else _read(folder / _MANIFEST)
        if manifest is not None:
            file = folder / _FILE if manifest["has_file"] else None
            at_utc = datetime.fromisoformat(manifest["at_utc"])
            found.append(Submission(folder.name, manifest["kind"], manifest["arguments"], file, at_utc))
    return found


def answer(home: Home, submission: Submission, work: Callable[[Submission], dict[str, Any]]) -> None:
    """Do the work of a submission and write its answer; an error of ours is the answer, too."""
    try:
        found: dict[str, Any] = {"ok": work(submission)}
    except CityBrainError as error:
        kind = next((n for n, k in _ERRORS.items() if type(error) is k), "")
        kind = kind or ("UsageError" if isinstance(error, UsageError) else "CityBrainError")
        found = {"error": {"kind": kind, "message": error.message, "hint": error.hint, "code": error.code, "facts": error.facts}}
    folder = home.inbox / submission.id
    if not folder.is_dir():
        return  # who asked has given up and cleared it
    _write(folder / _ANSWER, found)
    (folder / _FILE).unlink(missing_ok=True)


def clear(home: Home, now: datetime) -> int:
    """Remove answers nobody fetched and half-made submissions older than a day; returns how many."""
    removed = 0
    oldest = (now - ANSWER_KEPT - datetime(1970, 1, 1)).total_seconds()
    for folder in home.inbox.iterdir() if home.inbox.is_dir() else ():
        settled = folder.name.startswith(".") or (folder / _ANSWER).exists()
        if settled and folder.stat().st_mtime < oldest:
            _discard(folder)
            removed += 1
    return removed


def _discard(folder: Path) -> None:
    """Remove a submission; hidden first, so that the pipeline never sees one whose answer is gone already."""
    hidden = folder if folder.name.startswith(".") else folder.with_name(f".{folder.name}.done")
    try:
        os.rename(folder, hidden)
    except OSError:
        return  # somebody else has taken it away
    shutil.rmtree(hidden, ignore_errors=True)


def _folders(home: Home) -> list[Path]:
    if not home.inbox.is_dir():
        return []
    return sorted(folder for folder in home.inbox.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _opened(answer: dict[str, Any]) -> dict[str, Any]:
    if "ok" in answer:
        return answer["ok"]
    error = answer["error"]
    raise _ERRORS.get(error["kind"], CityBrainError)(
        error["message"], hint=error["hint"], code=error.get("code", ""), facts=error.get("facts")
    )


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write JSON so that a reader sees all of it or none."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
