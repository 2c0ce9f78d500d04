"""`run`, `status`, `maintenance`: the pipeline and the store it keeps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Annotated

import typer

from data_pipeline.cities import Pack, find_pack, load_packs
from data_pipeline.cli.common import (
    Format,
    FormatOption,
    HomeOption,
    PacksOption,
    SimulatedReportsOption,
    emit,
    emit_one,
)
from data_pipeline.errors import StoreBusy
from data_pipeline.home import Home
from data_pipeline.runner import Job, LiveDelivery, run_pipeline
from data_pipeline.simulate.build import NO_REPORTS
from data_pipeline.simulate.simulator import DEFAULT_SEED, Simulator
from data_pipeline.store import inbox
from data_pipeline.store.lake import Lake, newest_snapshot
from data_pipeline.store.lock import holder
from data_pipeline.store.maintenance import Retention, inlined_rows, maintain
from data_pipeline.store.status import read_status
from data_pipeline.times import now_utc

app = typer.Typer()
SeedOption = Annotated[int, typer.Option(help="Seed of the simulator; use the one the store was built with.")]


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@app.command()
def run(
    home: HomeOption = None,
    packs: PacksOption = None,
    build_missing: Annotated[bool, typer.Option("--build-missing", help="Build the cities that have no data yet, in the background.")] = False,
    city: Annotated[list[str] | None, typer.Option("--city", help="Only these cities (with --build-missing); may repeat.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Days of native records of a city that is built.")] = 60,
    seed: SeedOption = DEFAULT_SEED,
    simulator: Annotated[bool, typer.Option("--simulator/--no-simulator", help="Deliver for sources declared simulated.")] = True,
    simulated_reports: SimulatedReportsOption = True,
    keep_days: Annotated[int, typer.Option(min=1, help="Keep every snapshot of the last days.")] = 7,
    keep_daily: Annotated[int, typer.Option(min=1, help="Keep the last snapshot of each day this long.")] = 180,
    fmt: FormatOption = Format.table,
) -> None:
    """Hold the store, answer the inbox, deliver for simulated sources, keep the files in order. Ctrl-C stops it."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("pyogrio").setLevel(logging.WARNING)  # it counts every feature it writes
    logging.getLogger("data_pipeline").setLevel(logging.INFO)
    place, found = Home.of(home).ready(), load_packs(packs)
    chosen = [find_pack(found, name) for name in city] if city else list(found.values())
    left_out: frozenset[str] = frozenset() if simulated_reports else NO_REPORTS
    jobs = _missing(place, chosen, days, seed, left_out) if build_missing else []
    run_pipeline(
        place, found, live=_live(seed, left_out) if simulator else None, jobs=jobs, retention=Retention(keep_days, keep_daily)
    )
    newest = newest_snapshot(place)
    emit_one({"home": str(place.root), "pipeline": "stopped", "snapshot": newest.id if newest else None}, fmt, "run")


def _live(seed: int, left_out: frozenset[str]) -> Callable[[Pack, datetime, datetime], Iterable[LiveDelivery]]:
    """What each city's simulated suppliers owe in a span of time."""

    @cache
    def simulator(pack: Pack) -> Simulator:
        return Simulator(pack, seed, left_out=left_out)

    def live(pack: Pack, after: datetime, until: datetime) -> Iterable[LiveDelivery]:
        return simulator(pack).live(after, until)

    return live


def _missing(home: Home, packs: list[Pack], days: int, seed: int, left_out: frozenset[str]) -> list[Job]:
    """One job for each city with simulated sources whose build has not come to its end."""
    from data_pipeline.simulate.build import build_city, build_further, built_until, complete_cities

    have: dict[str, datetime] = {}
    whole: set[str] = set()
    if home.catalog.exists():
        with Lake.reader(home) as lake:
            have, whole = built_until(lake), complete_cities(lake)

    def job(pack: Pack) -> Job:
        if pack.id in have:
            return Job(pack.id, lambda writer, progress: build_further(writer, pack, days, seed, have[pack.id], progress, left_out=left_out))
        return Job(pack.id, lambda writer, progress: build_city(writer, pack, days, seed, now_utc(), progress, left_out=left_out))

    simulated = [pack for pack in packs if any(source.state == "simulated" for source in pack.sources.values())]
    # a city that can be looked at already is made whole first
    return [job(pack) for pack in sorted(simulated, key=lambda pack: pack.id not in have) if pack.id not in whole]


@app.command()
def status(home: HomeOption = None, packs: PacksOption = None, fmt: FormatOption = Format.table) -> None:
    """Say who writes, how new the store is, how far each city is, and how much there is."""
    place = Home.of(home)
    who, running, newest = holder(place), read_status(place), newest_snapshot(place)
    answer: dict[str, object] = {
        "home": str(place.root),
        "writer": f"{who.pid} {who.command} since {who.since_utc.isoformat()}Z" if who else None,
        "pipeline": "running" if running else ("not running" if who is None else "another command writes"),
        "snapshot": newest.id if newest else None,
        "snapshot_at": f"{newest.at_utc.isoformat(timespec='seconds')}Z" if newest else None,
        "inbox_waiting": len(inbox.pending(place)),
    }
    if newest is not None:
        with Lake.reader(place) as lake:
            answer |= _numbers(lake)
            answer["inlined_rows"] = sum(inlined_rows(lake).values())
        answer["lake_mib"] = round(sum(f.stat().st_size for f in place.lake.rglob("*.parquet")) / 2**20, 1)
        answer["catalog_mib"] = round(place.catalog.stat().st_size / 2**20, 1)
    if running is not None:
        answer["cities"] = {city: vars(state) for city, state in running.cities.items()}
        answer["problems"] = running.problems
        answer["last_maintenance"] = running.last_maintenance_utc
    emit_one(answer, fmt, "status")


def _numbers(lake: Lake) -> dict[str, object]:
    row = lake.frame(
        "SELECT count(*) AS deliveries, sum(rows_in) AS rows_in, sum(accepted) AS accepted, sum(duplicates) AS duplicates, "
        "sum(quarantined) AS quarantined, max(received_at_utc) AS newest_delivery FROM deliveries"
    ).row(0, named=True)
    numbers: dict[str, object] = {k: int(v) if v is not None and k != "newest_delivery" else v for k, v in row.items()}
    numbers["readings"] = lake.value("SELECT count(*) FROM readings")
    numbers["data_in"] = lake.frame("SELECT DISTINCT city FROM readings ORDER BY 1")["city"].to_list()
    return numbers


@app.command()
def maintenance(
    home: HomeOption = None,
    packs: PacksOption = None,
    keep_days: Annotated[int, typer.Option(min=1, help="Keep every snapshot of the last days.")] = 7,
    keep_daily: Annotated[int, typer.Option(min=1, help="Keep the last snapshot of each day this long.")] = 180,
    fmt: FormatOption = Format.table,
) -> None:
    """Flush, merge, expire and clean up at once. A running pipeline does this by itself."""
    place = Home.of(home)
    who = holder(place)
    if who is not None and who.answers_inbox:
        raise StoreBusy(
            f"the pipeline (process {who.pid}) is running and does its maintenance by itself every hour",
            hint="stop it first if it has to be now",
        )
    with Lake.writer(place, "python -m data_pipeline maintenance") as lake:
        done = maintain(lake, now_utc(), Retention(keep_days, keep_daily))
    rows = [{"step": step, "done": said, "seconds": round(seconds, 3)} for step, said, seconds in done]
    emit(rows, fmt, ["step", "done", "seconds"], "maintenance")
