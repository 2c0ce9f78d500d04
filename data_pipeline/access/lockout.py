"""Counts failed sign-ins, by name and by address, and locks for some minutes after too many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

NAME_FAILURES = 5
ADDRESS_FAILURES = 20
LOCK_S = 10 * 60
MAX_TRACKED = 10_000


class Lockout:
    """Failures within the last ten minutes. An unknown name is counted like a known one, so nothing is told."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def begin(self, name: str, address: str) -> int:
        """Start an attempt: 0 where it may go on, else the seconds to wait.

        The attempt counts as failed until `succeed` says otherwise, so that many attempts at the same
        moment cannot slip in before the first of them is counted.
        """
        now = self._clock()
        keys = self._keys(name, address)
        with self._lock:
            wait = max(self._wait(keys[0], NAME_FAILURES), self._wait(keys[1], ADDRESS_FAILURES))
            if wait:
                return wait
            for key in keys:
                recent = [at for at in self._failures.get(key, []) if now - at < LOCK_S]
                self._failures[key] = [*recent, now]
                self._failures.move_to_end(key)
            while len(self._failures) > MAX_TRACKED:
                self._failures.popitem(last=False)
        return 0

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name that has signed in; the address loses this one attempt."""
        by_name, by_address = self._keys(name, address)
        with self._lock:
            self._failures.pop(by_name, None)
            if self._failures.get(by_address):
                self._failures[by_address].pop()

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
        return ("name", name[:64].casefold()), ("address", address)

    def _wait(self, key: tuple[str, str], limit: int) -> int:
        now = self._clock()
        recent = [at for at in self._failures.get(key, []) if now - at < LOCK_S]
        return 0 if len(recent) < limit else max(1, int(recent[-1] + LOCK_S - now + 0.999))
