"""Bring a city's modelled coverage and service radii up to date with its registers, and deliver what comes of it.

The results enter by the ordinary door: files whose bytes are kept, checked against their
contracts, located, with a delivery behind every figure. `computed_at` is when the model was run;
they are simulated where a station of the register is.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data_pipeline.contracts import contract
from data_pipeline.coverage import measured, places, results, service
from data_pipeline.coverage.assumptions import Assumptions, assumptions
from data_pipeline.coverage.register import DATASET, in_service, network
from data_pipeline.coverage.stored import Model, Stored
from data_pipeline.ingest.types import Incoming
from data_pipeline.store.lake import Lake
from data_pipeline.times import local_day

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.ingest.writer import Writer

OPERATOR = "coverage model"
SOURCE = "覆盖模型"
log = logging.getLogger(__name__)


@dataclass
class Run:
    """What a run did. `is_new` is False where the results were up to date; `seconds` by step."""

    city: str
    stations: int = 0
    added: int = 0
    removed: int = 0
    is_new: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def bring_up_to_date(writer: Writer, pack: Pack, given: Assumptions | None = None, now: datetime | None = None) -> Run:
    """Run the model where the stations in service have changed, deliver the results in one commit.

    Without a single 5G station with a point nothing is modelled: no figure, not a coverage of 0. Service radii rest on
    registers of their own and are worked out all the same.
    Drive tests are compared with the model anew when it ran, or when a newer day of them is there.

    Parameters
    ----------
    writer : Writer
        Outside any commit.
    pack : Pack
    given : Assumptions, optional
        The product's where not given.
    now : datetime, optional
        Naive UTC; decides which stations are in service.

    Raises
    ------
    StoreError
        The disk cannot take the state or the results.
    """
    given, now = given or assumptions(), now or writer.now()
    lake, run, clock = writer.lake, Run(pack.id), _Clock()
    today = local_day(now, pack.tz)
    stations = in_service(lake, pack.id, today, given.terms.technology)
    run.stations = stations.height
    stored = Stored(writer.home, pack, given)
    has_service = any(service.sites_of(lake, pack.id, s, today).height for s in service.services().service)
    if stations.is_empty() and not has_service:
        return run
    ground, h3 = stored.ground()
    clock.lap(run, "ground")
    reached, sites_simulated = service.results(lake, pack.id, ground, today, now)
    frames = {service.DATASET: _changed(lake, pack.id, reached, service.DATASET, now)}
    simulated = {service.DATASET: sites_simulated}
    clock.lap(run, "service radii")
    if not stations.is_empty():
        net = network(stations, ground, given, stored.carriers())
        model, update = stored.update(ground, h3, net)
        run.added, run.removed = update.added, update.removed
        clock.lap(run, "model")
        is_new = not update.is_nothing or not stored.is_delivered or not _has_results(lake, pack.id)
        found, tests_simulated = _modelled(lake, pack, given, now, model, is_new, run, clock)
        frames |= found
        simulated |= {dataset: net.is_simulated or (dataset == "coverage_errors" and tests_simulated) for dataset in found}
    frames = {dataset: frame for dataset, frame in frames.items() if frame.height}
    if frames:
        run.rows = _deliver(writer, pack, frames, simulated, now)
        run.is_new = True
        clock.lap(run, "commit")
    if not stations.is_empty():
        stored.delivered()
    log.info("coverage of %s: %d stations, %d added, %d removed, %s", pack.id, run.stations, run.added, run.removed, run.seconds)
    return run


def _modelled(
    lake: Lake, pack: Pack, given: Assumptions, now: datetime, model: Model, is_new: bool, run: Run, clock: _Clock
) -> tuple[dict[str, pl.DataFrame], bool]:
    """What the radio model gives, by dataset, and whether the drive tests it is compared with are simulated."""
    ground, frames = model.ground, {}
    if is_new:
        labels = results.labels_of(model, given)
        frames["coverage_results"] = _changed(lake, pack.id, results.by_piece(model, given, labels, now), "coverage_results", now)
        frames["coverage_cells"] = _changed(lake, pack.id, results.by_h3(model, given, now), "coverage_cells", now)
        frames["weak_patches"] = results.weak_patches(model, labels, now)
        clock.lap(run, "results")
    # places may have changed where the network has not
    covered = model.served.covered(model.network.terms(given))
    found = places.covered_places(places.key_places(lake, ground, given), ground, covered, now)
    frames["coverage_places"] = _changed(lake, pack.id, found, "coverage_places", now)
    clock.lap(run, "places")
    compared = _compare(lake, pack, model, given, now, is_new)
    if compared is None:
        return frames, False
    frames["coverage_errors"] = compared[0]
    clock.lap(run, "drive tests")
    return frames, compared[1]


def _has_results(lake: Lake, city: str) -> bool:
    table = contract("coverage_results").table
    return bool(lake.value(f'SELECT count(*) FROM "{table}" WHERE city = ? AND known_to_utc IS NULL', [city]))


def _changed(lake: Lake, city: str, frame: pl.DataFrame, dataset: str, now: datetime) -> pl.DataFrame:
    """Rows that say something else than the present records: the rest need not be written again.

    What is in the present records and no longer in `frame` (a place closed, a piece redrawn) is
    said to be nothing now: its figures are 0, optional ones empty.
    """
    rules = contract(dataset)
    key, names = list(rules.key), [c for c in rules.columns if c != "computed_at"]
    quoted = ", ".join(f'"{c}"' for c in names)
    present = lake.frame(f'SELECT {quoted} FROM "{rules.table}" WHERE city = ? AND known_to_utc IS NULL', [city])
    figures = {n: c.required for n, c in rules.columns.items() if c.type in ("float", "integer") and n not in ("lon", "lat")}
    gone = present.join(frame, on=key, how="anti").with_columns(
        *(pl.lit(0 if required else None).cast(rules.polars_schema()[n]).alias(n) for n, required in figures.items()),
        pl.lit(now, pl.Datetime("us")).alias("computed_at"),
    )
    every = pl.concat([frame, gone.select(frame.columns)])
    return every.join(present, on=names, how="anti", nulls_equal=True)


def _compare(
    lake: Lake, pack: Pack, model: Model, given: Assumptions, now: datetime, is_new: bool
) -> tuple[pl.DataFrame, bool] | None:
    """Errors of the model against the drive tests, and whether those are simulated; None where nothing has changed."""
    tests, made = contract(measured.DATASET).table, contract("coverage_errors").table
    newest = lake.value(f'SELECT max(local_day) FROM "{tests}" WHERE city = ?', [pack.id])
    compared = lake.value(f'SELECT max(local_day) FROM "{made}" WHERE city = ?', [pack.id])
    if newest is None or (not is_new and compared is not None and newest < compared):
        return None
    today = local_day(now, pack.tz)
    if not is_new and compared is not None and compared >= today:
        return None
    found = measured.samples(lake, pack.id, now, given.terms.technology)
    simulated = bool(found["is_simulated"].any()) if found.height else False
    return _changed(lake, pack.id, measured.errors(model, found, given, now), "coverage_errors", now), simulated


def _deliver(writer: Writer, pack: Pack, frames: dict[str, pl.DataFrame], simulated: dict[str, bool], now: datetime) -> dict[str, int]:
    rows = {}
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder, writer.commit(f"coverage model {pack.id}") as commit:
        for dataset, frame in frames.items():
            filename = f"{pack.id}_{dataset}_{now:%Y%m%dT%H%M%S}.parquet"
            path = Path(folder) / filename
            # a file says its times with their zone, else they are read as the city's own clock
            frame.with_columns(pl.col("computed_at").dt.replace_time_zone("UTC")).write_parquet(path)
            receipt = commit.take(Incoming(path, pack.id, dataset, SOURCE, filename, operator=OPERATOR, is_simulated=simulated[dataset]))
            rows[dataset] = receipt.accepted
            if receipt.quarantined or receipt.status == "refused":
                log.warning("coverage of %s: %d rows of %s were refused: %s", pack.id, receipt.quarantined, dataset, receipt.message)
    return rows


class _Clock:
    def __init__(self) -> None:
        self.since = time.perf_counter()

    def lap(self, run: Run, step: str) -> None:
        """Note the seconds since the last lap."""
        now = time.perf_counter()
        run.seconds[step], self.since = round(now - self.since, 3), now


def register_version(lake: Lake, city: str) -> int:
    """Number of the last commit that changed the register, key places or the drive tests; 0 where there is none."""
    return lake.value(
        "SELECT max(commit_seq) FROM deliveries WHERE city = ? AND list_contains(?, dataset) AND accepted > 0",
        [city, [DATASET, measured.DATASET, *places.DATASETS, *service.datasets()]],
    ) or 0
