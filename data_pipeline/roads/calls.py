"""Calls at stops from recorded positions and a timetable: when each vehicle left each stop, and how long after the one before.

A trip's path is the chain of its stops, straight from one to the next. Every fix is put on that path, never behind the one
before; between two fixes the vehicle is taken to have moved evenly. With a fix every few minutes a call is known to
about half that time, so single deviations are rough while headways over a day still tell regular from irregular.

Only trips that were seen are known. Where the timetable does not say on which days a trip runs, planned headways are
those between the trips seen, and nothing is said about trips that did not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_pipeline.times import service_start_utc
from geo.crs import from_wgs84

SCHEMA: dict[str, pl.DataType] = {
    "trip_id": pl.String(), "service_on": pl.Date(), "stop_sequence": pl.Int64(), "site_id": pl.String(), "line_id": pl.String(),
    "mode": pl.String(), "scheduled_at": pl.Datetime("us"), "actual_at": pl.Datetime("us"),
    "scheduled_headway_s": pl.Int64(), "actual_headway_s": pl.Int64(),
}  # fmt: skip
LONGEST_HEADWAY_S = 172_800  # the contract's bounds
EARLIEST_S, LATEST_S = 7_200, 21_600
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Calls:
    """What came of a day's positions: `calls` in the columns of `transit_calls`; fixes off every path, trips without a timetable."""

    calls: pl.DataFrame
    fixes_n: int
    off_path_n: int
    trips_n: int
    unknown_trips_n: int


def stop_calls(
    positions: pl.DataFrame, timetable: pl.DataFrame, stops: pl.DataFrame, day: date, crs: str, tz: ZoneInfo, *,
    mode: str = "bus", off_path_m: float = 300.0, gap_s: float = 900.0, fastest_kmh: float = 120.0,
) -> Calls:  # fmt: skip
    """When the vehicles of a service day left their stops.

    Parameters
    ----------
    positions : DataFrame
        `vehicle_id`, `trip_id`, `route_id`, `at` (naive UTC), `lon`, `lat` (WGS84); any order.
    timetable : DataFrame
        `trip_id`, `stop_id`, `arrival_s`: seconds of the service day, which may pass 24 hours.
    stops : DataFrame
        `stop_id`, `lon`, `lat` (WGS84).
    day : date
        The service day; its seconds count from local noon less twelve hours.
    crs : str
        Metric CRS, `EPSG:n`.
    off_path_m : float
        Fixes further from the path than this are left out (detours, depots).
    gap_s : float
        A call between fixes further apart in time than this is not known.
    fastest_kmh : float
        How far along its path a vehicle may have come since the fix before.

    Returns
    -------
    Calls
        A row for every stop of every trip seen; `actual_at` is null where no two fixes enclose the stop in time.
        Headways are between vehicles of the same route at the same stop, planned ones in the order of the plan, actual
        ones in the order of leaving; the first of the day has none.
    """
    placed = timetable.join(stops.select("stop_id", "lon", "lat"), on="stop_id", how="inner").sort("trip_id", "arrival_s")
    x, y = from_wgs84(placed["lon"].to_numpy(), placed["lat"].to_numpy(), crs)
    plans = {trip: rows for (trip,), rows in placed.with_columns(x=x, y=y).group_by("trip_id", maintain_order=True)}
    fixes = positions.drop_nulls(["trip_id", "at", "lon", "lat"]).unique(["trip_id", "at"], keep="first", maintain_order=True).sort("trip_id", "at")
    fx, fy = from_wgs84(fixes["lon"].to_numpy(), fixes["lat"].to_numpy(), crs)
    begin = np.datetime64(service_start_utc(day, tz), "us")
    seen = fixes.with_columns(x=fx, y=fy, s=pl.Series((fixes["at"].to_numpy() - begin) / np.timedelta64(1, "s")))
    parts, off, unknown, trips = [], 0, 0, 0
    for (trip,), rows in seen.group_by("trip_id", maintain_order=True):
        plan = plans.get(trip)
        if plan is None or plan.height < 2:
            unknown += 1
            continue
        # the same trip runs on other days: what is hours away from its plan is not this day's
        planned = plan["arrival_s"].to_numpy()
        rows = rows.filter(pl.col("s").is_between(float(planned[0]) - EARLIEST_S, float(planned[-1]) + LATEST_S))
        if rows.is_empty():
            continue
        trips += 1
        seconds = rows["s"].to_numpy()
        path = Path(plan["x"].to_numpy(), plan["y"].to_numpy())
        along = path.places(rows["x"].to_numpy(), rows["y"].to_numpy(), seconds, off_path_m, fastest_kmh / 3.6)
        off += int(np.isnan(along).sum())
        left = leaving_times(along, seconds, path.at_stops, gap_s)
        parts.append(plan.select(
            "trip_id", pl.lit(day).alias("service_on"), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("stop_sequence"),
            ("stop-" + pl.col("stop_id")).alias("site_id"), pl.lit(rows["route_id"][0]).alias("line_id"), pl.lit(mode).alias("mode"),
            pl.col("arrival_s").cast(pl.Float64).alias("planned_s"), pl.Series("left_s", left, dtype=pl.Float64).fill_nan(None),
        ))  # fmt: skip
    if not parts:
        return Calls(pl.DataFrame(schema=SCHEMA), positions.height, off, trips, unknown)
    return Calls(_with_headways(pl.concat(parts), begin), positions.height, off, trips, unknown)


