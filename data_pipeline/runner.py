"""The pipeline: one process that holds the writer's lock and keeps the store current.

Order of its work, again and again: the inbox first (looked at five times a second), then what the
simulated sources owe, alerts and the coverage model where something they rest on has changed, then one small step of maintenance or one commit of a city being built.
Everything is a commit of its own, so the inbox waits for one commit at most. A signal to stop lets
the present commit end.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Protocol

from data_pipeline.cities import Pack
from data_pipeline.coverage.run import bring_up_to_date, register_version
from data_pipeline.errors import CityBrainError, StoreError
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Writer
from data_pipeline.mappings import load_mapping
from data_pipeline.store import inbox, maintenance
from data_pipeline.store.lake import Lake, newest_snapshot
from data_pipeline.store.marks import LIVE_MARK
from data_pipeline.store.status import CityStatus, PipelineStatus, write_status
from data_pipeline.times import local_day, now_utc

INBOX_EVERY_S = 0.15
LIVE_EVERY_S = 2.0
ALERTS_EVERY_S = 60.0
COVERAGE_EVERY_S = 60.0
FLUSH_EVERY_S = 600.0
ROUND_EVERY_S = 3600.0
STATUS_EVERY_S = 1.0
CATCH_UP = timedelta(hours=6)  # a longer gap is delivered piece by piece, so that the inbox is served between
AFTER_STORE_ERROR_S = 10.0  # a full disk does not get emptier by trying a hundred times a second
LIVE_OPERATOR = "simulator"
log = logging.getLogger(__name__)


class LiveDelivery(Protocol):
    """What a simulated supplier delivers: `write` makes the file at the given path."""

    @property
    def dataset(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def mapping(self) -> str | None: ...
    @property
    def write(self) -> Callable[[Path], None]: ...


# deliveries of a city due in (after, until]; both naive UTC
Live = Callable[[Pack, datetime, datetime], Iterable[LiveDelivery]]


class Stopped(Exception):  # noqa: N818 (not a failure: the wish of who runs the pipeline)
    """Raised between two commits of a long piece of work when the pipeline is to stop."""


@dataclass
class Job:
    """A long piece of work in the background: building a city.

    `run(writer, progress)` calls `progress(stage, done, total)` between its commits; there the
    pipeline serves its inbox. It may raise `Stopped` through `progress`.
    """

    city: str
    run: Callable[[Writer, Callable[[str, int, int], None]], object]


def run_pipeline(
    home: Home,
    packs: dict[str, Pack],
    *,
    live: Live | None = None,
    jobs: Iterable[Job] = (),
    now: Callable[[], datetime] = now_utc,
    stop: threading.Event | None = None,
    retention: maintenance.Retention | None = None,
) -> None:
    """Hold the lock and keep the store current until SIGTERM or SIGINT (or until `stop` is set).

    Raises
    ------
    StoreBusy
        Another process writes this store; the message says which.
    """
    stop = stop or threading.Event()
    with Lake.writer(home, "python -m data_pipeline run", answers_inbox=True) as lake, _signals(stop):
        Pipeline(Writer(lake, packs, home, now), live, list(jobs), stop, retention).run()


class Pipeline:
    """The loop of `run_pipeline`, over a writer that is open already."""

    def __init__(
        self,
        writer: Writer,
        live: Live | None = None,
        jobs: list[Job] | None = None,
        stop: threading.Event | None = None,
        retention: maintenance.Retention | None = None,
    ) -> None:
        self.writer, self.live, self.jobs = writer, live, jobs or []
        self.stop, self.retention = stop or threading.Event(), retention
        self.home, self.now = writer.home, writer.now
        started = self.now().isoformat(timespec="seconds")
        self.status = PipelineStatus(os.getpid(), started)
        self.cursors: dict[str, datetime] = {}
        self._next: dict[str, float] = {}
        self._covered: dict[str, tuple[int, date]] = {}
        self._steps: Iterator[maintenance.Step] = iter(())

    def run(self) -> None:
        """Work until told to stop."""
        self._cities()
        while not self.stop.is_set():
            try:
                self._turn()
                if self.jobs and not self.stop.is_set():
                    self._run_job(self.jobs.pop(0))
            except StoreError as error:
                # the disk is full or gone: say so, keep the last snapshot, try again
                log.error("%s", error)
                self._problem(str(error))
                self.stop.wait(AFTER_STORE_ERROR_S)
            self.stop.wait(INBOX_EVERY_S)
        self._say("stopped")

    def _turn(self) -> None:
        """Inbox, live deliveries, alerts, one step of maintenance; each when its time has come."""
        desk.serve(self.writer)
        if self.live is not None and self._due("live", LIVE_EVERY_S):
            self._deliver_live()
        if self._due("alerts", ALERTS_EVERY_S):
            self._look_at_alerts()
        if self._due("coverage", COVERAGE_EVERY_S):
            self._look_at_coverage()
        self._maintain()
        if self._due("status", STATUS_EVERY_S):
            self._say()

    def _due(self, what: str, every_s: float) -> bool:
        clock = time.monotonic()
        if clock < self._next.get(what, 0.0):
            return False
        self._next[what] = clock + every_s
        return True

    # ------------------------------------------------------------------ live sources

    def _cities(self) -> None:
        """Cities that have data, and up to when the simulator has delivered each (builds say so, too)."""
        lake = self.writer.lake
        marks = lake.frame("SELECT what, cities FROM commits WHERE starts_with(what, ?)", [LIVE_MARK])
        for what, cities in marks.iter_rows():
            until = datetime.fromisoformat(what.removeprefix(LIVE_MARK).split(" ")[0])
            for city in cities.split(","):
                self.cursors[city] = max(until, self.cursors.get(city, until))
        real = lake.frame("SELECT DISTINCT city FROM deliveries WHERE status = 'accepted' AND NOT is_simulated")["city"]
        for city in {*self.cursors, *real.to_list()}:
            self.status.cities.setdefault(city, CityStatus("ready"))

    def _deliver_live(self) -> None:
        """Deliver what simulated sources owe. After a stop the gap comes late, piece by piece."""
        for city in sorted(self.cursors):
            pack = self.writer.packs.get(city)
            while pack is not None and not self.stop.is_set():
                after, now = self.cursors[city], self.now()
                until = min(now, after + CATCH_UP)
                if until <= after:
                    break
                self._deliver(pack, after, until)
                self.cursors[city] = until
                if until == now:
                    break
                desk.serve(self.writer)

    def _deliver(self, pack: Pack, after: datetime, until: datetime) -> None:
        assert self.live is not None
        due = [d for d in self.live(pack, after, until) if _is_simulated(pack, d.dataset)]
        if not due:
            return
        with tempfile.TemporaryDirectory(prefix="live-") as folder, self.writer.commit(f"{LIVE_MARK}{until.isoformat()}") as commit:
            for number, delivery in enumerate(due):
                path = Path(folder) / f"{number}"
                delivery.write(path)
                source = pack.sources[delivery.dataset]
                commit.take(
                    Incoming(
                        path=path, city=pack.id, dataset=delivery.dataset, source=source.supplier_zh or source.name_zh,
                        filename=delivery.filename, mapping=load_mapping(delivery.mapping) if delivery.mapping else None,
                        mapping_name=delivery.mapping or "", operator=LIVE_OPERATOR, is_simulated=True,
                    )  # fmt: skip
                )

    def _look_at_alerts(self) -> None:
        """Rules about lateness must be looked at when nothing arrives."""
        cities = {city for city, state in self.status.cities.items() if state.state == "ready"}
        if cities:
            self.writer.evaluate_alerts(cities)

    def _look_at_coverage(self) -> None:
        """Run the coverage model for one city whose register, drive tests or day has changed; the next city's turn comes soon."""
        for city in sorted(city for city, state in self.status.cities.items() if state.state == "ready"):
            pack = self.writer.packs.get(city)
            if pack is None:
                continue
            version = register_version(self.writer.lake, city), local_day(self.now(), pack.tz)
            if self._covered.get(city) != version:
                bring_up_to_date(self.writer, pack)
                self._covered[city] = version
                self._next["coverage"] = 0.0
                return

    # ------------------------------------------------------------------ maintenance and jobs

    def _maintain(self) -> None:
        step = next(self._steps, None)
        if step is None:
            if self._due("round", ROUND_EVERY_S):
                self._steps = maintenance.all_steps(self.writer.lake, self.now(), self.retention)
                self.status.last_maintenance_utc = self.now().isoformat(timespec="seconds")
            elif self._due("flush", FLUSH_EVERY_S):
                self._steps = maintenance.small_steps(self.writer.lake)
            return
        started = time.perf_counter()
        said = step.run()
        log.info("%s: %s (%.2f s)", step.name, said, time.perf_counter() - started)

    def _run_job(self, job: Job) -> None:
        """Build a city; between its commits the pipeline serves inbox, live sources and status."""
        state = self.status.cities[job.city] = CityStatus("building")

        def progress(stage: str, done: int, total: int) -> None:
            state.stage, state.done, state.total = stage, done, total
            if self.stop.is_set():
                raise Stopped
            if not self.writer.is_committing:
                self._turn()

        try:
            job.run(self.writer, progress)
        except Stopped:
            state.state = "waiting"
            return
        except CityBrainError as error:
            state.state, state.message = "failed", str(error)
            self._problem(f"{job.city}: {error}")
            log.error("building %s failed: %s", job.city, error)
            return
        self.status.cities[job.city] = CityStatus("ready")
        self._cities()

    # ------------------------------------------------------------------ status

    def _say(self, doing: str = "") -> None:
        newest = newest_snapshot(self.home)
        if newest is not None:
            self.status.last_commit = newest.id
            self.status.last_commit_utc = newest.at_utc.isoformat(timespec="seconds")
        for job in self.jobs:
            self.status.cities.setdefault(job.city, CityStatus("waiting"))
        self.status.inbox_waiting = len(inbox.pending(self.home))
        self.status.doing = doing
        write_status(self.home, self.status, self.now())

    def _problem(self, text: str) -> None:
        moment = self.now().isoformat(timespec="seconds")
        self.status.problems = [*self.status.problems, f"{moment} {text}"][-20:]


def _is_simulated(pack: Pack, dataset: str) -> bool:
    source = pack.sources.get(dataset)
    return source is not None and source.state == "simulated"


class _signals:  # noqa: N801 (used as a context manager)
    """SIGTERM and SIGINT set `stop` while inside; only the main thread can listen."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.before: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._heard)

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.stop.set()
