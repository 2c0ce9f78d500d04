"""Threads that do one thing again and again beside the requests: take over newer snapshots, judge figures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from data_pipeline.errors import CityBrainError

log = logging.getLogger(__name__)
AFTER_REFUSAL_S, AFTER_FAILURE_S = 1.0, 10.0


class Follower:
    """Calls `step` again and again in a thread of its own, from `start` to `end`."""

    def __init__(self, step: Callable[[], object], name: str) -> None:
        self.stop = threading.Event()
        self._step, self._name = step, name
        self._thread: threading.Thread | None = None

    @property
    def runs(self) -> bool:
        """Whether it has been started and not ended."""
        return self._thread is not None

    def start(self, interval_s: float) -> None:
        """Begin; `interval_s` seconds lie between two steps."""

        def loop() -> None:
            while not self.stop.wait(interval_s):
                try:
                    self._step()
                except CityBrainError:
                    # the store is being made, moved or is full: the last snapshot stays in use, ask again
                    self.stop.wait(AFTER_REFUSAL_S)
                except Exception:
                    # nobody else does it: what was not foreseen must not end it
                    log.exception("%s: a step failed; trying again", self._name)
                    self.stop.wait(AFTER_FAILURE_S)

        self._thread = threading.Thread(target=loop, name=self._name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop and wait for the present step. Harmless twice."""
        self.stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self._thread = None
