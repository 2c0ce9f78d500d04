"""`build`: a store from the simulated suppliers; `simulated remove`: take one supplier's records out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
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
from data_pipeline.home import Home
from data_pipeline.ingest import desk
from data_pipeline.ingest.writer import Writer
from data_pipeline.simulate.build import (
    ALONE_BYTES,
    NO_REPORTS,
    Built,
    build_city,
    build_further,
    built_until,
    complete_cities,
    remove_simulated,
)
from data_pipeline.simulate.simulator import DEFAULT_SEED
from data_pipeline.store.lake import Lake
from data_pipeline.store.lock import holder
from data_pipeline.times import now_utc, parse_time

app = typer.Typer()
simulated_app = typer.Typer(help="Records made by the simulator.", no_args_is_help=True)
app.add_typer(simulated_app, name="simulated")


class Sources(StrEnum):
    """Which sources a build delivers for."""

    declared = "declared"
    real = "real"


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@app.command()
def build(
    city: Annotated[list[str], typer.Option("--city", help="City id, may repeat; `all` for every pack.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of records; 25 months of figures come before them.")] = 60,
    home: HomeOption = None,
    packs: PacksOption = None,
    seed: Annotated[int, typer.Option(help="Seed: the same seed and --until give the same store.")] = DEFAULT_SEED,
    until: Annotated[str, typer.Option(help="End of the records, ISO 8601, local time without offset (default now).")] = "",
    sources: Annotated[Sources, typer.Option(help="`declared`: as city.toml says; `real`: nothing simulated.")] = Sources.declared,
    scale: Annotated[float, typer.Option(min=0.1, max=1000, help="Size of the simulated city; 1 is its own.")] = 1.0,
    simulated_reports: SimulatedReportsOption = True,
    first_screen: Annotated[bool, typer.Option("--first-screen", help="Only what the first screen shows; `run --build-missing` goes on.")] = False,
    fmt: FormatOption = Format.table,
) -> None:
    """Build a city's store: registers, archive, records, readings. A city that is built already stays as it is."""
    found = load_packs(packs)
    chosen = list(found.values()) if "all" in city else [find_pack(found, name) for name in dict.fromkeys(city)]
    moments = {pack.id: parse_time(until, pack.tz, "--until") if until else None for pack in chosen}
    place = Home.of(home).ready()
    left_out: frozenset[str] = frozenset() if simulated_reports else NO_REPORTS
    rows = []
    with Lake.writer(place, "python -m data_pipeline build") as lake:
        writer = Writer(lake, found, place)
        have, whole = built_until(lake), complete_cities(lake)
        for pack in chosen:
            if sources is Sources.real:
                rows.append(_without(pack))
            elif pack.id in whole or (first_screen and pack.id in have):
                rows.append(_row(Built(pack.id), "built before; nothing to do"))
            else:
                build = partial(build_further, until_utc=have[pack.id]) if pack.id in have else partial(
                    build_city, until_utc=moments[pack.id] or now_utc(), further=not first_screen
                )
                build = partial(build, commit_bytes=ALONE_BYTES)
                with _bar(pack, fmt) as say:
                    rows.append(_row(build(writer, pack, days, seed, progress=say, scale=scale, left_out=left_out), "built"))
    emit(rows, fmt, ["city", "state", "deliveries", "rows_in", "accepted", "duplicates", "quarantined", "seconds"], "build")


def _without(pack: Pack) -> dict[str, object]:
    waiting = [d for d, s in pack.sources.items() if s.state == "real"]
    left_out = sum(s.state == "simulated" for s in pack.sources.values())
    state = f"store ready; {len(waiting)} real sources wait for import, {left_out} simulated ones left out"
    return _row(Built(pack.id), state)


def _row(built: Built, state: str) -> dict[str, object]:
    return {
        "city": built.city, "state": state, "deliveries": built.deliveries, "rows_in": built.rows_in, "accepted": built.accepted,
        "duplicates": built.duplicates, "quarantined": built.quarantined, "seconds": round(sum(built.seconds.values()), 1),
    }  # fmt: skip


@contextmanager
def _bar(pack: Pack, fmt: Format) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for one city; gives the function that moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # what a program reads goes to standard output, the bar to standard error
    with Progress(*columns, console=Console(stderr=True), disable=fmt is not Format.table) as bar:
        task = bar.add_task(pack.name_zh, total=None)

        def say(stage: str, done: int, total: int) -> None:
            bar.update(task, description=f"{pack.name_zh} {_STAGES.get(stage, stage)}", completed=done, total=total)

        yield say


_STAGES = {"registers": "台账 registers", "archive": "历史汇总 archive", "reports": "规划填报 plan reports", "history": "记录 records", "further": "更多领域 further domains", "readings": "汇聚 readings", "done": "完成 done"}


@simulated_app.command("remove")
def remove(
    city: Annotated[str, typer.Option("--city", help="City id.")],
    dataset: Annotated[str, typer.Option("--dataset", help="Dataset whose real source starts.")],
    home: HomeOption = None,
    packs: PacksOption = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for a running pipeline's answer.")] = 600.0,
    fmt: FormatOption = Format.table,
) -> None:
    """Take a source's simulated records out, when the real source starts; a running pipeline does it. Readings follow at once."""
    found = load_packs(packs)
    pack = find_pack(found, city)
    place = Home.of(home)
    who = holder(place)
    if who is not None and who.answers_inbox:
        removed = desk.ask_remove_simulated(place, pack.id, dataset, timeout)
    else:
        with Lake.writer(place, "python -m data_pipeline simulated remove") as lake:
            removed = remove_simulated(Writer(lake, found, place), pack, dataset)
    emit_one({"city": pack.id, "dataset": dataset, "records_removed": removed}, fmt, "simulated remove")
