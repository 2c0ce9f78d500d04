"""`build`: a store from the simulated suppliers; `simulated remove`: take one supplier's records out again."""

from __future__ import annotations

from enum import StrEnum
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
from data_pipeline.simulate.build import NO_REPORTS, Built, build_city, built_cities, remove_simulated
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
        have = built_cities(lake)
        for pack in chosen:
            if sources is Sources.real:
                rows.append(_without(pack))
            elif pack.id in have:
                rows.append(_row(Built(pack.id), "built before; nothing to do"))
            else:
                rows.append(_row(_build_with_bar(writer, pack, days, seed, moments[pack.id] or now_utc(), scale, left_out, fmt), "built"))
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


def _build_with_bar(writer: Writer, pack: Pack, days: int, seed: int, until, scale: float, left_out: frozenset[str], fmt: Format) -> Built:  # noqa: ANN001 - datetime
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # what a program reads goes to standard output, the bar to standard error
    with Progress(*columns, console=Console(stderr=True), disable=fmt is not Format.table) as bar:
        task = bar.add_task(pack.name_zh, total=None)

        def say(stage: str, done: int, total: int) -> None:
            bar.update(task, description=f"{pack.name_zh} {_STAGES.get(stage, stage)}", completed=done, total=total)

        return build_city(writer, pack, days, seed, until, say, scale, left_out)


_STAGES = {"registers": "台账 registers", "archive": "历史汇总 archive", "reports": "规划填报 plan reports", "history": "记录 records", "readings": "汇聚 readings", "done": "完成 done"}


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
