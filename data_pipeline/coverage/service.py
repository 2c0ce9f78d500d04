"""Service-radius coverage: ground, built-up ground and people within a declared radius of any site of a register.

Worked out on the grid of the city (a metric CRS) for each piece, so that an area is the sum of its pieces and overlapping
circles count once. Radii and what counts as built-up stand in `services.toml`.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from data_pipeline.contracts import contract
from data_pipeline.coverage.ground import Ground
from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.store.lake import Lake
from geo.coverage.shares import sums
from geo.crs import from_wgs84
from geo.service import within_radius

FILE = Path(__file__).parent / "services.toml"
DATASET = "service_coverage"


class Service(Declared):
    """One service: the register of its sites, which of them count (SQL over its columns), and the radius."""

    id: str = Field(pattern=r"[a-z][a-z_]*")
    dataset: str
    radius_m: float = Field(gt=0, le=100_000)
    where: str = "TRUE"


class Services(Declared):
    """All of `services.toml`. A cell is built-up where at least so many people live on a km²."""

    built_up_people_per_km2: float = Field(gt=0)
    service: tuple[Service, ...] = Field(min_length=1)


@cache
def services() -> Services:
    """The product's services; `DeclarationError` lists everything wrong with the file."""
    return validate(Services, read_toml(FILE), FILE.name)


def datasets() -> tuple[str, ...]:
    """Registers the results rest on."""
    return tuple(dict.fromkeys(s.dataset for s in services().service))


def sites_of(lake: Lake, city: str, service: Service, today: date) -> pl.DataFrame:
    """`lon`, `lat` (WGS84), `is_simulated` of a service's sites that are open on a local day and have a point."""
    table = contract(service.dataset).table
    return lake.frame(
        f'SELECT lon, lat, is_simulated FROM "{table}" WHERE city = ? AND known_to_utc IS NULL AND lon IS NOT NULL AND lat IS NOT NULL'
        f" AND (opened_on IS NULL OR opened_on <= ?) AND (closed_on IS NULL OR closed_on > ?) AND ({service.where})",
        [city, today, today],
    )


def by_piece(ground: Ground, service: Service, sites: pl.DataFrame, built_up_people_per_km2: float, computed_at: datetime) -> pl.DataFrame:
    """Rows of `service_coverage` of one service: one a piece. Without a census there are no people and nothing is built-up."""
    grid, n = ground.grid, len(ground.places)
    site_x, site_y = from_wgs84(sites["lon"].to_numpy(), sites["lat"].to_numpy(), grid.crs)
    covered = np.zeros(grid.shape, dtype=bool)
    row, col = np.nonzero(ground.inside)
    covered[row, col] = within_radius(grid.x_m[col], grid.y_m[row], site_x, site_y, service.radius_m)
    area = sums(ground.piece, covered, grid.cell_km2, n)
    columns: dict[str, object] = {
        "piece_id": [ground.piece_id(k) for k in range(n)], "service": [service.id] * n, "radius_m": [service.radius_m] * n,
        "area_km2": area.all, "covered_km2": area.covered, "lon": ground.lon, "lat": ground.lat,
    }  # fmt: skip
    if ground.people is not None:
        people = sums(ground.piece, covered, ground.people, n)
        dense = ground.people / grid.cell_km2 >= built_up_people_per_km2
        built = sums(np.where(dense, ground.piece, -1), covered, grid.cell_km2, n)
        columns |= {"people": people.all, "covered_people": people.covered, "built_km2": built.all, "covered_built_km2": built.covered}
    schema = contract(DATASET).polars_schema()
    frame = pl.DataFrame(columns).with_columns(computed_at=pl.lit(computed_at, pl.Datetime("us")))
    figures = [name for name, kind in schema.items() if kind == pl.Float64 and name in frame.columns and name not in ("lon", "lat")]
    frame = frame.with_columns(pl.col(name).cast(pl.Float64).round(4) for name in figures)
    return frame.select((pl.col(k) if k in frame.columns else pl.lit(None).alias(k)).cast(t) for k, t in schema.items())


def results(lake: Lake, city: str, ground: Ground, today: date, computed_at: datetime) -> tuple[pl.DataFrame, bool]:
    """Rows of every service that has a site in the city, and whether any of those sites is simulated."""
    declared = services()
    frames, simulated = [], False
    for service in declared.service:
        sites = sites_of(lake, city, service, today)
        if sites.height:
            frames.append(by_piece(ground, service, sites, declared.built_up_people_per_km2, computed_at))
            simulated = simulated or bool(sites["is_simulated"].any())
    schema = contract(DATASET).polars_schema()
    return (pl.concat(frames) if frames else pl.DataFrame(schema=schema)), simulated