class Path:
    """The chain of a trip's stops in a metric CRS; `at_stops`: metres along it at each stop."""

    def __init__(self, x: Numbers, y: Numbers) -> None:
        self.x, self.y = x, y
        self.lengths = np.hypot(np.diff(x), np.diff(y))
        self.at_stops = np.concatenate([[0.0], self.lengths.cumsum()])

    def places(self, x: Numbers, y: Numbers, seconds: Numbers, off_path_m: float, fastest_m_s: float) -> Numbers:
        """Metres along the path of each fix, in order of time; NaN for one off the path.

        A fix is looked for between the place of the one before and as far on as a vehicle may have come, so that a path that
        crosses itself or turns back is followed in order.
        """
        found = np.full(len(x), np.nan)
        last, last_s = 0.0, np.nan
        dx, dy, squared = np.diff(self.x), np.diff(self.y), np.maximum(self.lengths**2, 1e-9)
        for i in range(len(x)):
            part = np.clip(((x[i] - self.x[:-1]) * dx + (y[i] - self.y[:-1]) * dy) / squared, 0.0, 1.0)
            away = np.hypot(x[i] - self.x[:-1] - part * dx, y[i] - self.y[:-1] - part * dy)
            along = self.at_stops[:-1] + part * self.lengths
            reach = np.inf if np.isnan(last_s) else last + fastest_m_s * (seconds[i] - last_s) + off_path_m
            away = np.where((along >= last - off_path_m) & (along <= reach), away, np.inf)
            best = int(np.argmin(away))
            if away[best] <= off_path_m:
                # a receiver's scatter is no way back
                last, last_s = max(last, float(along[best])), float(seconds[i])
                found[i] = last
        return found


def leaving_times(along: Numbers, seconds: Numbers, at_stops: Numbers, gap_s: float) -> Numbers:
    """Seconds at which a vehicle left each stop (reached the last one); NaN where no two fixes enclose it closely enough.

    Between two fixes it moved evenly. Standing at a stop over several fixes, it left with the last of them.
    """
    known = ~np.isnan(along)
    m, s = along[known], seconds[known]
    found = np.full(len(at_stops), np.nan)
    if len(m) < 2:
        return found
    for k, stop in enumerate(at_stops):
        last = k == len(at_stops) - 1
        after = int(np.searchsorted(m, stop, side="left" if last else "right"))
        if 0 < after < len(m) and s[after] - s[after - 1] <= gap_s:
            run = m[after] - m[after - 1]
            found[k] = s[after - 1] + (s[after] - s[after - 1]) * ((stop - m[after - 1]) / run if run > 0 else 0.0)
    return found


def _with_headways(rows: pl.DataFrame, begin: np.datetime64) -> pl.DataFrame:
    at = ["line_id", "site_id"]
    known = rows.filter(pl.col("left_s").is_not_null())
    planned = known.sort(*at, "planned_s", "trip_id").with_columns(scheduled_headway_s=pl.col("planned_s").diff().over(at))
    driven = planned.sort(*at, "left_s", "trip_id").with_columns(actual_headway_s=pl.col("left_s").diff().over(at))
    key = ["trip_id", "stop_sequence"]
    both = rows.join(driven.select(*key, "scheduled_headway_s", "actual_headway_s"), on=key, how="left")
    start = pl.lit(begin).cast(pl.Datetime("us"))

    def moment(column: str) -> pl.Expr:
        return start + pl.duration(microseconds=(pl.col(column) * 1e6).round().cast(pl.Int64))

    def headway(column: str) -> pl.Expr:
        return pl.when(pl.col(column) <= LONGEST_HEADWAY_S).then(pl.col(column).round().cast(pl.Int64)).alias(column)

    made = both.with_columns(scheduled_at=moment("planned_s"), actual_at=moment("left_s")).with_columns(headway("scheduled_headway_s"), headway("actual_headway_s"))
    return made.select(*SCHEMA).cast(SCHEMA).sort("trip_id", "stop_sequence")  # type: ignore[arg-type]
