"""`roads probe-speeds|free-flow`: from recorded positions and speeds to files that are delivered like any other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from data_pipeline.cities import Pack, find_pack, load_packs
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit_one
from data_pipeline.contracts import contract
from data_pipeline.errors import UsageError
from data_pipeline.home import Home
from data_pipeline.roads.free_flow import ENOUGH_DAYS, free_flow
from data_pipeline.roads.probe import probe_speeds, sample_size
from data_pipeline.store.lake import Lake
from data_pipeline.times import local_day, midnight_utc, parse_time

app = typer.Typer()
roads_app = typer.Typer(help="Road speeds from vehicle positions; free-flow speeds from road speeds.", no_args_is_help=True)
app.add_typer(roads_app, name="roads")

CityOption = Annotated[str, typer.Option("--city", help="City id.")]
Target = Annotated[Path, typer.Argument(help="Parquet file to write; bring it in with `import … --dataset …`.")]


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@roads_app.command("probe-speeds")
def probe_command(
    file: Target,
    city: CityOption,
    day: Annotated[str, typer.Option(help="Local day, such as 2026-11-21.")],
    interval_s: Annotated[int, typer.Option(min=60, max=3600, help="Length of the intervals; GB/T 33171 allows at most 300.")] = 300,
    least: Annotated[int, typer.Option(min=1, help="Passages an interval needs for a speed.")] = sample_size(),
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Match a day's vehicle positions to the road sections and write their mean travel speeds (dataset `road_speeds`)."""
    pack = find_pack(load_packs(packs), city)
    start = parse_time(day, pack.tz, "--day")
    end = midnight_utc(local_day(start, pack.tz) + timedelta(days=1), pack.tz)
    with Lake.reader(Home.of(home)) as lake:
        positions = lake.frame(
            "SELECT vehicle_id, \"at\", lon, lat FROM rec_vehicle_positions WHERE city = ? AND local_day = ? AND known_to_utc IS NULL",
            [pack.id, local_day(start, pack.tz)],
        )
        sections = _sections(lake, pack)
    found = probe_speeds(positions, sections, pack.metric_crs, interval_s=interval_s, least_n=least)
    rows = found.speeds.filter(pl.col("start_at").is_between(start, end, closed="left"))
    _write(rows, file)
    enough = rows.height - rows["speed_kmh"].null_count()
    emit_one(
        {"file": str(file), "positions": found.fixes_n, "matched": found.matched_n, "passages": found.passages_n, "rows": rows.height, "with_speed": enough},
        fmt, "probe speeds",
    )  # fmt: skip


@roads_app.command("free-flow")
def free_flow_command(
    file: Target,
    city: CityOption,
    estimates: Annotated[bool, typer.Option("--estimates", help=f"Also sections with fewer than {ENOUGH_DAYS} days of speeds.")] = False,
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Work out free-flow speeds (GB/T 33171-2016 7.2.1.2) and write the register with them (dataset `road_sections`)."""
    pack = find_pack(load_packs(packs), city)
    with Lake.reader(Home.of(home)) as lake:
        # only what has a quarter of an hour in it is held: sums over records would not give days
        speeds = lake.frame("SELECT site_id, start_at, speed_kmh, flow_veh FROM rec_road_speeds WHERE city = ? AND known_to_utc IS NULL", [pack.id])
        sections = _sections(lake, pack)
    found = free_flow(speeds, sections, pack.tz)
    kept = found if estimates else found.filter(~pl.col("is_estimate"))
    rows = sections.drop("free_speed_kmh").join(kept.select("site_id", "free_speed_kmh"), on="site_id", how="inner")
    _write(rows.select(list(contract("road_sections").columns)), file)
    emit_one({"file": str(file), "sections": rows.height, "estimates": int(found["is_estimate"].sum()), "written_estimates": estimates}, fmt, "free flow")


def _sections(lake: Lake, pack: Pack) -> pl.DataFrame:
    columns = ", ".join(f'"{name}"' for name in contract("road_sections").columns)
    found = lake.frame(f"SELECT {columns} FROM rec_road_sections WHERE city = ? AND known_to_utc IS NULL", [pack.id])
    if found.is_empty():
        raise UsageError(f"{pack.id} has no road sections", hint="deliver a register `road_sections` with `path` first")
    return found


def _write(rows: pl.DataFrame, file: Path) -> None:
    aware = [pl.col(name).dt.replace_time_zone("UTC") for name, kind in rows.schema.items() if kind == pl.Datetime("us")]
    rows.with_columns(aware).write_parquet(file)
