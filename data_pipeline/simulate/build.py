"""Building a city's store from its simulated suppliers, and taking their records out again."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path

from data_pipeline.alerts.replay import replay
from data_pipeline.cities import Pack
from data_pipeline.contracts import contract, contracts
from data_pipeline.coverage.run import bring_up_to_date
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.ingest.remove import remove_simulated_records
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Commit, Writer
from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.metrics import metrics
from data_pipeline.simulate import declared
from data_pipeline.simulate.simulator import DEFAULT_SEED, SimDelivery, Simulator
from data_pipeline.store.lake import Lake
from data_pipeline.store.marks import FURTHER_MARK, LIVE_MARK, end_message, ended, step_message
from data_pipeline.times import SUB_DAY_SECONDS, day_floor, local_day, midnight_utc

ARCHIVE_MONTHS = 25
FIRST_REPORTS = datetime(2020, 1, 1)  # departments report on their plans from here on
NO_REPORTS = frozenset({"plan_reports"})
OPERATOR = "build"
COMMIT_BYTES = 6_000_000  # of text; a commit of so much lasts a second or two
DELIVERY_BYTES = 250_000  # what it costs to take even the smallest delivery
DENSITY = {".parquet": 8, ".xlsx": 6, ".gz": 8, ".zip": 8, ".gpkg": 1}  # bytes of text a byte of the file stands for, roughly
MANY_RECORDS = 200_000
DATASETS_TOGETHER = 6
FILES_AHEAD = 12

Progress = Callable[[str, int, int], None]


@dataclass
class Built:
    """What a build did: rows by outcome and seconds by step."""

    city: str
    deliveries: int = 0
    rows_in: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def account(self, commit: Commit) -> None:
        """Count what a commit took and how long its steps lasted."""
        for receipt in commit.receipts:
            self.deliveries += 1
            self.rows_in += receipt.rows_in
            self.accepted += receipt.accepted
            self.duplicates += receipt.duplicates
            self.quarantined += receipt.quarantined
        for step, seconds in commit.seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + seconds


def build_city(
    writer: Writer,
    pack: Pack,
    days: int = 60,
    seed: int = DEFAULT_SEED,
    until_utc: datetime | None = None,
    progress: Progress | None = None,
    scale: float = 1.0,
    left_out: frozenset[str] = frozenset(),
    further: bool = True,
) -> Built:
    """Registers, archive and history of a city's simulated sources, through the ordinary door.

    First what the first screen shows; the suppliers declared as text (`further_datasets`) follow, so that
    a city can be looked at while they are delivered.

    Parameters
    ----------
    writer : Writer
    pack : Pack
    days : int
        Whole local days of records before today; the archive holds the 25 months before them.
    seed : int
    until_utc : datetime, optional
        End of the history (naive UTC); now where not given.
    progress : callable, optional
        `progress(stage, done, total)`, called between commits and deliveries; may raise to stop.
    left_out : frozenset of str
        Datasets the simulator does not deliver although the pack leaves them to it (`NO_REPORTS`).
    further : bool
        Whether to go on with `build_further`.

    Returns
    -------
    Built
        The account. The last commit of each part marks it as built, so a build that was stopped is seen
        as unfinished; to build again delivers what is there already as duplicates.
    """
    until = until_utc or writer.now()
    start, archive_start = spans(pack, days, until)
    later = further_datasets()
    simulator = Simulator(pack, seed, scale, left_out | later)
    built = Built(pack.id)
    plan = [
        ("registers", list(simulator.registers(until))),
        ("archive", list(simulator.archive(archive_start, start))),
        ("reports", sorted(simulator.reports(FIRST_REPORTS, until), key=_corrections_last)),
        ("history", list(simulator.history(start, until))),
    ]
    _deliver(writer, pack, plan, [d for d in metric_datasets(pack) if d not in later], built, progress)
    with writer.commit(end_message("first", pack.id, until)) as commit:
        replay(commit.lake, pack, start, until, commit_seq=commit.commit_seq)
        commit.cities.add(pack.id)
    built.account(commit)
    if further:
        build_further(writer, pack, days, seed, until, progress, scale, left_out, built)
    return built


def build_further(
    writer: Writer,
    pack: Pack,
    days: int,
    seed: int,
    until_utc: datetime,
    progress: Progress | None = None,
    scale: float = 1.0,
    left_out: frozenset[str] = frozenset(),
    built: Built | None = None,
) -> Built:
    """What `build_city` leaves for later: old records and history of the suppliers declared as text, and the coverage model.

    `until_utc` must be the end of the first part (`built_until`), where the live feed took over.
    """
    built = built or Built(pack.id)
    later = further_datasets()
    simulator = Simulator(pack, seed, scale, left_out | (frozenset(pack.sources) - later))
    start, archive_start = spans(pack, days, until_utc)
    plan = [("further", [*simulator.archive(archive_start, start), *simulator.history(start, until_utc)])]
    _deliver(writer, pack, plan, [d for d in metric_datasets(pack) if d in later], built, progress)
    with writer.commit(end_message("further", pack.id, until_utc)) as commit:
        commit.cities.add(pack.id)
    built.account(commit)
    started = time.perf_counter()
    bring_up_to_date(writer, pack, now=until_utc)
    built.seconds["coverage"] = time.perf_counter() - started
    if progress:
        progress("done", built.deliveries, built.deliveries)
    return built


def further_datasets() -> frozenset[str]:
    """Datasets whose suppliers are declared as text; `facilities`, the register they rest on, is not among them."""
    timetables = [name for t in declared.all_timetables() for name in (t.trips_dataset, t.calls_dataset)]
    return frozenset((*declared.all_returns(), *declared.all_cases(), *timetables))


def _deliver(
    writer: Writer, pack: Pack, plan: list[tuple[str, list[SimDelivery]]], steps: list[str], built: Built, progress: Progress | None
) -> None:
    """Take the deliveries of a plan, then compute the readings of the datasets in `steps`."""
    say = progress or (lambda stage, done, total: None)
    before = built.deliveries
    total = sum(len(found) for _, found in plan) + len(steps)

    def tell(stage: str, computed: int = 0) -> None:
        say(stage, built.deliveries - before + computed, total)

    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        for stage, deliveries in plan:
            for batch in _written(deliveries, Path(folder), built, partial(tell, stage)):
                with writer.commit(step_message(pack.id, stage)) as commit:
                    commit.with_alerts = commit.with_readings = False
                    for delivery, path in batch:
                        _take(commit, pack, delivery, path)
                    commit.cities.add(pack.id)
                built.account(commit)
    computed = 0
    for datasets, touched in _together(writer.lake, pack, steps):
        with writer.commit(step_message(pack.id, "readings")) as commit:
            commit.with_alerts, commit.only_metrics = False, {m for name in datasets for m in metrics_of(name)}
            for name, found in touched.items():
                commit.touch(pack.id, name, found)
        built.account(commit)
        computed += len(datasets)
        tell("readings", min(computed, len(steps)))


def spans(pack: Pack, days: int, until_utc: datetime) -> tuple[datetime, datetime]:
    """Start of the history (local midnight `days` days before the end's day) and of the archive (naive UTC)."""
    first = local_day(until_utc, pack.tz) - timedelta(days=days)
    month = first.year * 12 + first.month - 1 - ARCHIVE_MONTHS
    return midnight_utc(first, pack.tz), midnight_utc(date(month // 12, month % 12 + 1, 1), pack.tz)


def _written(
    deliveries: list[SimDelivery], folder: Path, built: Built, tell: Callable[[], None]
) -> Iterator[list[tuple[SimDelivery, Path]]]:
    """Deliveries with their files, as many together as one short commit takes: the inbox waits for a commit to end.

    The next files are written in a thread of their own while the store takes the present ones.
    """
    batch: list[tuple[SimDelivery, Path]] = []
    weight = 0
    for delivery, path in _ahead(deliveries, folder, built):
        size = DELIVERY_BYTES + path.stat().st_size * DENSITY.get(path.suffix, 1)
        if batch and weight + size > COMMIT_BYTES:
            yield batch
            batch, weight = [], 0
        batch.append((delivery, path))
        weight += size
        tell()
    if batch:
        yield batch


def _ahead(deliveries: list[SimDelivery], folder: Path, built: Built) -> Iterator[tuple[SimDelivery, Path]]:
    def write(delivery: SimDelivery) -> Path:
        path = folder / delivery.filename
        started = time.perf_counter()
        delivery.write(path)
        built.seconds["write files"] = built.seconds.get("write files", 0.0) + time.perf_counter() - started
        return path

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="write-files") as pool:
        waiting = deque((d, pool.submit(write, d)) for d in deliveries[:FILES_AHEAD])
        for following in [*deliveries[FILES_AHEAD:], *[None] * len(waiting)]:
            delivery, written = waiting.popleft()
            if following is not None:
                waiting.append((following, pool.submit(write, following)))
            yield delivery, written.result()


def metrics_of(dataset: str) -> set[str]:
    """Ids of the metrics that rest on a dataset."""
    return {m.id for m in metrics().values() if m.dataset == dataset}


def metric_datasets(pack: Pack) -> list[str]:
    """Datasets of the city that metrics rest on, in the order of the metrics."""
    return list(dict.fromkeys(m.dataset for m in metrics().values() if m.dataset in pack.sources))


def _together(lake: Lake, pack: Pack, datasets: list[str]) -> Iterator[tuple[list[str], dict[str, set[date]]]]:
    """The steps of all datasets; small ones without an archive share a commit, as each commit has its price."""
    names: list[str] = []
    days: dict[str, set[date]] = {}
    for dataset in datasets:
        found = list(reading_steps(lake, pack, dataset))
        if len(found) != 1 or "figures" in found[0]:
            yield from (([dataset], touched) for touched in found)
            continue
        names.append(dataset)
        days |= found[0]
        if len(names) == DATASETS_TOGETHER:
            yield names, days
            names, days = [], {}
    if names:
        yield names, days


def reading_steps(lake: Lake, pack: Pack, dataset: str) -> Iterator[dict[str, set[date]]]:
    """What to compute the readings of a dataset's metrics from: (dataset → days) for one commit after another.

    The days are those the store holds, so a build that was stopped is made whole by the next one.
    A dataset of many records goes month by month.
    """
    table = contract("figures").table
    archived = lake.frame(
        f'SELECT DISTINCT local_day FROM "{table}" WHERE city = ? AND list_contains(?, metric_id)',
        [pack.id, sorted(metrics_of(dataset))],
    )["local_day"].to_list()
    rows = lake.frame(
        f'SELECT local_day, count(*) AS n FROM "{contract(dataset).table}" WHERE city = ? GROUP BY local_day', [pack.id]
    )
    days = set(rows["local_day"].to_list())
    if days and int(rows["n"].sum()) > MANY_RECORDS:
        if archived:
            yield {"figures": set(archived)}
        for month in sorted({day_floor(day, "month") for day in days}):
            yield {dataset: {day for day in days if day_floor(day, "month") == month}}
    elif days or archived:
        yield {name: found for name, found in ((dataset, days), ("figures", set(archived))) if found}


def _corrections_last(delivery: SimDelivery) -> bool:
    """What corrects comes after all it may correct: the store then looks its records up in one place."""
    return "更正" in delivery.filename


@cache
def _mapping(name: str) -> Mapping:
    return load_mapping(name)


def _take(commit: Commit, pack: Pack, delivery: SimDelivery, path: Path) -> None:
    source = pack.sources[delivery.dataset]
    commit.take(
        Incoming(
            path=path, city=pack.id, dataset=delivery.dataset, source=source.supplier_zh or source.name_zh, filename=delivery.filename,
            mapping=_mapping(delivery.mapping) if delivery.mapping else None, mapping_name=delivery.mapping or "", operator=OPERATOR,
            is_simulated=True, known_from_utc=delivery.known_from_utc,
        )  # fmt: skip
    )
    path.unlink(missing_ok=True)


def built_cities(lake: Lake) -> set[str]:
    """Cities whose first part is built; a build that was stopped half way is not among them."""
    return set(built_until(lake))


def built_until(lake: Lake) -> dict[str, datetime]:
    """City → end (naive UTC) of the history its first part was built with."""
    return ended("first", _messages(lake, LIVE_MARK))


def complete_cities(lake: Lake) -> set[str]:
    """Cities that are built whole, with what `build_further` delivers."""
    return set(ended("further", _messages(lake, FURTHER_MARK)))


def _messages(lake: Lake, mark: str) -> list[str]:
    return lake.frame("SELECT what FROM commits WHERE starts_with(what, ?)", [mark])["what"].to_list()


def remove_simulated(writer: Writer, pack: Pack, dataset: str) -> int:
    """Take a source's simulated records, sites and archived figures out; readings follow in the same commit.

    The deliveries stay listed with the state `removed`; their bytes may be delivered again.

    Returns
    -------
    int
        Records taken out (all revisions).

    Raises
    ------
    UnknownId
        No such dataset.
    UsageError
        The pack still declares the source `simulated`, so that the pipeline would deliver it again.
    """
    with writer.commit(f"remove simulated {pack.id} {dataset}") as commit:
        return remove_simulated_within(commit, pack, dataset)


def remove_simulated_within(commit: Commit, pack: Pack, dataset: str) -> int:
    """`remove_simulated` inside a commit that is open already."""
    if dataset not in contracts():
        raise UnknownId("dataset", dataset, contracts())
    source = pack.sources.get(dataset)
    if source is not None and source.state == "simulated":
        raise UsageError(
            f"{pack.id}: the source {dataset!r} is still declared simulated, the pipeline would deliver it again",
            hint=f'set state = "real" (or "off") under [sources.{dataset}] in {pack.folder / "city.toml"} first',
        )
    lake = commit.lake
    removed = remove_simulated_records(commit, pack.id, dataset)
    _clear_fine_readings(commit, pack, dataset)
    removed += _remove_figures(commit, pack, dataset)
    deliveries = "SELECT delivery_id FROM deliveries WHERE city = ? AND dataset = ? AND is_simulated"
    lake.execute(f"DELETE FROM quarantine WHERE city = ? AND delivery_id IN ({deliveries})", [pack.id, pack.id, dataset])
    lake.execute(
        "UPDATE deliveries SET status = 'removed', commit_seq = ? "
        "WHERE city = ? AND dataset = ? AND is_simulated AND status = 'accepted'",
        [commit.commit_seq, pack.id, dataset],
    )
    commit.writer.stale = True  # what had been taken may come again
    return removed


def _clear_fine_readings(commit: Commit, pack: Pack, dataset: str) -> None:
    """Empty the readings below a day; the refresh at the end of the commit fills in what real records give."""
    commit.lake.execute(
        "UPDATE readings SET numerator = NULL, denominator = NULL, value = NULL, n = 0, simulated_n = 0, reported_n = NULL,"
        " expected_n = NULL, status = 'missing', commit_seq = ?"
        " WHERE city = ? AND list_contains(?, metric) AND list_contains(?, grain) AND simulated_n > 0",
        [commit.commit_seq, pack.id, [m.id for m in metrics().values() if m.dataset == dataset], list(SUB_DAY_SECONDS)],
    )


def _remove_figures(commit: Commit, pack: Pack, dataset: str) -> int:
    """Take out the simulated archive of the metrics that rest on a dataset."""
    ids = [m.id for m in metrics().values() if m.dataset == dataset]
    table = contract("figures").table
    where = "city = ? AND is_simulated AND list_contains(?, metric_id)"
    days = commit.lake.frame(f'SELECT local_day, count(*) AS n FROM "{table}" WHERE {where} GROUP BY local_day', [pack.id, ids])
    if days.height:
        commit.lake.execute(f'DELETE FROM "{table}" WHERE {where}', [pack.id, ids])
        # the days are computed again from what is left: records of the dataset, or nothing
        commit.touch(pack.id, dataset, set(days["local_day"].to_list()))
    return int(days["n"].sum() or 0)
