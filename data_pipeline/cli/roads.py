"""`roads probe-speeds|stop-calls|free-flow`: from recorded positions and speeds to files that are delivered like any other."""

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
from data_pipeline.roads.calls import stop_calls
from data_pipeline.roads.free_flow import ENOUGH_DAYS, free_flow
from data_pipeline.roads.probe import probe_speeds, sample_size
from data_pipeline.sources import read
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


@roads_app.command("stop-calls")
def calls_command(
    file: Target,
    city: CityOption,
    day: Annotated[str, typer.Option(help="Service day, such as 2016-11-25.")],
    timetable: Annotated[Path, typer.Option(help="Table of trip_id, stop_id, arrival_time (hours may pass 24).")],
    stops: Annotated[Path, typer.Option(help="Table of stop_id, stop_lon, stop_lat (WGS84).")],
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Work out from a day's vehicle positions and a timetable when each trip left its stops (dataset `transit_calls`)."""
    pack = find_pack(load_packs(packs), city)
    on = local_day(parse_time(day, pack.tz, "--day"), pack.tz)
    with Lake.reader(Home.of(home)) as lake:
        # a service day runs on into the next one
        positions = lake.frame(
            'SELECT vehicle_id, trip_id, route_id, "at", lon, lat FROM rec_vehicle_positions WHERE city = ? AND known_to_utc IS NULL'
            " AND trip_id IS NOT NULL AND local_day BETWEEN ? AND ?",
            [pack.id, on, on + timedelta(days=1)],
        )
    plan = _table(timetable, ["trip_id", "stop_id", "arrival_time"]).with_columns(arrival_s=_clock("arrival_time")).drop_nulls(["arrival_s"])
    places = _table(stops, ["stop_id", "stop_lon", "stop_lat"]).select(
        "stop_id", pl.col("stop_lon").cast(pl.Float64).alias("lon"), pl.col("stop_lat").cast(pl.Float64).alias("lat")
    )
    found = stop_calls(positions, plan, places, on, pack.metric_crs, pack.tz)
    _write(found.calls, file)
    emit_one(
        {"file": str(file), "positions": found.fixes_n, "off_path": found.off_path_n, "trips": found.trips_n, "trips_without_timetable": found.unknown_trips_n,
         "calls": found.calls.height, "with_time": found.calls.height - found.calls["actual_at"].null_count()},
        fmt, "stop calls",
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


def _table(path: Path, columns: list[str]) -> pl.DataFrame:
    """Columns of a delivered table as text; `UsageError` for one that is not there."""
    rows = read(path, filename=path.name).frame
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise UsageError(f"{path.name} has no column {', '.join(missing)}", hint=f"it has {', '.join(rows.columns)}")
    return rows.select(columns)


def _clock(column: str) -> pl.Expr:
    """`25:10:00` as seconds of the service day; null for anything else."""
    parts = pl.col(column).str.extract_groups(r"^\s*(\d{1,2}):(\d{2}):(\d{2})\s*$")
    return sum((parts.struct.field(str(i + 1)).cast(pl.Int64) * f for i, f in enumerate((3600, 60, 1))), pl.lit(0))


def _write(rows: pl.DataFrame, file: Path) -> None:
    aware = [pl.col(name).dt.replace_time_zone("UTC") for name, kind in rows.schema.items() if kind == pl.Datetime("us")]
    rows.with_columns(aware).write_parquet(file)
