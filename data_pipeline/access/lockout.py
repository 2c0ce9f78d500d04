"""Counts failed sign-ins, by name and by address, and locks for some minutes after too many.

The counts are kept in a file of the home, so that neither a restart nor a second web process forgets them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NAME_FAILURES = 5
ADDRESS_FAILURES = 20
LOCK_S = 10 * 60
MAX_TRACKED = 10_000
log = logging.getLogger(__name__)
_Failures = dict[str, list[float]]


class Lockout:
    """Failures within the last ten minutes. An unknown name is counted like a known one, so nothing is told.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch.
    path : Path
        File of the counts. Names and addresses stand in it as digests: somebody may have typed a
        password where the name belongs.
    key : str
        Signing key of the installation, for the digests.
    """

    def __init__(self, clock: Callable[[], float], path: Path, key: str) -> None:
        self._clock, self._path, self._key, self._lock = clock, path, key.encode()[:64], threading.Lock()
        self._held: _Failures = {}  # what counts while the file cannot be written

    def begin(self, name: str, address: str) -> int:
        """Start an attempt: 0 where it may go on, else the seconds to wait.

        The attempt counts as failed until `succeed` says otherwise, so that many attempts at the same
        moment cannot slip in before the first of them is counted.
        """
        keys = self._keys(name, address)
        with self._counts() as failures:
            wait = max(self._wait(failures, keys[0], NAME_FAILURES), self._wait(failures, keys[1], ADDRESS_FAILURES))
            if wait:
                return wait
            for key in keys:
                failures[key] = [*failures.pop(key, []), self._clock()]  # the newest stand last
            for oldest in list(failures)[: max(len(failures) - MAX_TRACKED, 0)]:
                del failures[oldest]
        return 0

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name that has signed in; the address loses this one attempt."""
        by_name, by_address = self._keys(name, address)
        with self._counts() as failures:
            failures.pop(by_name, None)
            if failures.get(by_address):
                failures[by_address].pop()

    def _keys(self, name: str, address: str) -> tuple[str, str]:
        def digest(kind: str, text: str) -> str:
            return hashlib.blake2b(f"{kind}\0{text}".encode(), key=self._key, digest_size=16).hexdigest()

        return digest("name", name[:64].casefold()), digest("address", address)

    def _wait(self, failures: _Failures, key: str, limit: int) -> int:
        recent = failures.get(key, [])
        return 0 if len(recent) < limit else max(1, int(recent[-1] + LOCK_S - self._clock() + 0.999))

    @contextmanager
    def _counts(self) -> Iterator[_Failures]:
        """The counts of all web processes, still fresh ones only; what is changed inside is kept."""
        with self._lock:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                log.warning("%s cannot be written (%s): failed sign-ins are counted until the restart only", self._path, error.strerror)
                self._held = self._fresh(self._held)
                yield self._held
                return
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                failures = self._fresh(_read(file.read(), self._path))
                yield failures
                self._held = failures
                file.seek(0)
                file.write(json.dumps(failures).encode())
                file.truncate()

    def _fresh(self, failures: _Failures) -> _Failures:
        now = self._clock()
        recent = {key: [at for at in times if now - at < LOCK_S] for key, times in failures.items()}
        return {key: times for key, times in recent.items() if times}


def _read(raw: bytes, path: Path) -> _Failures:
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw)
        return {str(key): [float(at) for at in times] for key, times in found.items()}
    except (ValueError, TypeError, AttributeError):
        log.warning("%s is no list of failed sign-ins; counting begins anew", path)
        return {}
