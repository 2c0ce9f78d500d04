"""What is listed rather than measured: sources, deliveries, refused rows, sites, records, events, targets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from data_pipeline.cities import Pack, find_pack
from data_pipeline.contracts import contract
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.plans import targets as plan_targets
from data_pipeline.queries import lookups
from data_pipeline.queries.lateness import late_s
from data_pipeline.queries.mirror import Mirror
from data_pipeline.queries.reading import ReadingLake
from data_pipeline.queries.types import Delivery, Event, QuarantinedRow, Site, Source, Target
from data_pipeline.times import local_day, midnight_utc


class Listings:
    """The half of `Queries` that lists things. Its other half sets the attributes."""

    packs: dict[str, Pack]
    now: Callable[[], datetime]
    _mirror: Mirror
    _reading: ReadingLake
    _site_lists: dict[tuple[int, str, str | None], list[Site]]
    _targets: dict[str, list[Target]]

    def _pack(self, city: str) -> Pack:
        return find_pack(self.packs, city)

    def sources(self, city: str) -> list[Source]:
        """The sources of a city, how old their data are and what they delivered."""
        pack, state, now = self._pack(city), self._mirror.state, self.now()
        found = []
        for declared in pack.sources.values():
            event, received = state.sources.get((pack.id, declared.dataset), (None, None))
            event = event if event is None else min(event, now)  # a timetable tells of days to come
            late = late_s(declared, event, received, now)
            status = "off" if declared.state == "off" else "never" if received is None else "late" if late else "ok"
            accepted, quarantined = state.accounts.get((pack.id, declared.dataset), (0, 0))
            found.append(
                Source(
                    pack.id, declared.dataset, declared.name_zh, declared.name_en, declared.supplier_zh, declared.supplier_en,
                    declared.state, status, declared.cadence_s, declared.grace_s, event, received, late, accepted, quarantined,
                )
            )  # fmt: skip
        return found

    def deliveries(self, city: str, dataset: str | None = None, limit: int = 50, offset: int = 0) -> list[Delivery]:
        """Deliveries of a city, newest first."""
        if dataset is not None:
            contract(dataset)
        every = self._mirror.state.deliveries.get(self._pack(city).id, ())
        return [d for d in every if dataset in (None, d.dataset)][offset : offset + limit]

    def quarantine(
        self, city: str, dataset: str | None = None, delivery_id: int | None = None, limit: int = 50, offset: int = 0
    ) -> list[QuarantinedRow]:
        """Refused rows of a city, newest first."""
        if dataset is not None:
            contract(dataset)
        lake = self._reading.get()
        return (
            [] if lake is None else lookups.quarantined(lake, self._pack(city).id, dataset, delivery_id, limit, offset)
        )

    def sites(
        self,
        city: str,
        dataset: str | None = None,
        bbox: tuple[float, float, float, float] | None = None,
        area: str | None = None,
    ) -> list[Site]:
        """Present sites, by dataset, inside west, south, east, north (WGS84 degrees) and counted in an area."""
        pack = self._pack(city)
        if dataset is not None:
            contract(dataset)
        frame = self._mirror.state.sites.get(pack.id)
        if frame is None:
            return []
        if bbox is None and area is None:
            key = (id(frame), pack.id, dataset)
            if key not in self._site_lists:
                self._site_lists = {k: v for k, v in self._site_lists.items() if k[1] != pack.id or k[0] == id(frame)}
                self._site_lists[key] = self._listed(pack, frame, dataset)
            return self._site_lists[key]
        if bbox is not None:
            west, south, east, north = bbox
            frame = frame.filter(pl.col("lon").is_between(west, east) & pl.col("lat").is_between(south, north))
        if area is not None:
            frame = frame.filter(lookups.area_filter(pack, area))
        return self._listed(pack, frame, dataset)

    def site(self, city: str, site_id: str) -> Site:
        """One site of a city; `UnknownId` where there is none."""
        frame = self._mirror.state.sites.get(self._pack(city).id)
        found = frame.filter(pl.col("site_id") == site_id) if frame is not None else None
        if found is None or found.is_empty():
            raise UnknownId("site", site_id, [] if frame is None else frame["site_id"].to_list())
        return lookups.site_of(city, found.row(0, named=True))

    def site_records(
        self, city: str, site_id: str, dataset: str | None = None, limit: int = 100
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Columns and rows of a site's newest records (of `dataset`, else of the first that reports on it).

        What a timetable tells of days after today is left out.
        """
        site = self.site(city, site_id)
        lake = self._reading.get()
        candidates = [dataset] if dataset else [*lookups.reporting_datasets(site.dataset), site.dataset]
        for chosen in candidates:
            if "site_id" not in contract(chosen).columns:
                raise UsageError(
                    f"records of {chosen!r} do not name sites",
                    hint=f"allowed: {', '.join(lookups.reporting_datasets(site.dataset))}",
                )
            if lake is None:
                break
            tomorrow = midnight_utc(local_day(self.now(), self._pack(city).tz) + timedelta(days=1), self._pack(city).tz)
            columns, rows = lookups.records_of_site(lake, city, site_id, chosen, limit, tomorrow)
            if rows or chosen == candidates[-1]:
                return columns, rows
        return (), []

    def site_deliveries(
        self, city: str, site_id: str, dataset: str | None = None, limit: int = 20, offset: int = 0
    ) -> list[Delivery]:
        """Deliveries a site's register entry and its records (of `dataset`) came in, newest first, however old."""
        site, lake = self.site(city, site_id), self._reading.get()
        if lake is None:
            return []
        wanted = lookups.deliveries_of_site(lake, city, site_id, {site.dataset, dataset or site.dataset})
        every = self._mirror.state.deliveries.get(self._pack(city).id, ())
        return [d for d in every if d.delivery_id in wanted][offset : offset + limit]

    def events(self, city: str, area: str | None = None, include_closed: bool = True, limit: int = 50) -> list[Event]:
        """Alerts and events of a city or of one area and what lies in it: open ones first, newest first."""
        pack, state = self._pack(city), self._mirror.state
        found: list[Event] = []
        for frame, make in (
            (state.alerts.get(pack.id), lookups.alert_event),
            (state.city_events.get(pack.id), lookups.city_event),
        ):
            if frame is not None:
                found += [make(pack.id, row, pack) for row in frame.iter_rows(named=True)]
        if not include_closed:
            found = [e for e in found if e.state != "closed"]
        if area is not None and pack.area(area).level != "city":
            wanted = pack.area(area)
            inside = {wanted.id, *wanted.composed_of}
            found = [
                e for e in found if e.area and pack.has_area(e.area) and inside & {a.id for a in pack.ancestors(e.area)}
            ]
        return lookups.newest_first(found, limit)

    def has_data(self, city: str) -> bool:
        """Whether the store holds any reading or site of a city, and the first part of its build is not under way."""
        state = self._mirror.state
        return state.building.get(self._pack(city).id) != "first" and (city in state.cities or city in state.sites)

    def is_being_built(self, city: str) -> bool:
        """Whether a build of the city has begun and not come to its end."""
        return self._pack(city).id in self._mirror.state.building

    def targets(self, city: str) -> list[Target]:
        """What the city's plans promised, as printed."""
        pack = self._pack(city)
        if city not in self._targets:
            folder = pack.folder / "plan"
            self._targets[city] = plan_targets(folder, city) if folder.is_dir() else []
        return self._targets[city]

    def _listed(self, pack: Pack, frame: pl.DataFrame, dataset: str | None) -> list[Site]:
        if dataset is not None:
            frame = frame.filter(pl.col("dataset") == dataset)
        return [lookups.site_of(pack.id, row) for row in frame.iter_rows(named=True)]
