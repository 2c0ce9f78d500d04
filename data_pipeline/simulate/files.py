"""A build's deliveries as files, written ahead of who takes them.

Writing a long history is half as much work as taking it, and nearly all of it Python: in a thread both would
wait for each other, so it has a process of its own, which makes the same deliveries out of the same order.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from multiprocessing import get_context, parent_process
from pathlib import Path

from data_pipeline.cities import Pack
from data_pipeline.simulate import declared
from data_pipeline.simulate.simulator import DEFAULT_SEED, SimDelivery, Simulator
from data_pipeline.store.marks import BuildPart
from data_pipeline.times import local_day, midnight_utc

ARCHIVE_MONTHS = 25
FIRST_REPORTS = datetime(2020, 1, 1)  # departments report on their plans from here on
FILES_AHEAD = 24
LONG_DAYS = 14  # from here on a process of its own is worth its start


def spans(pack: Pack, days: int, until_utc: datetime) -> tuple[datetime, datetime]:
    """Start of the history (local midnight `days` days before the end's day) and of the archive (naive UTC)."""
    first = local_day(until_utc, pack.tz) - timedelta(days=days)
    month = first.year * 12 + first.month - 1 - ARCHIVE_MONTHS
    return midnight_utc(first, pack.tz), midnight_utc(date(month // 12, month % 12 + 1, 1), pack.tz)


def further_datasets() -> frozenset[str]:
    """Datasets whose suppliers are declared as text; `facilities`, the register they rest on, is not among them."""
    timetables = [name for t in declared.all_timetables() for name in (t.trips_dataset, t.calls_dataset)]
    return frozenset((*declared.all_returns(), *declared.all_cases(), *timetables))


@dataclass(frozen=True)
class Order:
    """What one part of a build is to deliver; the same order makes the same deliveries in any process."""

    part: BuildPart
    pack: Pack
    days: int
    until_utc: datetime
    seed: int = DEFAULT_SEED
    scale: float = 1.0
    left_out: frozenset[str] = frozenset()

    @cached_property
    def stages(self) -> list[tuple[str, list[SimDelivery]]]:
        """Deliveries stage by stage, each oldest first."""
        start, archive_start = spans(self.pack, self.days, self.until_utc)
        later = further_datasets()
        others = later if self.part == "first" else frozenset(self.pack.sources) - later
        made = Simulator(self.pack, self.seed, self.scale, self.left_out | others)
        if self.part == "further":
            return [("further", [*made.archive(archive_start, start), *made.history(start, self.until_utc)])]
        return [
            ("registers", list(made.registers(self.until_utc))),
            ("archive", list(made.archive(archive_start, start))),
            ("reports", sorted(made.reports(FIRST_REPORTS, self.until_utc), key=_corrections_last)),
            ("history", list(made.history(start, self.until_utc))),
        ]


class Files:
    """The files of an order, in the order of its deliveries; get it from `written_ahead`."""

    def __init__(self, order: Order, folder: Path, pool: Executor, apart: bool) -> None:
        self.order, self.folder, self.pool, self.apart = order, folder, pool, apart
        self.seconds = 0.0  # spent writing, beside everything else

    def of(self, stage: int) -> Iterator[tuple[SimDelivery, Path]]:
        """Each delivery of a stage with its file, which is the caller's to remove."""
        _, deliveries = self.order.stages[stage]
        waiting: deque[Future[tuple[Path, float]]] = deque()
        begun = 0
        for number, delivery in enumerate(deliveries):
            while begun < min(number + FILES_AHEAD, len(deliveries)):
                waiting.append(self._begin(stage, begun))
                begun += 1
            path, seconds = waiting.popleft().result()
            self.seconds += seconds
            yield delivery, path

    def _begin(self, stage: int, number: int) -> Future[tuple[Path, float]]:
        if self.apart:  # a delivery cannot be sent to another process, which has made its own
            return self.pool.submit(_write_ordered, stage, number, self.folder)
        return self.pool.submit(_write, self.order.stages[stage][1][number], self.folder)


@contextmanager
def written_ahead(order: Order, folder: Path) -> Iterator[Files]:
    """The files of an order, written into `folder` a few ahead of the one that is asked for."""
    apart = order.days >= LONG_DAYS
    pool: Executor
    if apart:
        pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_take_order, initargs=(replace(order),))
    else:
        pool = ThreadPoolExecutor(1, "write-files")
    try:
        yield Files(order, folder, pool, apart)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_ordered: list[Order] = []  # in the process of its own: the one order it writes


def _take_order(order: Order) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the build, which then ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _ordered.append(order)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a build that was killed leaves nobody behind


def _write_ordered(stage: int, number: int, folder: Path) -> tuple[Path, float]:
    return _write(_ordered[0].stages[stage][1][number], folder)


def _write(delivery: SimDelivery, folder: Path) -> tuple[Path, float]:
    path, started = folder / delivery.filename, time.perf_counter()
    delivery.write(path)
    return path, time.perf_counter() - started


def _corrections_last(delivery: SimDelivery) -> bool:
    """What corrects comes after all it may correct: the store then looks its records up in one place."""
    return "更正" in delivery.filename
