"""Speeds of road sections from the tracks of vehicles (floating cars): matched to the sections, then averaged.

GB/T 33171-2016 7.2.1.3: the mean travel speed of a section is its length times the vehicles by the sum of their times.
With fewer passages than the sample size asks for there is no speed (样本不足), only the count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely

from geo.crs import from_wgs84
from geo.matching import BETA_M, SIGMA_M, make_roads, match, section_times

SCHEMA: dict[str, pl.DataType] = {
    "site_id": pl.String(), "start_at": pl.Datetime("us"), "interval_s": pl.Int64(), "speed_kmh": pl.Float64(), "sample_n": pl.Int64(),
}  # fmt: skip


def sample_size(cv: float = 0.40, error_share: float = 0.15, z: float = 1.96) -> int:
    """Passages of a section and interval that hold the mean speed within `error_share`: (z CV / e)², rounded up (standards 2.3)."""
    # 1.96 * 0.25 / 0.10 squared is 24.01: rounded up as the standards' examples are, to the next vehicle
    return math.ceil(round((z * cv / error_share) ** 2, 9))


@dataclass(frozen=True)
class Probes:
    """What came of a set of tracks: `speeds` in the columns of `road_speeds`, and how many fixes were used."""

    speeds: pl.DataFrame
    fixes_n: int
    matched_n: int
    passages_n: int


def probe_speeds(
    positions: pl.DataFrame, sections: pl.DataFrame, crs: str, *, interval_s: int = 300, least_n: int | None = None, gap_s: float = 300.0,
    sigma_m: float = SIGMA_M, beta_m: float = BETA_M, covered_share: float = 0.5, fastest_kmh: float = 160.0,
) -> Probes:  # fmt: skip
    """Mean travel speed of each section and interval.

    Parameters
    ----------
    positions : DataFrame
        `vehicle_id`, `at` (naive UTC), `lon`, `lat` (WGS84); any order.
    sections : DataFrame
        `site_id`, `path` (WKT line, WGS84); sections without a line are left out.
    crs : str
        Metric CRS of the city, `EPSG:n`.
    interval_s : int
        Length of the intervals, whole ones since 1970 UTC; 7.2.1.3 allows at most 300.
    least_n : int, optional
        Passages an interval needs for a speed; default `sample_size()`.
    gap_s : float
        Fixes further apart in time belong to two tracks.
    covered_share : float
        A passage over less than this share of the section says too little about it and is left out.

    Returns
    -------
    Probes
        A row for every section and interval with a passage; `speed_kmh` is null below `least_n`.
    """
    least = sample_size() if least_n is None else least_n
    drawn = sections.filter(pl.col("path").is_not_null())
    empty = Probes(pl.DataFrame(schema=SCHEMA), positions.height, 0, 0)
    if drawn.is_empty() or positions.is_empty():
        return empty
    roads = make_roads([_metric(line, crs) for line in shapely.from_wkt(drawn["path"].to_list())])
    fixes = positions.drop_nulls(["lon", "lat", "at"]).unique(["vehicle_id", "at"], keep="first").sort("vehicle_id", "at")
    x, y = from_wgs84(fixes["lon"].to_numpy(), fixes["lat"].to_numpy(), crs)
    seconds = fixes["at"].dt.epoch("us").to_numpy() / 1e6
    vehicle = fixes["vehicle_id"].rle_id().to_numpy()
    breaks = np.flatnonzero((np.diff(vehicle) != 0) | (np.diff(seconds) > gap_s)) + 1
    passages: list[tuple[int, float, float, float]] = []
    matched = 0
    for rows in np.split(np.arange(fixes.height), breaks):
        if rows.size < 2:
            continue
        found = match(roads, x[rows], y[rows], seconds[rows], sigma_m=sigma_m, beta_m=beta_m, fastest_m_s=fastest_kmh / 3.6)
        matched += int((found.section >= 0).sum())
        passages += section_times(found, seconds[rows], roads.lengths_m)
    kept = [p for p in passages if p[1] >= covered_share * roads.lengths_m[p[0]] and p[2] > 0 and p[1] / p[2] * 3.6 <= fastest_kmh]
    if not kept:
        return Probes(empty.speeds, positions.height, matched, 0)
    number, metres, took, middle = (np.array(column) for column in zip(*kept, strict=True))
    table = pl.DataFrame({
        "site_id": drawn["site_id"].gather(number.astype(int)), "start_s": (middle // interval_s).astype(np.int64) * interval_s, "m": metres, "s": took,
    })  # fmt: skip
    speeds = (
        table.group_by("site_id", "start_s")
        .agg(pl.len().cast(pl.Int64).alias("sample_n"), (pl.col("m").sum() / pl.col("s").sum() * 3.6).alias("v"))
        .select(
            "site_id", pl.from_epoch("start_s", time_unit="s").cast(pl.Datetime("us")).alias("start_at"), pl.lit(interval_s, pl.Int64).alias("interval_s"),
            pl.when(pl.col("sample_n") >= least).then(pl.col("v").round(2)).alias("speed_kmh"), "sample_n",
        ).sort("site_id", "start_at")
    )  # fmt: skip
    return Probes(speeds, positions.height, matched, len(kept))


def _metric(line: shapely.LineString, crs: str) -> shapely.LineString:
    points = shapely.get_coordinates(line)
    x, y = from_wgs84(points[:, 0], points[:, 1], crs)
    return shapely.LineString(np.c_[x, y])
