"""Periods below an hour of townships: not kept in the store, computed for all areas of a city at once when asked."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

from data_pipeline.cities import Pack
from data_pipeline.metrics import Metric
from data_pipeline.queries import lakeside
from data_pipeline.queries.series import Key, Series
from data_pipeline.store.lake import Lake
from data_pipeline.times import Grain

KEPT = 64  # periods of a figure: what the maps of some cities show


class ShortPeriods:
    """Single periods computed from the records, each remembered until the next commit.

    A map of townships asks for thirty areas of one period: one statement answers all of them.
    """

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str, Grain, datetime], tuple[int, dict[Key, Series]]] = OrderedDict()
        self._guard = threading.Lock()

    def of(
        self, lake: Lake, pack: Pack, metric: Metric, area: str, grain: Grain, start_utc: datetime, end_utc: datetime, commit_seq: int
    ) -> Series | None:  # fmt: skip
        """The period [start, end) of an area as known at a commit; None where there are no records."""
        key = (pack.id, metric.id, grain, start_utc)
        with self._guard:
            known = self._made.get(key)
        if known is None or known[0] != commit_seq:
            known = commit_seq, lakeside.computed_everywhere(lake, pack, metric, grain, start_utc, end_utc, None)
            with self._guard:
                self._made[key] = known
                self._made.move_to_end(key)
                while len(self._made) > KEPT:
                    self._made.popitem(last=False)
        return known[1].get((metric.id, area, grain))
