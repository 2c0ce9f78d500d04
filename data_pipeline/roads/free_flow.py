"""Free-flow speed of road sections from their own recorded speeds, GB/T 33171-2016 7.2.1.2 (standards 2.1)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

SLOT = "15m"  # at most 15 minutes
FIRST_HOUR, LAST_HOUR = 6, 24
ENOUGH_DAYS = 30
TOP = 9  # the fastest ninth of the slots


def free_flow(speeds: pl.DataFrame, sections: pl.DataFrame, tz: ZoneInfo) -> pl.DataFrame:
    """Free-flow speed of every section that has speeds.

    Mean speed of each quarter of an hour of the day (06:00 to 24:00) over all days, the fastest ninth of the slots
    averaged (72 slots: 8), at most the speed limit. The mean speed of a slot is the section's length by the mean travel
    time, weighted by flow where it is counted, so not the mean of speeds.

    Parameters
    ----------
    speeds : DataFrame
        Records of `road_speeds`: `site_id`, `start_at` (naive UTC), `speed_kmh`, optionally `flow_veh`.
    sections : DataFrame
        `site_id`, optionally `speed_limit_kmh`.
    tz : ZoneInfo
        The city's clock.

    Returns
    -------
    DataFrame
        `site_id`, `free_speed_kmh` (one decimal), `days_n` (local days with speeds), `slots_n`, `is_estimate`: fewer than 30
        days, so not a figure of the standard. Sections without a speed in the hours have no row.
    """
    local = speeds["start_at"].dt.replace_time_zone("UTC").dt.convert_time_zone(tz.key)
    weight = pl.col("flow_veh").cast(pl.Float64) if "flow_veh" in speeds.columns else pl.lit(None, pl.Float64)
    rows = speeds.with_columns(_day=local.dt.date(), _hour=local.dt.hour(), _slot=local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute() // 15 * 15)
    rows = rows.filter(pl.col("_hour") >= FIRST_HOUR, pl.col("speed_kmh") > 0).with_columns(_w=weight.fill_null(1.0))
    days = rows.group_by("site_id").agg(pl.col("_day").n_unique().cast(pl.Int64).alias("days_n"))
    slots = rows.filter(pl.col("_w") > 0).group_by("site_id", "_slot").agg((pl.col("_w").sum() / (pl.col("_w") / pl.col("speed_kmh")).sum()).alias("_v"))
    ranked = slots.with_columns(_n=pl.len().over("site_id"), _rank=pl.col("_v").rank("ordinal", descending=True).over("site_id"))
    # at least one slot, however few there are
    top = ranked.filter(pl.col("_rank") <= pl.max_horizontal(pl.col("_n") // TOP, pl.lit(1)))
    made = top.group_by("site_id").agg(pl.col("_v").mean().alias("free_speed_kmh"), pl.col("_n").first().cast(pl.Int64).alias("slots_n"))
    limits = sections.select("site_id", "speed_limit_kmh") if "speed_limit_kmh" in sections.columns else sections.select("site_id", pl.lit(None, pl.Float64).alias("speed_limit_kmh"))
    capped = made.join(limits, on="site_id", how="left").join(days, on="site_id", how="left")
    return capped.select(
        "site_id", pl.min_horizontal("free_speed_kmh", "speed_limit_kmh").round(1).alias("free_speed_kmh"), "days_n", "slots_n",
        (pl.col("days_n") < ENOUGH_DAYS).alias("is_estimate"),
    ).sort("site_id")  # fmt: skip
