"""GTFS feeds (timetables of public transport) as tables: `trips`, `calls`, `stops`, `timetable`.

`records` in the mapping names the table. Times come out as UTC: a GTFS time counts from noon minus 12 hours
of the service day in the agency's time zone, so 25:10:00 is ten past one of the day after, and the clock
change moves nothing (gtfs.org, "Time"). Service days may be narrowed with `service_days`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.sources.base import Raw, ReadOptions, check_cells, number_rows, refusals
from data_pipeline.sources.gtfs_feed import Feed, clock_seconds, load_feed, service_days
from data_pipeline.times import midnight_utc, service_start_utc
from geo.distance import geodesic_m

TABLES = ("trips", "calls", "stops", "timetable")
UTC_TIME = pl.Datetime("us", "UTC")


def read_gtfs(file: Path, filename: str, options: ReadOptions) -> Raw:
    """One table of a feed.

    Returns
    -------
    Raw
        Of `options.records`:

        `trips`: one row a trip and service day: `trip_id, service_date, route_id, route_short_name, route_long_name,
        route_type, direction_id, day_at` (local midnight of the service day), `departs_at, arrives_at, stops_n, distance_km` (length of its shape on the ellipsoid; null without shape), `first_stop_id, last_stop_id`.

        `calls`: one row a trip, service day and stop: also `stop_sequence, stop_id, arrival_at, departure_at,
        scheduled_headway_s` (since the departure before of the same route, direction and stop on the service
        day; null for the first), `interpolated` (the feed left the time blank).

        `stops`: `stop_id, stop_name, stop_lat, stop_lon, location_type, parent_station, route_type` (of most calls).

        `timetable`: one row a trip and stop, without days: `trip_id, stop_sequence, stop_id, route_id, direction_id,
        route_type, arrival_time, departure_time` (as H:MM:SS).

        A trip of `frequencies.txt` becomes one trip for each departure, `trip_id@H:MM:SS`.

    Raises
    ------
    DeliveryError
        No such table, or the feed cannot be read (`load_feed`, `service_days`).
    """
    table = options.records
    if table not in TABLES:
        near = did_you_mean(table, TABLES)
        said = f"no table {table!r}" if table else "the mapping must say which table in `records`"
        raise DeliveryError(f"{filename}: {said}; a GTFS feed gives {', '.join(TABLES)}", hint=f"did you mean {near[0]!r}?" if near else "")
    feed = load_feed(file, filename, options)
    made = {"trips": trips, "calls": calls, "stops": _stops, "timetable": timetable}[table](feed, *_span(options))
    check_cells(made.height, made.width, filename, options)
    refused = refusals([(made.height + n, *what) for n, what in enumerate(feed.refused, 1)])
    return Raw(number_rows(made), refused, made.height + refused.height, "gtfs", tuple(feed.notes))


def _span(options: ReadOptions) -> tuple[date | None, date | None]:
    days = [date.fromisoformat(day) for day in options.service_days]
    return (days[0], days[-1]) if days else (None, None)


# ---------------------------------------------------------------------- tables


def timetable(feed: Feed, first: date | None = None, last: date | None = None) -> pl.DataFrame:
    """Stop times without days, one row a trip and stop, blanks filled; days are not looked at."""
    routes = feed.tables["routes.txt"].unique("route_id", keep="first")
    planned = _planned(feed).join(routes.select("route_id", "route_type"), on="route_id", how="left")
    return planned.select(
        "trip_id", pl.col("seq").alias("stop_sequence"), "stop_id", "route_id", "direction_id", "route_type",
        _clock("arrive_s").alias("arrival_time"), _clock("depart_s").alias("departure_time"),
    )  # fmt: skip


def trips(feed: Feed, first: date | None = None, last: date | None = None) -> pl.DataFrame:
    """Trips on their service days; see `read_gtfs`."""
    ends = (
        _planned(feed).group_by("trip_id", maintain_order=True)
        .agg(
            pl.col("depart_s").first().alias("from_s"), pl.col("arrive_s").last().alias("to_s"), pl.len().cast(pl.Int64).alias("stops_n"),
            pl.col("stop_id").first().alias("first_stop_id"), pl.col("stop_id").last().alias("last_stop_id"),
            pl.col("route_id", "direction_id", "service_id", "shape_id").first(),
        )
    )  # fmt: skip
    lengths = _shape_km(feed)
    dated = _on_days(ends.join(lengths, on="shape_id", how="left"), feed, first, last)
    return _named(dated, feed).select(
        "trip_id", "service_date", "route_id", "route_short_name", "route_long_name", "route_type", "direction_id",
        pl.col("_midnight").dt.replace_time_zone("UTC").alias("day_at"), _moment(pl.col("from_s")).alias("departs_at"), _moment(pl.col("to_s")).alias("arrives_at"),
        "stops_n", "distance_km", "first_stop_id", "last_stop_id",
    )  # fmt: skip


def calls(feed: Feed, first: date | None = None, last: date | None = None) -> pl.DataFrame:
    """Calls at stops on service days; see `read_gtfs`."""
    dated = _on_days(_planned(feed), feed, first, last)
    line = ["route_id", "direction_id", "stop_id", "_day"]
    rising = dated.sort(*line, "depart_s", "trip_id")
    headway = (pl.col("depart_s") - pl.col("depart_s").shift(1)).over(line)
    done = rising.with_columns(scheduled_headway_s=headway).sort("_day", "trip_id", "seq")
    return _named(done, feed).select(
        "trip_id", "service_date", pl.col("seq").alias("stop_sequence"), "stop_id", "route_id", "route_short_name", "route_type",
        "direction_id", _moment(pl.col("arrive_s")).alias("arrival_at"), _moment(pl.col("depart_s")).alias("departure_at"),
        "scheduled_headway_s", "interpolated",
    )  # fmt: skip


def _stops(feed: Feed, first: date | None = None, last: date | None = None) -> pl.DataFrame:
    routes = feed.tables["routes.txt"].unique("route_id", keep="first").select("route_id", "route_type")
    modes = (
        _planned(feed).join(routes, on="route_id", how="left").group_by("stop_id", "route_type").len()
        .sort("stop_id", "len", "route_type", descending=[False, True, False]).unique("stop_id", keep="first")
    )  # fmt: skip
    wanted = ("stop_name", "stop_lat", "stop_lon", "location_type", "parent_station")
    given = _with_columns(feed.tables["stops.txt"], wanted)
    return given.join(modes, on="stop_id", how="left", maintain_order="left").select("stop_id", *wanted, "route_type")


# ---------------------------------------------------------------------- steps


def _planned(feed: Feed) -> pl.DataFrame:
    """Stop times with their trip's attributes, blanks filled, trips of `frequencies.txt` multiplied out."""
    heads = _with_columns(feed.tables["trips.txt"], ("direction_id", "shape_id"))
    times = _filled(feed.tables["stop_times.txt"])
    planned = times.join(
        heads.select("trip_id", "route_id", "service_id", "direction_id", "shape_id"), on="trip_id", how="inner", maintain_order="left"
    ).with_columns(direction_id=pl.col("direction_id").fill_null(""))
    return _multiplied(planned, feed)


