"""Periodic statements (报表) of sites or areas, as their TOML declares them."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import shapely
from shapely.geometry.base import BaseGeometry

from data_pipeline.contracts import contract, duration
from data_pipeline.simulate.clock import datetimes, seconds
from data_pipeline.simulate.declared import Returns
from data_pipeline.simulate.declared.quantities import Columns
from data_pipeline.simulate.place import KM_PER_DEGREE
from data_pipeline.simulate.rng import normal, uniform
from data_pipeline.simulate.world import World
from data_pipeline.times import midnight_utc

HOUR, DAY = 3600, 86400
NEVER = date(9999, 1, 1).toordinal()


def _grid(region: BaseGeometry, step_km: float, latitude: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (WGS84) of a square grid inside a region."""
    west, south, east, north = region.bounds
    step = step_km / KM_PER_DEGREE
    lon, lat = np.meshgrid(np.arange(west, east, step / np.cos(np.radians(latitude))), np.arange(south, north, step))
    inside = shapely.contains_xy(region, lon.ravel(), lat.ravel())
    return np.round(lon.ravel()[inside], 5), np.round(lat.ravel()[inside], 5)


class DeclaredReturns:
    """One declared return of one city.

    A period's statement is due `delay` after its end; a small share of unit-periods comes `late_by` later.
    Every value is a function of unit and period alone, so batches may be cut anywhere.
    """

    def __init__(self, world: World, declared: Returns) -> None:
        self.world, self.declared, self.contract = world, declared, contract(declared.dataset)
        self.dataset = declared.dataset
        self.delay_s = int(duration(declared.delay).total_seconds())
        self.late_s = int(duration(declared.late_by).total_seconds())
        self._units()

    def _units(self) -> None:
        """Who reports: ids, people, place, service days and attributes of each unit; categories multiply them."""
        each, world = self.declared.each, self.world
        if each.register_dataset:
            sites = world.sites[each.register_dataset]
            if each.kinds:
                sites = sites.where(np.isin(sites.frame[each.kind_column].to_numpy().astype(str), each.kinds))
            n = len(sites)
            weight = np.exp(0.4 * normal(world.key(self.dataset, "weight"), np.arange(n))) if n else np.empty(0)
            people = world.ground.people * weight / max(weight.sum(), 1e-9)
            self.place = {"site_id": sites.ids}
            x_km, y_km, self.opened, self.closed = sites.x_km, sites.y_km, sites.opened, sites.closed
            attributes = dict(sites.of)
        elif each.grid_km:
            lon, lat = _grid(world.ground.region, each.grid_km, world.ground.centre[1])
            n = lon.size
            people = np.full(n, world.ground.people / max(n, 1))
            self.place = {"point_id": np.array([f"{world.pack.id}-{i + 1:05d}" for i in range(n)], dtype=object), "lon": lon, "lat": lat}
            x_km, y_km = world.ground.to_km(lon, lat)
            self.opened, self.closed = np.zeros(n, dtype=np.int64), np.full(n, NEVER)
            attributes = {}
        else:
            pack = world.pack
            city = pack.city_area
            areas = [city] if each.level == "city" else (pack.children(city.id, each.level or None) or pack.children(city.id) or [city])
            n = len(areas)
            known = [float(a.population) if a.population else np.nan for a in areas]
            rest = world.ground.people / n
            people = np.where(np.isnan(known), rest, known)
            self.place = {"area_id": np.array([a.id for a in areas], dtype=object)}
            where = [a.seat or a.centroid or world.ground.centre for a in areas]
            x_km, y_km = world.ground.to_km(np.array([w[0] for w in where]), np.array([w[1] for w in where]))
            self.opened, self.closed = np.zeros(n, dtype=np.int64), np.full(n, NEVER)
            attributes = {}
        if each.categories:
            k = len(each.categories)
            rows = np.repeat(np.arange(n), k)
            part = np.tile(np.arange(k), n)
            share = np.exp(0.4 * normal(world.key(self.dataset, "category"), np.arange(k)))
            people = people[rows] * (share / share.sum())[part]
            self.place = {name: ids[rows] for name, ids in self.place.items()}
            self.place[each.category_column] = np.array(each.categories, dtype=object)[part]
            x_km, y_km, self.opened, self.closed = x_km[rows], y_km[rows], self.opened[rows], self.closed[rows]
            attributes = {name: values[rows] for name, values in attributes.items()}
        self.n = people.size
        self._columns = Columns(world, self.dataset, people, attributes, x_km, y_km, self.declared.cadence)

    # ------------------------------------------------------------------ periods

    def _periods(self, low_s: int, high_s: int) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends (UTC seconds) of the periods that end in (low, high]."""
        if self.declared.cadence == "hour":
            starts = np.arange(low_s // HOUR, high_s // HOUR, dtype=np.int64) * HOUR
            return starts, starts + HOUR
        first, last = self.world.local_ordinal(low_s) - 32, self.world.local_ordinal(high_s) + 1
        days = [date.fromordinal(d) for d in range(first, last + 1)]
        if self.declared.cadence == "month":
            days = [d for d in days if d.day == 1]
        edges = np.array([seconds(midnight_utc(d, self.world.tz)) for d in days], dtype=np.int64)
        keep = (edges[1:] > low_s) & (edges[1:] <= high_s)
        return edges[:-1][keep], edges[1:][keep]

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which a period's statements fall due."""
        return self._periods(after_s - self.delay_s, until_s - self.delay_s)[1] + self.delay_s

    @property
    def lead_s(self) -> int:
        """How long after the end of a period its statements are due, less a second."""
        return self.delay_s - 1 if self.delay_s else 0

    def table(self, after_s: int, until_s: int, floor_s: int) -> pl.DataFrame:
        """Rows of the contract delivered in (after, until]: what is due, what was late, and some dirt."""
        on_time = self._rows(after_s, until_s, 0, floor_s)
        late = self._rows(after_s, until_s, self.late_s, floor_s)
        return self._dirty(pl.concat([on_time, late]))

    def _rows(self, after_s: int, until_s: int, shift_s: int, floor_s: int) -> pl.DataFrame:
        wait = self.delay_s + shift_s
        starts, ends = self._periods(after_s - wait, until_s - wait)
        keep = starts >= floor_s
        starts, ends = starts[keep], ends[keep]
        if not starts.size or not self.n:
            return self._empty()
        i = np.arange(self.n)[:, None]
        clock = self.world.clock(starts[None, :])
        late = uniform(self.world.key(self.dataset, "late"), i, starts[None, :] // HOUR) < self.declared.late_share
        chosen = (late if shift_s else ~late) & (self.opened[:, None] <= clock.day) & (self.closed[:, None] > clock.day)
        middle = self.world.clock((starts + (ends - starts) // 2)[None, :]) if self.declared.cadence != "hour" else clock
        values = self._columns.values(self.declared.columns, middle, (ends - starts)[None, :] / DAY)
        pick = chosen.T.ravel()
        unit = np.broadcast_to(np.arange(self.n)[None, :], chosen.T.shape).ravel()[pick]
        data: dict[str, object] = {name: ids[unit] for name, ids in self.place.items()}
        data[str(self.contract.event_time)] = datetimes(np.repeat(starts, self.n)[pick])
        for name, column in values.items():
            data[name] = column.T.ravel()[pick]
        data["_pick"] = uniform(self.world.key(self.dataset, "dirt"), unit, np.repeat(starts, self.n)[pick] // HOUR)
        frame = pl.DataFrame(data, strict=False, nan_to_null=True)
        return frame.select(pl.col(name).cast(kind) for name, kind in self._schema().items())

    def _schema(self) -> dict:
        names = [*self.place, self.contract.event_time, *self.declared.columns]
        known = self.contract.polars_schema()
        return {str(name): known[str(name)] for name in names} | {"_pick": pl.Float64()}

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self._schema())

    def _dirty(self, frame: pl.DataFrame) -> pl.DataFrame:
        dirt, pick = self.declared.dirt, pl.col("_pick")
        repeated = frame.filter(pick < dirt.repeated)
        if dirt.column:
            bad = (pick >= dirt.repeated) & (pick < dirt.repeated + dirt.share)
            frame = frame.with_columns(
                pl.when(bad).then(pl.lit(dirt.value)).otherwise(dirt.column).cast(frame.schema[dirt.column]).alias(dirt.column)
            )
        return pl.concat([frame, repeated]).drop("_pick")
