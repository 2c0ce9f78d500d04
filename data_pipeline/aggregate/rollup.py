"""From base periods to longer ones, by what the metric declares: sums of parts, means, never a mean of ratios.

A frame of parts has `area_id`, `local_day` (first local day of the period), `start` (naive UTC),
`offset_s`, `numerator`, `denominator`, `value`, `n`, `reported_n`, `expected_n`, `simulated_n`,
`as_of`, `known_from`.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

from data_pipeline.metrics import Metric
from data_pipeline.times import GRAINS, SUB_DAY_SECONDS, Grain, day_floor, midnight_utc

PARTS: dict[str, pl.DataType] = {
    "area_id": pl.String(),
    "local_day": pl.Date(),
    "start": pl.Datetime("us"),
    "offset_s": pl.Int32(),
    "numerator": pl.Float64(),
    "denominator": pl.Float64(),
    "value": pl.Float64(),
    "n": pl.Int64(),
    "reported_n": pl.Int64(),
    "expected_n": pl.Int64(),
    "simulated_n": pl.Int64(),
    "as_of": pl.Datetime("us"),
    "known_from": pl.Datetime("us"),
}


def stored_grains(metric: Metric) -> tuple[Grain, ...]:
    """Grains whose readings are kept; the others are put together from them when asked.

    Kept: base grain, hour, day, month. A stock keeps only the days on which it changed.
    """
    if metric.is_stock:
        return ("day",)
    return tuple(g for g in metric.grains if g in {metric.base_grain, "hour", "day", "month"})


def value_expression(metric: Metric) -> pl.Expr:
    """The figure from its parts at base grain (or at any grain where parts are sums)."""
    if not metric.denominator:
        return pl.col("numerator") * metric.scale
    ratio = pl.col("numerator") / pl.col("denominator") * metric.scale
    return pl.when(pl.col("denominator") != 0).then(ratio)


def base_parts(metric: Metric, index: int, wide: pl.DataFrame, tz: ZoneInfo) -> pl.DataFrame:
    """Parts of the metric whose columns carry the number `index` in an engine's answer.

    Rows behind which no record stands are left out: they are no data.
    """
    if wide.is_empty():
        return pl.DataFrame(schema=PARTS)
    # below a day the local day follows from the start and the offset of the clock then
    by_clock = ((pl.col("period") + pl.col("offset_s")) // 86_400).cast(pl.Int32).cast(pl.Date)
    found = wide.select(
        pl.col("area_id"),
        pl.coalesce(pl.col("local_day").cast(pl.Date), by_clock).alias("local_day"),
        pl.from_epoch(pl.col("period"), "s").cast(pl.Datetime("us")).alias("start"),
        pl.col("offset_s").cast(pl.Int32),
        pl.col(f"num_{index}").cast(pl.Float64).alias("numerator"),
        pl.col(f"den_{index}").cast(pl.Float64).alias("denominator"),
        pl.lit(None, pl.Float64).alias("value"),
        pl.col(f"n_{index}").cast(pl.Int64).alias("n"),
        pl.col(f"rep_{index}" if f"rep_{index}" in wide.columns else f"n_{index}").cast(pl.Int64).alias("reported_n"),
        pl.lit(None, pl.Int64).alias("expected_n"),
        pl.col(f"sim_{index}").cast(pl.Int64).alias("simulated_n"),
        pl.col("as_of").cast(pl.Datetime("us")),
        pl.col("known_from").cast(pl.Datetime("us")),
    ).filter(pl.col("n") > 0)
    days = found.filter(pl.col("start").is_null())["local_day"].unique().to_list()
    if days:
        midnights = {day: midnight_utc(day, tz) for day in days}
        by_day = mapped("local_day", midnights, pl.Datetime("us"))
        found = found.with_columns(pl.coalesce("start", by_day).alias("start"))
    return found.with_columns(value_expression(metric).alias("value"))


def coarser(metric: Metric, parts: pl.DataFrame, finer: Grain, grain: Grain, tz: ZoneInfo) -> pl.DataFrame:
    """Parts of a longer period from those of a shorter one; up to the base grain parts are simply added.

    `sum`: numerators and denominators are added. `mean`: equal weight for each value below; the
    numerator is then the sum of those values, the denominator their number (base periods within a
    day; days within longer periods, so that days known from archives weigh the same).
    """
    if metric.over_time not in ("sum", "mean"):
        raise ValueError(f"{metric.id}: {metric.over_time} is not put together from shorter periods")
    if parts.is_empty():
        return parts
    if grain in SUB_DAY_SECONDS:
        step = SUB_DAY_SECONDS[grain]
        seconds = pl.col("start").dt.epoch("s")
        offset = pl.col("offset_s").cast(pl.Int64)
        start = pl.from_epoch((seconds + offset) // step * step - offset, "s").cast(pl.Datetime("us"))
        keyed = parts.with_columns(start.alias("start"))
    else:
        firsts = {day: day_floor(day, grain) for day in parts["local_day"].unique().to_list()}
        starts = {day: midnight_utc(first, tz) for day, first in firsts.items()}
        keyed = parts.with_columns(
            mapped("local_day", starts, pl.Datetime("us")).alias("start"),
            mapped("local_day", firsts, pl.Date).alias("local_day"),
        )
    mean = metric.over_time == "mean" and GRAINS.index(grain) > GRAINS.index(metric.base_grain)
    if (
        mean
        and not (finer == "hour" and grain == "day" and metric.base_grain != "hour")
        and finer not in ("month", "quarter")
    ):
        keyed = keyed.with_columns(
            pl.col("value").alias("numerator"), pl.col("value").is_not_null().cast(pl.Float64).alias("denominator")
        )

    def total(name: str) -> pl.Expr:
        return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)

    grouped = keyed.group_by("area_id", "start").agg(
        pl.col("local_day").min(), pl.col("offset_s").max(), total("numerator"), total("denominator"),
        pl.col("n").sum(), total("reported_n"), total("expected_n"), pl.col("simulated_n").sum(),
        pl.col("as_of").max(), pl.col("known_from").max(),
    )  # fmt: skip
    value = value_expression(metric)
    if mean:
        value = pl.when(pl.col("denominator") > 0).then(pl.col("numerator") / pl.col("denominator"))
    return grouped.with_columns(value.alias("value")).select(list(PARTS))


def mapped(column: str, mapping: dict, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """`column` looked up in a mapping; null where it is not in it, and of type `dtype` even for an empty mapping."""
    if not mapping:
        return pl.lit(None, dtype=dtype)
    return pl.col(column).replace_strict(mapping, default=None, return_dtype=dtype)
