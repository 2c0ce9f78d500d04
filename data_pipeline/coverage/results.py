"""Results of the model as records of its datasets."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from data_pipeline.contracts import contract
from data_pipeline.coverage.assumptions import Assumptions
from data_pipeline.coverage.ground import lonlat_at, middles
from data_pipeline.coverage.stored import Model
from geo.coverage.patches import patches, weak_labels
from geo.coverage.shares import sums
from geo.crs import to_wgs84
from geo.h3cells import cell_text

RESULTS, CELLS, PATCHES = (contract(name).polars_schema() for name in ("coverage_results", "coverage_cells", "weak_patches"))
OUTLINE_DEGREES = 5  # decimals: about a metre


def by_piece(model: Model, given: Assumptions, labels: NDArray[np.int32], computed_at: datetime) -> pl.DataFrame:
    """Area and people of every piece, and what of them is covered: rows of `coverage_results`."""
    ground, served, n = model.ground, model.served, len(model.ground.places)
    outdoors, indoors = served.covered(model.network.terms(given)), served.covered_indoors()
    km2 = ground.grid.cell_km2
    area, inside = sums(ground.piece, outdoors, km2, n), sums(ground.piece, indoors, km2, n)
    patch = sums(ground.piece, labels > 0, km2, n)
    columns = {
        "piece_id": [ground.piece_id(k) for k in range(n)], "stations_n": [len(model.network.cells)] * n,
        "area_km2": area.all, "covered_km2": area.covered, "indoor_km2": inside.covered, "patch_km2": patch.covered,
        "lon": ground.lon, "lat": ground.lat,
    }  # fmt: skip
    if ground.people is not None:
        people = sums(ground.piece, outdoors, ground.people, n)
        columns |= {
            "people": people.all, "covered_people": people.covered,
            "indoor_people": sums(ground.piece, indoors, ground.people, n).covered,
            "patch_people": sums(ground.piece, labels > 0, ground.people, n).covered,
        }  # fmt: skip
    return _frame(columns, RESULTS, computed_at)


def labels_of(model: Model, given: Assumptions) -> NDArray[np.int32]:
    """Number of the weak patch of every cell, 0 for none."""
    weak = model.ground.inside & ~model.served.covered(model.network.terms(given))
    return weak_labels(weak, model.ground.piece, given.terms.min_patch_km2, model.ground.grid)


def weak_patches(model: Model, labels: NDArray[np.int32], computed_at: datetime) -> pl.DataFrame:
    """The weak patches, largest first: rows of `weak_patches`."""
    ground = model.ground
    found = patches(labels, ground.piece, ground.grid, ground.people, model.served.rsrp_dbm)

    def degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(to_wgs84(xy[:, 0], xy[:, 1], ground.grid.crs), axis=1)

    lon, lat = to_wgs84([p.point_m[0] for p in found], [p.point_m[1] for p in found], ground.grid.crs) if found else ([], [])
    columns = {
        "patch_no": list(range(1, len(found) + 1)), "area_km2": [p.area_km2 for p in found], "people": [p.people for p in found],
        "rsrp_dbm": [p.rsrp_dbm for p in found],
        "outline": [shapely.to_wkt(shapely.transform(p.polygon, degrees), rounding_precision=OUTLINE_DEGREES) for p in found],
        "lon": lon, "lat": lat,
    }  # fmt: skip
    return _frame(columns, PATCHES, computed_at)


def by_h3(model: Model, given: Assumptions, computed_at: datetime) -> pl.DataFrame:
    """Coverage, level and SINR by H3 cell: rows of `coverage_cells`. Levels are means in dB over the cells heard."""
    ground, served = model.ground, model.served
    at = np.flatnonzero(ground.inside.ravel())
    cell, number = np.unique(model.h3.ravel()[at], return_inverse=True)
    number, n = number.ravel(), len(cell)
    covered = served.covered(model.network.terms(given)).ravel()[at]
    rsrp, sinr = served.rsrp_dbm.ravel()[at], served.sinr_db.ravel()[at]
    heard = np.isfinite(rsrp)
    count = np.bincount(number[heard], minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        level, ratio = (np.bincount(number[heard], v[heard], minlength=n) / count for v in (rsrp, sinr))
    # a cell of the grid, not the H3 cell's own middle: that may lie outside the city
    lon, lat = lonlat_at(ground, middles(at, number, n, ground.grid.columns))
    columns = {
        "h3": [cell_text(c) for c in cell], "area_km2": np.bincount(number, minlength=n) * ground.grid.cell_km2,
        "covered_km2": np.bincount(number[covered], minlength=n) * ground.grid.cell_km2,
        "rsrp_dbm": pl.Series(level).round(1), "sinr_db": pl.Series(ratio).round(1), "lon": lon, "lat": lat,
    }  # fmt: skip
    if ground.people is not None:
        columns["people"] = np.bincount(number, ground.people.ravel()[at], minlength=n)
    return _frame(columns, CELLS, computed_at)


def _frame(columns: dict, schema: dict[str, pl.DataType], computed_at: datetime) -> pl.DataFrame:
    """Columns as a contract's records; those not given are null, figures rounded to what they are worth."""
    frame = pl.DataFrame({name: columns[name] for name in columns}, strict=False).with_columns(computed_at=pl.lit(computed_at, pl.Datetime("us")))
    frame = frame.select((pl.col(n) if n in frame.columns else pl.lit(None).alias(n)).cast(t) for n, t in schema.items())
    floats = pl.col(pl.Float64)
    frame = frame.with_columns(pl.when(floats.is_nan()).then(None).otherwise(floats).name.keep())
    digits = {"lon": 6, "lat": 6, "people": 2, "covered_people": 2, "indoor_people": 2, "patch_people": 2}
    return frame.with_columns(pl.col(n).round(digits.get(n, 4)) for n, t in schema.items() if t == pl.Float64)
