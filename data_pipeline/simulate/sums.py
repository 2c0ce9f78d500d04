"""Adding up sites by area and day: what an archive of figures is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_pipeline.cities import Pack
from data_pipeline.simulate.sites import Sites


@dataclass(frozen=True)
class Figure:
    """One metric over areas and days: arrays of shape (areas, days); NaN where there is none.

    `value` only where the figure is no ratio of sums. `has_months`: False for a largest or smallest value, of which a month
    is no mean of its days: the archive then has days only.
    """

    n: np.ndarray
    numerator: np.ndarray | None = None
    denominator: np.ndarray | None = None
    value: np.ndarray | None = None
    has_months: bool = True


class Areas:
    """The areas an archive speaks about: the city, its districts (or townships where it has none), its zones."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        city = pack.city_area
        found = [city, *pack.children(city.id), *pack.children(city.id, level="zone")]
        self.ids = list(dict.fromkeys(a.id for a in found))
        self.row = {area: k for k, area in enumerate(self.ids)}

    def of_sites(self, sites: Sites) -> np.ndarray:
        """Membership (areas, sites) as 0 and 1, located as at ingest."""
        frame = sites.frame
        return self.of_points(frame["lon"].to_numpy(), frame["lat"].to_numpy(), frame["township_code"].to_list())

    def of_points(self, lon: np.ndarray, lat: np.ndarray, codes: list | None = None) -> np.ndarray:
        """Membership (areas, points) of WGS84 points with the supplier's township codes, if any."""
        located = self.pack.locator().locate(lon, lat, codes)
        out = np.zeros((len(self.ids), len(lon)))
        for k, place in enumerate(located.places):
            rows = np.flatnonzero(located.place == k)
            if rows.size == 0:
                continue
            for area in (self.ids[0], place.district_id, place.township_id, *place.zone_ids):
                if area in self.row:
                    out[self.row[area], rows] = 1.0
        return out

    def of_townships(self, township_ids: list[str]) -> np.ndarray:
        """Membership (areas, townships): a township counts in itself, its parents and its zones."""
        out = np.zeros((len(self.ids), len(township_ids)))
        for k, township in enumerate(township_ids):
            own = [a.id for a in self.pack.ancestors(township)] + [z.id for z in self.pack.zones_of(township)]
            for area in own:
                if area in self.row:
                    out[self.row[area], k] = 1.0
        return out


def day_starts(days: np.ndarray) -> np.ndarray:
    """Positions at which a new day begins in a rising array of days."""
    return np.flatnonzero(np.diff(days, prepend=days[0] - 1))


def by_day(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum over the slots of each day: (…, slots) → (…, days)."""
    return np.add.reduceat(values, starts, axis=-1)


def day_mean(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Mean over the slots of each day, leaving NaN out: (…, slots) → (…, days)."""
    known = np.isfinite(values)
    total = by_day(np.where(known, values, 0.0), starts)
    number = by_day(known.astype(float), starts)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient, NaN where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)
