"""Measured samples beside the model: the error of the model, by surroundings, operator and level."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_pipeline.contracts import contract
from data_pipeline.coverage.assumptions import Assumptions
from data_pipeline.coverage.stored import Model
from data_pipeline.store.lake import Lake

DATASET = "drive_tests"
WINDOW = timedelta(days=90)
SCHEMA = contract("coverage_errors").polars_schema()
# classes of the level, standards 1.1 (from memory there); lower bounds, the first is open below
LEVELS = ((-np.inf, "under_-115"), (-115.0, "-115_to_-105"), (-105.0, "-105_to_-95"), (-95.0, "-95_to_-85"), (-85.0, "over_-85"))


def samples(lake: Lake, city: str, until: datetime, technology: str) -> pl.DataFrame:
    """Samples of the last 90 days with a level and a point: operator, rsrp_dbm, lon, lat, is_simulated."""
    table = contract(DATASET).table
    return lake.frame(
        f'SELECT operator, rsrp_dbm, lon, lat, is_simulated FROM "{table}" WHERE city = ? AND known_to_utc IS NULL'
        " AND network_mode = ? AND rsrp_dbm IS NOT NULL AND lon IS NOT NULL AND lat IS NOT NULL AND event_at_utc > ?",
        [city, technology, until - WINDOW],
    )


def level_class(rsrp_dbm: NDArray[np.float64]) -> NDArray[np.object_]:
    """Name of the class of each level; a level on a bound belongs to the class above it."""
    bounds = np.array([low for low, _ in LEVELS[1:]])
    return np.array([name for _, name in LEVELS], dtype=object)[np.searchsorted(bounds, rsrp_dbm, side="right")]


def modelled_dbm(model: Model, lon: NDArray[np.float64], lat: NDArray[np.float64], operator: list[str]) -> NDArray[np.float64]:
    """The model's strongest level (dBm) of an operator's own carriers at points; NaN where none is heard or outside the grid."""
    index, known = model.ground.grid.find(lon, lat)
    row, col = np.divmod(index, model.ground.grid.columns)
    best = np.zeros(len(lon))
    named = np.array(operator, dtype=object)
    for name in dict.fromkeys(operator):
        mine = np.flatnonzero((named == name) & known)
        for channel, carrier in enumerate(model.network.carriers):
            if name and any(o and (o in name or name in o) for o in carrier.operators):
                best[mine] = np.maximum(best[mine], model.power.best[channel, row[mine], col[mine]])
    with np.errstate(divide="ignore"):
        return np.where(best > 0, 10 * np.log10(best), np.nan)


def errors(model: Model, found: pl.DataFrame, given: Assumptions, computed_at: datetime) -> pl.DataFrame:
    """Sums of the model's errors by piece, operator, surroundings and level: rows of `coverage_errors`.

    An error is modelled minus measured, dB. Samples outside the city, or of an operator without a
    carrier in the model, are left out; where the model hears nothing the sample is counted apart.
    """
    if found.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    lon, lat = found["lon"].to_numpy(), found["lat"].to_numpy()
    operator = found["operator"].fill_null("").to_list()
    known = {o: any(n and (n in o or o in n) for c in model.network.carriers for n in c.operators) for o in set(operator) if o}
    level = modelled_dbm(model, lon, lat, operator)
    piece = model.ground.piece_at(lon, lat)
    urban = np.array([kind in given.surroundings.urban_kinds for kind in (*model.ground.kinds, "")])
    frame = pl.DataFrame({
        "piece": piece, "operator": operator, "surroundings": np.where(urban[piece], "urban", "rural"),
        "level": level_class(found["rsrp_dbm"].to_numpy()), "error": pl.Series(level - found["rsrp_dbm"].to_numpy()).fill_nan(None),
        "of_model": [known.get(o, False) for o in operator],
    }).filter((pl.col("piece") >= 0) & pl.col("of_model"))  # fmt: skip
    by = ["piece", "operator", "surroundings", "level"]
    sums = frame.group_by(by).agg(
        samples_n=pl.col("error").count().cast(pl.Int64), unheard_n=pl.col("error").null_count().cast(pl.Int64),
        error_sum_db=pl.col("error").sum().round(4), error_square_db2=(pl.col("error") ** 2).sum().round(4),
    ).sort(by)  # fmt: skip
    ids = [model.ground.piece_id(p) for p in sums["piece"]]
    at = sums["piece"].to_numpy()
    return sums.with_columns(
        class_id=pl.Series([f"{i}/{o}/{s}/{v}" for i, o, s, v in zip(ids, sums["operator"], sums["surroundings"], sums["level"], strict=True)], dtype=pl.String),
        computed_at=pl.lit(computed_at, pl.Datetime("us")), lon=pl.Series(model.ground.lon[at]), lat=pl.Series(model.ground.lat[at]),
    ).select(pl.col(n).cast(t) for n, t in SCHEMA.items())  # fmt: skip