def _filled(times: pl.DataFrame) -> pl.DataFrame:
    """Blank times between given ones: evenly by `shape_dist_traveled` where all stops of the trip have it, else by stop."""
    blank = times["arrive_s"].is_null()
    times = times.with_columns(interpolated=blank)
    if not blank.any():
        return times.select("trip_id", "seq", "stop_id", "arrive_s", "depart_s", "interpolated")
    way = pl.col("shape_dist_traveled").cast(pl.Float64, strict=False) if "shape_dist_traveled" in times.columns else pl.lit(None, pl.Float64)
    stop_no = pl.int_range(pl.len()).over("trip_id").cast(pl.Float64)
    measured = way.is_not_null().all().over("trip_id") & (way.diff().fill_null(0) >= 0).all().over("trip_id")
    at = times.with_columns(_x=pl.when(measured).then(way).otherwise(stop_no))
    given = pl.col("arrive_s").is_not_null()
    around = at.with_columns(
        _x0=pl.when(given).then("_x").forward_fill().over("trip_id"), _t0=pl.col("depart_s").forward_fill().over("trip_id"),
        _x1=pl.when(given).then("_x").backward_fill().over("trip_id"), _t1=pl.col("arrive_s").backward_fill().over("trip_id"),
    )  # fmt: skip
    span = pl.col("_x1") - pl.col("_x0")
    part = pl.when(span > 0).then((pl.col("_x") - pl.col("_x0")) / span).otherwise(0.0)
    between = (pl.col("_t0") + (pl.col("_t1") - pl.col("_t0")) * part).round().cast(pl.Int64)
    return around.with_columns(arrive_s=pl.coalesce("arrive_s", between), depart_s=pl.coalesce("depart_s", between)).select(
        "trip_id", "seq", "stop_id", "arrive_s", "depart_s", "interpolated"
    )


