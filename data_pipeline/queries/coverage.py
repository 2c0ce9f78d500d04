"""The modelled coverage of a city beyond its readings: patches, cells and places for maps, errors, assumptions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import shapely

from data_pipeline.cities import Pack, find_pack
from data_pipeline.contracts import contract
from data_pipeline.coverage.assumptions import assumptions
from data_pipeline.coverage.register import in_service
from data_pipeline.errors import UsageError
from data_pipeline.queries.mirror import Mirror
from data_pipeline.queries.reading import ReadingLake
from data_pipeline.queries.types import (
    CoverageBasis,
    CoverageCell,
    MeasuredCoverage,
    ModelError,
    PlaceCoverage,
    WeakPatch,
)
from data_pipeline.times import local_day
from geo.coverage.grid import grid_over
from geo.coverage.samples import sample_cells
from geo.h3cells import DEFAULT_RESOLUTION, cell_outline, parent_text

ASSUMED_COLUMNS = ("height_m", "azimuth_deg", "downtilt_deg", "eirp_dbm", "band", "operator")
COARSEST_H3 = 5
# with every run of the model, and with every drive test, at least one of them changes
_FIGURES = ("coverage.modelled_share_area", "coverage.weak_patch_area_km2", "coverage.key_area_share", "coverage.model_bias_db")


class CoverageDoor:
    """The part of `Queries` about modelled coverage. Its other parts set the attributes."""

    packs: dict[str, Pack]
    now: Callable[[], datetime]
    _reading: ReadingLake
    _mirror: Mirror
    _modelled: dict[tuple[str, str, str | None], tuple[int, Any]]

    def _kept(self, what: str, city: str, area: str | None, make: Callable[[], list[Any]]) -> list[Any]:
        """What `make` gives, remembered until a figure of the model changes: it is worked out seldom and asked for with every page."""
        pack = find_pack(self.packs, city)
        held = [self._mirror.state.series.get((metric, pack.city_area.id, "day")) for metric in _FIGURES]
        if all(series is None for series in held):
            return make()
        version = hash(tuple(None if series is None else series.data.tobytes() for series in held))
        known = self._modelled.get((what, pack.id, area))
        if known is None or known[0] != version:
            self._modelled[(what, pack.id, area)] = known = (version, make())
        return known[1]

    def coverage_basis(self, city: str) -> CoverageBasis | None:
        """When the model ran, with how many stations, what was assumed; None where it has not run."""
        pack, lake, given = find_pack(self.packs, city), self._reading.get(), assumptions()
        rows = self._present("coverage_results", city)
        if lake is None or rows.is_empty():
            return None
        made = rows["event_at_utc"].max()
        newest = rows.filter(pl.col("event_at_utc") == made)
        stations = in_service(lake, pack.id, local_day(made, pack.tz), given.terms.technology)  # type: ignore[arg-type]
        return CoverageBasis(
            made, int(newest["stations_n"][0]), {c: stations[c].null_count() for c in ASSUMED_COLUMNS},  # type: ignore[arg-type]
            given.terms.rsrp_dbm, given.terms.sinr_db, tuple(s.zh for s in given.says), tuple(s.en for s in given.says),
            bool(newest["is_simulated"].any()),
        )  # fmt: skip

    def weak_patches(self, city: str, area: str | None = None) -> list[WeakPatch]:
        """Patches of the newest run, largest first; those that count in `area` where one is given."""
        return self._kept("weak_patches", city, area, lambda: self._weak_patches(city, area))

    def _weak_patches(self, city: str, area: str | None) -> list[WeakPatch]:
        pack, lake = find_pack(self.packs, city), self._reading.get()
        table = contract("weak_patches").table
        if lake is None:
            return []
        rows = lake.frame(
            f'SELECT p.*, t.area_id AS township FROM "{table}" p LEFT JOIN ({_TOWNSHIP}) t ON t.locality_id = p.locality_id'
            f" WHERE p.city = ? AND p.known_to_utc IS NULL"
            f' AND p.event_at_utc = (SELECT max(event_at_utc) FROM "{contract("coverage_results").table}" WHERE city = ?)'
            " ORDER BY patch_no",
            [[a.id for a in pack.areas.values() if a.level == "township"], pack.id, pack.id],
        )
        rows = self._within(rows, pack, area)
        return [
            WeakPatch(pack.id, r["patch_no"], r["township"], r["area_km2"], r["people"], r["rsrp_dbm"], r["lon"], r["lat"],
                      json.loads(shapely.to_geojson(shapely.from_wkt(r["outline"]))), r["is_simulated"])
            for r in rows.iter_rows(named=True)
        ]  # fmt: skip

    def weak_patches_geojson(self, city: str, area: str | None = None) -> dict[str, Any]:
        """The patches as a GeoJSON FeatureCollection (WGS84): number, area_km2, people, rsrp_dbm, township as properties."""
        return _collection([
            (f"patch-{p.number}", p.outline, {"number": p.number, "area": p.area, "area_km2": p.area_km2, "people": p.people,
                                               "rsrp_dbm": p.rsrp_dbm, "is_simulated": p.is_simulated})
            for p in self.weak_patches(city, area)
        ])  # fmt: skip

    def coverage_cells(self, city: str, resolution: int = DEFAULT_RESOLUTION) -> list[CoverageCell]:
        """Modelled coverage by H3 cell; coarser resolutions are put together from the stored one (9).

        Levels of a coarser cell are means in dB weighted with the area heard.

        Raises
        ------
        UsageError
            A resolution other than 5 to 9.
        """
        if not COARSEST_H3 <= resolution <= DEFAULT_RESOLUTION:
            raise UsageError(f"resolution {resolution} is not given", hint=f"allowed: {COARSEST_H3} to {DEFAULT_RESOLUTION}")
        rows = self._present("coverage_cells", city).filter(pl.col("area_km2") > 0)
        if rows.is_empty():
            return []
        if resolution < DEFAULT_RESOLUTION:
            parents = {h: parent_text(h, resolution) for h in rows["h3"]}
            heard = pl.col("rsrp_dbm").is_not_null()
            mean = {c: (pl.col(c) * pl.col("area_km2")).sum() / pl.col("area_km2").filter(heard).sum() for c in ("rsrp_dbm", "sinr_db")}
            people = pl.when(pl.col("people").count() > 0).then(pl.col("people").sum())
            rows = rows.with_columns(pl.col("h3").replace_strict(parents)).group_by("h3").agg(
                pl.col("area_km2").sum(), pl.col("covered_km2").sum(), people.alias("people"), *(e.alias(c) for c, e in mean.items())
            )  # fmt: skip
        return [
            CoverageCell(r["h3"], r["area_km2"], r["covered_km2"] / r["area_km2"], r["people"], _known(r["rsrp_dbm"]), _known(r["sinr_db"]))
            for r in rows.sort("h3").iter_rows(named=True)
        ]

    def coverage_cells_geojson(self, city: str, resolution: int = 8) -> dict[str, Any]:
        """The outlines of the H3 cells as GeoJSON (WGS84), ids are the cells: figures travel apart, see `coverage_cells`."""
        return _collection([
            (c.h3, {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in cell_outline(c.h3)]]}, {})
            for c in self.coverage_cells(city, resolution)
        ])  # fmt: skip

    def place_coverage(self, city: str, area: str | None = None) -> list[PlaceCoverage]:
        """Key places and stretches of lines with the share of them that is covered, least covered first."""
        return self._kept("place_coverage", city, area, lambda: self._place_coverage(city, area))

    def _place_coverage(self, city: str, area: str | None) -> list[PlaceCoverage]:
        pack = find_pack(self.packs, city)
        enough = assumptions().terms.place_share
        rows = self._within(self._present("coverage_places", city).filter(pl.col("size") > 0), pack, area)
        found = [
            PlaceCoverage(r["place_id"], r["place_kind"], r["name"] or "", r["name_en"] or "", r["size"], r["covered"] / r["size"],
                          r["covered"] >= enough * r["size"], r["lon"], r["lat"])
            for r in rows.iter_rows(named=True)
        ]  # fmt: skip
        return sorted(found, key=lambda p: (p.share, -p.size, p.place_id))

    def coverage_errors(self, city: str, area: str | None = None) -> list[ModelError]:
        """The model against the drive tests, by operator, surroundings and measured level, in that order."""
        return self._kept("coverage_errors", city, area, lambda: self._coverage_errors(city, area))

    def _coverage_errors(self, city: str, area: str | None) -> list[ModelError]:
        pack = find_pack(self.packs, city)
        rows = self._within(self._present("coverage_errors", city), pack, area)
        by = ["operator", "surroundings", "level"]
        sums = rows.group_by(by).agg(pl.col("samples_n", "unheard_n", "error_sum_db", "error_square_db2").sum()).sort(by)
        return [
            ModelError(r["operator"] or "", r["surroundings"], r["level"], n := int(r["samples_n"]), int(r["unheard_n"]),
                       r["error_sum_db"] / n if n else None, math.sqrt(r["error_square_db2"] / n) if n else None)
            for r in sums.filter(pl.col("samples_n") + pl.col("unheard_n") > 0).iter_rows(named=True)
        ]  # fmt: skip

    def measured_coverage(self, city: str, threshold_dbm: float | None = None, step_m: float = 100) -> list[MeasuredCoverage]:
        """All drive tests of a city by network mode; the threshold is the model's where none is given."""
        pack, lake = find_pack(self.packs, city), self._reading.get()
        if lake is None:
            return []
        least = assumptions().terms.rsrp_dbm if threshold_dbm is None else threshold_dbm
        rows = lake.frame(
            f'SELECT network_mode, rsrp_dbm, lon, lat FROM "{contract("drive_tests").table}" WHERE city = ? AND known_to_utc IS NULL',
            [pack.id],
        )
        grid = grid_over(shapely.box(*pack.bbox), pack.metric_crs, step_m)
        found = []
        for mode, own in sorted((str(key[0]), frame) for key, frame in rows.group_by("network_mode")):
            level, lon, lat = (own[c].fill_null(float("nan")).to_numpy() for c in ("rsrp_dbm", "lon", "lat"))
            known = level[np.isfinite(level)]
            cells = sample_cells(grid, lon, lat, level)
            share = float(np.mean(known >= least)) if len(known) else None
            found.append(MeasuredCoverage(mode, own.height, share, len(cells.index), cells.share(least)))
        return found

    def _present(self, dataset: str, city: str) -> pl.DataFrame:
        """Present records of a dataset of the model; empty where there is no store yet."""
        pack, lake = find_pack(self.packs, city), self._reading.get()
        rules = contract(dataset)
        if lake is None:
            return pl.DataFrame(schema={**rules.polars_schema(), "event_at_utc": pl.Datetime("us"), "is_simulated": pl.Boolean, "locality_id": pl.Int64})
        return lake.frame(f'SELECT * FROM "{rules.table}" WHERE city = ? AND known_to_utc IS NULL', [pack.id])

    def _within(self, rows: pl.DataFrame, pack: Pack, area: str | None) -> pl.DataFrame:
        """The rows that count in an area."""
        lake = self._reading.get()
        if area is None or lake is None:
            return rows
        ids = lake.frame("SELECT locality_id FROM localities WHERE city = ? AND area_id = ?", [pack.id, pack.area(area).id])
        return rows.filter(pl.col("locality_id").is_in(ids["locality_id"].to_list()))


_TOWNSHIP = "SELECT locality_id, area_id FROM localities WHERE list_contains(?, area_id)"


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _collection(features: list[tuple[str, dict, dict]]) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "id": i, "geometry": g, "properties": p} for i, g, p in features],
    }
