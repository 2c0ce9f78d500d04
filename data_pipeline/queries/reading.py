"""The connection on which queries read the lake: opened when first asked for, kept until closed."""

from __future__ import annotations

import threading
from contextlib import suppress

from data_pipeline.errors import CityBrainError, StoreError
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake


class ReadingLake:
    """One read-only connection for all that cannot be answered from memory."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._lake: Lake | None = None
        self._guard = threading.Lock()

    def get(self) -> Lake | None:
        """The open lake; None while the home holds no store yet."""
        with self._guard:
            if self._lake is None:
                try:
                    self._lake = Lake.reader(self.home)
                except StoreError:
                    if self.home.catalog.exists():
                        raise
                    return None
            return self._lake

    def prepare(self) -> None:
        """Open it ahead of the first question; what stands against it is told to who asks."""
        with suppress(CityBrainError):
            self.get()

    def close(self) -> None:
        """Close the connection. Harmless twice."""
        with self._guard:
            if self._lake is not None:
                self._lake.close()
                self._lake = None