def _multiplied(planned: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    given = feed.tables.get("frequencies.txt")
    if given is None or given.is_empty():
        return planned
    windows = given.with_columns(
        start_s=clock_seconds("start_time"), end_s=clock_seconds("end_time"), step_s=pl.col("headway_secs").cast(pl.Int64, strict=False)
    )
    sound = (pl.col("step_s") > 0) & (pl.col("end_s") > pl.col("start_s"))
    odd = windows.filter(~sound.fill_null(False))
    feed.refuse(odd.drop("start_s", "end_s", "step_s"), "headway_secs", "bad_frequency", "every {} s from start to end is no timetable", "frequencies.txt")
    departures = (
        windows.filter(sound.fill_null(False))
        .with_columns(_from=pl.int_ranges("start_s", "end_s", pl.col("step_s"))).explode("_from")
        .select("trip_id", "_from").unique(maintain_order=True)
    )  # fmt: skip
    # a trip of frequencies.txt never runs at the times written in stop_times.txt
    plain = planned.filter(~pl.col("trip_id").is_in(given["trip_id"].implode()))
    templates = planned.with_columns(_begin=pl.col("depart_s").first().over("trip_id")).join(departures, on="trip_id", how="inner")
    shift = pl.col("_from") - pl.col("_begin")
    often = templates.with_columns(
        arrive_s=pl.col("arrive_s") + shift, depart_s=pl.col("depart_s") + shift, trip_id=pl.col("trip_id") + "@" + _clock("_from")
    ).select(planned.columns)
    return pl.concat([plain, often.sort("trip_id", "seq")])


def _on_days(planned: pl.DataFrame, feed: Feed, first: date | None, last: date | None) -> pl.DataFrame:
    """`planned` for each day its service runs: `_day` (Date), `service_date` (text), `_start` (its times count from it), `_midnight`."""
    days = service_days(feed, first, last)
    if days.is_empty():
        feed.notes.append("no service runs on the days asked for" if first else "no service runs on any day")
    dates = days["day"].unique().sort()
    starts = pl.DataFrame({
        "day": dates, "_start": pl.Series([service_start_utc(day, feed.tz) for day in dates], dtype=pl.Datetime("us")),
        "_midnight": pl.Series([midnight_utc(day, feed.tz) for day in dates], dtype=pl.Datetime("us")),
    })  # fmt: skip
    runs = days.join(starts, on="day").with_columns(service_date=pl.col("day").dt.strftime("%Y-%m-%d")).rename({"day": "_day"})
    return planned.join(runs, on="service_id", how="inner")


def _moment(seconds: pl.Expr) -> pl.Expr:
    return (pl.col("_start") + pl.duration(seconds=seconds)).dt.replace_time_zone("UTC").cast(UTC_TIME)


def _named(rows: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """With the route's names and kind."""
    wanted = ("route_short_name", "route_long_name")
    routes = _with_columns(feed.tables["routes.txt"].unique("route_id", keep="first"), wanted)
    return rows.join(routes.select("route_id", "route_type", *wanted), on="route_id", how="left", maintain_order="left")


def _shape_km(feed: Feed) -> pl.DataFrame:
    """Length of each shape on the WGS84 ellipsoid: `shape_id`, `distance_km`."""
    points = feed.tables.get("shapes.txt")
    if points is None or points.is_empty():
        return pl.DataFrame(schema={"shape_id": pl.String, "distance_km": pl.Float64})
    numbers = {"_lat": "shape_pt_lat", "_lon": "shape_pt_lon", "_n": "shape_pt_sequence"}
    ordered = points.with_columns(pl.col(old).cast(pl.Float64, strict=False).alias(new) for new, old in numbers.items()).sort("shape_id", "_n")
    before = ordered.select(pl.col("_lon", "_lat").shift(1).over("shape_id"))
    metres = geodesic_m(before["_lon"].to_numpy(), before["_lat"].to_numpy(), ordered["_lon"].to_numpy(), ordered["_lat"].to_numpy())
    # NaN at the first point of a shape; a shape with an unreadable point has no length
    whole = ordered.with_columns(_m=pl.Series(np.where(np.isnan(metres), 0.0, metres)), _bad=pl.any_horizontal(pl.col("_lat", "_lon", "_n").is_null()))
    lengths = whole.group_by("shape_id").agg(pl.col("_m").sum() / 1000, pl.col("_bad").any())
    return lengths.filter(~pl.col("_bad")).select("shape_id", pl.col("_m").alias("distance_km"))


def _with_columns(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in names if name not in frame.columns)


def _clock(name: str) -> pl.Expr:
    """Seconds as H:MM:SS, hours passing 24."""
    s = pl.col(name)
    return pl.format("{}:{}:{}", s // 3600, (s // 60 % 60).cast(pl.String).str.zfill(2), (s % 60).cast(pl.String).str.zfill(2))
