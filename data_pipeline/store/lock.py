"""The writer's lock: one process writes the store, the others are told who it is."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from data_pipeline.errors import StoreBusy, StoreError
from data_pipeline.home import Home
from data_pipeline.times import now_utc


@dataclass(frozen=True)
class Holder:
    """Who holds the writer's lock. `since_utc` is naive UTC; `answers_inbox`: it is the running pipeline."""

    pid: int
    command: str
    since_utc: datetime
    answers_inbox: bool = False


class WriterLock:
    """An exclusive `flock` on `home.lock`. It dies with its process, so a kill leaves no stale lock.

    The text of the file (pid, command, since) is only information for people; who holds the
    lock is decided by the kernel.
    """

    def __init__(self, home: Home) -> None:
        self.path: Path = home.lock
        self._fd: int | None = None

    def acquire(self, command: str | None = None, *, answers_inbox: bool = False) -> WriterLock:
        """Take the lock or say who has it. `command` defaults to the command line of this process.

        Raises
        ------
        StoreBusy
            Another process holds it; the message gives pid, command and since when.
        StoreError
            The home folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"the home folder {self.path.parent} cannot be written: {error.strerror}",
                hint="give this user the right to write there, or choose another folder with --home",
            ) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StoreError(f"the lock file {self.path} cannot be locked: {error.strerror}") from None
            raise busy(self.path) from None
        self._fd = fd
        text = {
            "pid": os.getpid(),
            "command": command or shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "since_utc": now_utc().isoformat(timespec="seconds"),
            "answers_inbox": answers_inbox,
        }
        data = json.dumps(text, ensure_ascii=False).encode()
        # written before the old text is cut off, so that a reader never finds an empty file
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
        return self

    def release(self) -> None:
        """Give the lock back; harmless where it is not held."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> WriterLock:
        return self if self._fd is not None else self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(home: Home) -> Holder | None:
    """Who holds the writer's lock of this home now; None where nobody does.

    Asks the kernel, not the text: a lock file left by a killed process counts for nothing.
    """
    try:
        fd = os.open(home.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # a shared lock is refused exactly while somebody holds the exclusive one
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read(home.lock) or Holder(0, "an unknown process", now_utc())
    finally:
        os.close(fd)
    return None


def busy(path: Path) -> StoreBusy:
    """The error that names the present holder of the lock at `path`."""
    who = _read(path)
    if who is None:
        return StoreBusy(f"another process is writing this store (lock {path})", hint="wait for it or stop it")
    return StoreBusy(
        f"the store {path.parent} is being written by process {who.pid} ({who.command}) "
        f"since {who.since_utc.isoformat(sep=' ')} UTC",
        hint="wait until it ends or stop it; while a pipeline runs, `import` and `quarantine replay` hand it their work",
    )


def _read(path: Path) -> Holder | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        since = datetime.fromisoformat(found["since_utc"])
        return Holder(int(found["pid"]), str(found["command"]), since, bool(found["answers_inbox"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
