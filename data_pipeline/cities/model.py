"""What a city pack declares: city.toml, areas.csv, corrections.toml; `wall.py` has wall.toml."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from data_pipeline.contracts import duration
from data_pipeline.declare import Declared

Level = Literal["city", "district", "zone", "township"]
LEVELS: tuple[Level, ...] = ("city", "district", "zone", "township")
CITY_ID = re.compile(r"\d{6}|[a-z][a-z0-9_]{1,31}")

# layers that carry one polygon an area, with the level they draw
AREA_LAYERS: dict[str, Level] = {
    "outline": "city",
    "districts": "district",
    "zones": "zone",
    "townships": "township",
    "locate_outline": "city",
    "locate_districts": "district",
}
BASE_LAYERS = ("water", "railways", "stations", "places", "neighbors", "atlas")
LAYERS = (*AREA_LAYERS, *BASE_LAYERS)


class LayerDecl(Declared):
    """One layer of a pack: where it is from, what it is worth, who may show it.

    `rights`: `clear` may be published as the licence says; `to_clear` must be cleared by the
    operator before publication. `approximate`: drawn dashed and labelled 示意.
    """

    file: str
    source: str
    licence: str
    rights: Literal["clear", "to_clear"]
    accuracy_m: float | None = Field(default=None, gt=0)
    approximate: bool = False
    vintage: str = ""
    note_zh: str = ""
    note_en: str = ""


class FactSource(Declared):
    """A published source of facts that are not a layer (names, codes, population)."""

    what: str
    what_zh: str = ""
    source: str
    licence: str
    rights: Literal["clear", "to_clear"]
    note: str = ""
    note_zh: str = ""


class SourceDecl(Declared):
    """Where a city's records of one dataset come from.

    `mapping` names a file of `data_pipeline/mappings/` or of the pack's own `mappings/`; empty
    where the supplier delivers the contract's own columns. `cadence`: time between two
    deliveries, empty where none is promised (events, archives): such a source is never late.
    `grace`: how long after the cadence a source is still on time.
    """

    dataset: str = ""
    state: Literal["real", "simulated", "off"]
    name_zh: str
    name_en: str
    supplier_zh: str = ""
    supplier_en: str = ""
    mapping: str = ""
    cadence: str = ""
    grace: str = ""

    @field_validator("cadence", "grace")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        if text:
            duration(text)
        return text

    @property
    def cadence_s(self) -> int | None:
        """Seconds between two deliveries; None where none is promised."""
        return int(duration(self.cadence).total_seconds()) if self.cadence else None

    @property
    def grace_s(self) -> int | None:
        """Seconds a delivery may be late; None where no cadence is promised."""
        if not self.cadence:
            return None
        return int(duration(self.grace).total_seconds()) if self.grace else 0


class CityFile(Declared):
    """city.toml. `bbox` is west, south, east, north in WGS84 degrees.

    `map_approval_number` (审图号) stays empty until the operator enters a verified one.
    `provincial_plans`: plans of the province, whose figures are shown without a city actual.
    """

    id: str
    name_zh: str
    name_en: str
    short_zh: str = ""
    short_en: str = ""
    timezone: str
    metric_crs: str = Field(pattern=r"^EPSG:\d{4,6}$")
    bbox: tuple[float, float, float, float]
    map_approval_number: str = ""
    provincial_plans: tuple[str, ...] = ()
    layers: dict[str, LayerDecl]
    facts: tuple[FactSource, ...] = ()
    sources: dict[str, SourceDecl]

    @field_validator("id")
    @classmethod
    def _good_id(cls, text: str) -> str:
        if not CITY_ID.fullmatch(text):
            raise ValueError("a city id is a six-digit adcode or matches [a-z][a-z0-9_]{1,31}")
        return text


class Area(Declared):
    """One area of a city: the city itself, a district, a functional zone or a township.

    `parent` is the statistical parent: it decides where records count. `drawn_in` is the
    district whose polygon holds the area on the map, where that is another one. `codes` are all
    official codes of the area (several where units share one polygon). `centroid` is a point
    (lon, lat, WGS84) inside the polygon; None for an area without one. `composed_of` lists the
    townships of a functional zone. `population` is the latest census at hand, None where none
    gives it.
    """

    id: str
    name_zh: str
    name_en: str
    level: Level
    kind: str = ""
    parent: str | None = None
    drawn_in: str | None = None
    codes: tuple[str, ...] = ()
    approximate: bool = False
    population: int | None = Field(default=None, ge=0)
    population_date: date | None = None
    population_source: str = ""
    area_km2: float | None = Field(default=None, gt=0)
    centroid: tuple[float, float] | None = None
    seat: tuple[float, float] | None = None
    composed_of: tuple[str, ...] = ()
    note: str = ""


class Correction(Declared):
    """A slip of a source, kept apart from the row-for-row copy: what is printed, how we read it.

    `file` names a file of the pack (`plan/targets.csv`, `areas.csv`), `key` the row's id.
    """

    file: str
    key: str
    column: str
    printed: str
    reads: str
    reason_zh: str
    reason_en: str
    source: str


class CorrectionsFile(Declared):
    """corrections.toml; may hold none."""

    correction: tuple[Correction, ...] = ()
