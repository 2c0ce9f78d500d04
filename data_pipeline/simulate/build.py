"""Building a city's store from its simulated suppliers, and taking their records out again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
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
from data_pipeline.simulate.files import Order, further_datasets, spans, written_ahead
from data_pipeline.simulate.simulator import DEFAULT_SEED, SimDelivery
from data_pipeline.store.lake import Lake
from data_pipeline.store.marks import FURTHER_MARK, LIVE_MARK, end_message, ended, step_message
from data_pipeline.times import SUB_DAY_SECONDS, day_floor

NO_REPORTS = frozenset({"plan_reports"})
OPERATOR = "build"
COMMIT_BYTES = 6_000_000  # of text; a commit of so much lasts a second or two, and the inbox waits for it
ALONE_BYTES = 30_000_000  # where no inbox is served: each commit has its price
DELIVERY_BYTES = 250_000  # what it costs to take even the smallest delivery
DENSITY = {".parquet": 8, ".xlsx": 6, ".gz": 8, ".zip": 8, ".gpkg": 1}  # bytes of text a byte of the file stands for, roughly
MANY_RECORDS = 200_000
DATASETS_TOGETHER = 6

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
    commit_bytes: int = COMMIT_BYTES,
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
    commit_bytes : int
        How much a commit takes, as text; `ALONE_BYTES` where nobody waits for its end.

    Returns
    -------
    Built
        The account. The last commit of each part marks it as built, so a build that was stopped is seen
        as unfinished; to build again delivers what is there already as duplicates.
    """
    until = until_utc or writer.now()
    built = Built(pack.id)
    order = Order("first", pack, days, until, seed, scale, left_out)
    _deliver(writer, order, built, progress, commit_bytes)
    with writer.commit(end_message("first", pack.id, until)) as commit:
        replay(commit.lake, pack, spans(pack, days, until)[0], until, commit_seq=commit.commit_seq)
        commit.cities.add(pack.id)
    built.account(commit)
    if further:
        build_further(writer, pack, days, seed, until, progress, scale, left_out, built, commit_bytes)
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
    commit_bytes: int = COMMIT_BYTES,
) -> Built:
    """What `build_city` leaves for later: old records and history of the suppliers declared as text, and the coverage model.

    `until_utc` must be the end of the first part (`built_until`), where the live feed took over.
    """
    built = built or Built(pack.id)
    order = Order("further", pack, days, until_utc, seed, scale, left_out)
    _deliver(writer, order, built, progress, commit_bytes)
    with writer.commit(end_message("further", pack.id, until_utc)) as commit:
        commit.cities.add(pack.id)
    built.account(commit)
    started = time.perf_counter()
    bring_up_to_date(writer, pack, now=until_utc)
    built.seconds["coverage"] = time.perf_counter() - started
    if progress:
        progress("done", built.deliveries, built.deliveries)
    return built


def _deliver(writer: Writer, order: Order, built: Built, progress: Progress | None, commit_bytes: int) -> None:
    """Take the deliveries of an order, then compute the readings of its part's datasets."""
    say = progress or (lambda stage, done, total: None)
    before, pack, later = built.deliveries, order.pack, further_datasets()
    steps = [dataset for dataset in metric_datasets(pack) if (dataset in later) == (order.part == "further")]
    total = sum(len(found) for _, found in order.stages) + len(steps)

    def tell(stage: str, computed: int = 0) -> None:
        say(stage, built.deliveries - before + computed, total)

    with tempfile.TemporaryDirectory(prefix="build-") as folder, written_ahead(order, Path(folder)) as files:
        for number, (stage, _) in enumerate(order.stages):
            for batch in _batches(files.of(number), commit_bytes, partial(tell, stage)):
                with writer.commit(step_message(pack.id, stage)) as commit:
                    commit.with_alerts = commit.with_readings = False
                    for delivery, path in batch:
                        _take(commit, pack, delivery, path)
                    commit.cities.add(pack.id)
                built.account(commit)
    built.seconds["write files"] = built.seconds.get("write files", 0.0) + files.seconds
    computed = 0
    for datasets, touched in _together(writer.lake, pack, steps):
        with writer.commit(step_message(pack.id, "readings")) as commit:
            commit.with_alerts, commit.only_metrics = False, {m for name in datasets for m in metrics_of(name)}
            for name, found in touched.items():
                commit.touch(pack.id, name, found)
        built.account(commit)
        computed += len(datasets)
        tell("readings", min(computed, len(steps)))


def _batches(
    files: Iterator[tuple[SimDelivery, Path]], commit_bytes: int, tell: Callable[[], None]
) -> Iterator[list[tuple[SimDelivery, Path]]]:
    """Deliveries with their files, as many together as one commit takes."""
    batch: list[tuple[SimDelivery, Path]] = []
    weight = 0
    for delivery, path in files:
        size = DELIVERY_BYTES + path.stat().st_size * DENSITY.get(path.suffix, 1)
        if batch and weight + size > commit_bytes:
            yield batch
            batch, weight = [], 0
        batch.append((delivery, path))
        weight += size
        tell()
    if batch:
        yield batch


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
