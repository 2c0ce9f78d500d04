"""Archived figures: numerators and denominators somebody aggregated before the city's records begin."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from data_pipeline.aggregate.rollup import PARTS, mapped, value_expression
from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.metrics import Metric
from data_pipeline.store.lake import Lake
from data_pipeline.store.schema import known_at
from data_pipeline.times import Grain, midnight_utc, next_day_floor


def read_figures(
    lake: Lake, city: str, metric_ids: list[str], from_day: date, to_day: date, as_of: datetime | None = None
) -> pl.DataFrame:
    """Archived figures of some metrics whose periods start on the days `from_day` to `to_day` (exclusive)."""
    table = contract("figures").table
    known, moments = known_at(as_of)
    return lake.frame(
        "SELECT metric_id, grain, area_id, local_day, numerator, denominator, value, n, reported_n, expected_n,"
        f' is_simulated, known_from_utc FROM "{table}" WHERE city = ? AND local_day >= ? AND local_day < ?'
        f" AND list_contains(?, metric_id) AND {known}",
        [city, from_day, to_day, metric_ids, *moments],
    )


def figure_parts(
    rows: pl.DataFrame, pack: Pack, metric: Metric, grain: Grain, from_day: date, to_day: date
) -> pl.DataFrame:
    """Archived figures (`read_figures`) of one metric and grain as parts, for periods starting in [from_day, to_day).

    A figure given only as `value` has no numerator, except where the figure is a plain sum, whose
    value is its numerator. Area codes are replaced by the pack's area ids; codes the pack does not
    know are left out.
    """
    rows = rows.filter(
        (pl.col("metric_id") == metric.id) & (pl.col("grain") == grain)
        & pl.col("local_day").is_between(from_day, to_day, closed="left")
    )  # fmt: skip
    if rows.is_empty():
        return pl.DataFrame(schema=PARTS)
    days = rows["local_day"].unique().to_list()
    starts = {day: midnight_utc(day, pack.tz) for day in days}
    ends = {day: midnight_utc(next_day_floor(day, grain), pack.tz) for day in days}
    ids = {code: pack.area(code).id for code in rows["area_id"].unique().to_list() if pack.has_area(code)}
    plain = metric.is_additive or (metric.over_time == "last" and not metric.denominator)
    own = pl.coalesce("numerator", pl.col("value") / metric.scale) if plain else pl.col("numerator")
    n = pl.coalesce("n", "reported_n", pl.lit(1))
    return (
        rows.with_columns(mapped("area_id", ids, pl.String))
        .filter(pl.col("area_id").is_not_null())
        .unique(["area_id", "local_day"], keep="last", maintain_order=True)
        .select(
            pl.col("area_id"),
            pl.col("local_day"),
            mapped("local_day", starts, pl.Datetime("us")).alias("start"),
            pl.lit(None, pl.Int32).alias("offset_s"),
            own.alias("numerator"),
            pl.col("denominator"),
            pl.coalesce("value", value_expression(metric)).alias("value"),
            n.cast(pl.Int64).alias("n"),
            pl.col("reported_n"),
            pl.col("expected_n"),
            pl.when("is_simulated").then(n).otherwise(0).cast(pl.Int64).alias("simulated_n"),
            mapped("local_day", ends, pl.Datetime("us")).alias("as_of"),
            pl.col("known_from_utc").cast(pl.Datetime("us")).alias("known_from"),
        )
    )
