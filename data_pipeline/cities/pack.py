"""A city pack in memory: names, areas, sources, layers."""

from __future__ import annotations

import contextlib
import csv
from datetime import date
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import shapely
from pydantic import ValidationError
from shapely.geometry.base import BaseGeometry

from data_pipeline.cities.locate import Locator
from data_pipeline.cities.model import (
    LAYERS,
    Area,
    CityFile,
    CorrectionsFile,
    FactSource,
    LayerDecl,
    Level,
    SourceDecl,
)
from data_pipeline.cities.wall import WallFile
from data_pipeline.declare import problems_of, read_toml, validate
from data_pipeline.errors import DeclarationError, UnknownId
from data_pipeline.plans import rows_of
from data_pipeline.times import zone

AREA_COLUMNS = (
    "id", "name_zh", "name_en", "level", "kind", "parent", "drawn_in", "codes", "approximate", "population",
    "population_date", "population_source", "area_km2", "lon", "lat", "seat_lon", "seat_lat", "composed_of", "note",
)  # fmt: skip


class Pack:
    """One city as data. Read it with `load_pack`; geometry is read when first asked for.

    Attributes
    ----------
    id, name_zh, name_en, short_zh, short_en, timezone, metric_crs : str
    bbox : (west, south, east, north), WGS84 degrees
    folder : Path
    areas : dict of area id → Area, in the order of areas.csv (the city first)
    sources : dict of dataset → SourceDecl
    layers : dict of layer name → LayerDecl
    facts : sources of names, codes and population
    """

    def __init__(self, folder: Path, declared: CityFile, areas: dict[str, Area]) -> None:
        self.folder = folder
        self.declared = declared
        self.id, self.name_zh, self.name_en = declared.id, declared.name_zh, declared.name_en
        self.short_zh, self.short_en = declared.short_zh or declared.name_zh, declared.short_en or declared.name_en
        self.timezone, self.metric_crs, self.bbox = declared.timezone, declared.metric_crs, declared.bbox
        self.map_approval_number, self.provincial_plans = declared.map_approval_number, declared.provincial_plans
        self.areas = areas
        self.sources: dict[str, SourceDecl] = {
            dataset: source.model_copy(update={"dataset": dataset}) for dataset, source in declared.sources.items()
        }
        self.layers: dict[str, LayerDecl] = dict(declared.layers)
        self.facts: tuple[FactSource, ...] = declared.facts
        self._geometries: dict[str, dict[str, BaseGeometry]] = {}
        self._locator: Locator | None = None

    def __repr__(self) -> str:
        return f"Pack({self.id!r}, {self.name_en!r}, {len(self.areas)} areas)"

    @cached_property
    def tz(self) -> ZoneInfo:
        """The city's time zone."""
        return zone(self.timezone)

    @cached_property
    def city_area(self) -> Area:
        """The area of the whole city."""
        return next(area for area in self.areas.values() if area.level == "city")

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return {code: area.id for area in reversed(self.areas.values()) for code in (*area.codes, area.id)}

    @cached_property
    def _children(self) -> dict[str, tuple[Area, ...]]:
        found: dict[str, list[Area]] = {area_id: [] for area_id in self.areas}
        for area in self.areas.values():
            if area.parent in found:
                found[area.parent].append(area)
        return {parent: tuple(areas) for parent, areas in found.items()}

    def has_area(self, id_or_alias: str) -> bool:
        """Whether `area` would find it."""
        return id_or_alias in self._aliases

    def area(self, id_or_alias: str) -> Area:
        """An area by its id or any of its official codes; `UnknownId` with "did you mean"."""
        try:
            return self.areas[self._aliases[id_or_alias]]
        except KeyError:
            raise UnknownId("area", id_or_alias, self._aliases) from None

    def children(self, area_id: str, level: Level | None = None) -> list[Area]:
        """The areas below one.

        Without `level`: the parts that make up the area without overlap (districts of a city,
        townships of a district, townships of a zone; townships of a city without districts).
        With `level`: every area of that level that counts in it, however deep; for a city
        `level="zone"` gives its functional zones.
        """
        area = self.area(area_id)
        if area.level == "zone":
            parts = [self.areas[t] for t in area.composed_of]
            return [a for a in parts if level in (None, a.level)]
        if level is None:
            return [a for a in self._children[area.id] if a.level != "zone"]
        if level == "zone" and area.level == "district":
            inside = {a.id for a in self._children[area.id]}
            return [a for a in self.areas.values() if a.level == "zone" and inside & set(a.composed_of)]
        return [a for a in self._below(area.id) if a.level == level]

    def _below(self, area_id: str) -> list[Area]:
        found: list[Area] = []
        for child in self._children[area_id]:
            found += [child, *self._below(child.id)]
        return found

    def ancestors(self, area_id: str) -> list[Area]:
        """The area itself first, then its statistical parents up to the city."""
        found = [self.area(area_id)]
        while found[-1].parent is not None:
            found.append(self.areas[found[-1].parent])
        return found

    def siblings(self, area_id: str) -> list[Area]:
        """Areas of the same level and parent, without the area itself."""
        area = self.area(area_id)
        return [a for a in self.areas.values() if a.level == area.level and a.parent == area.parent and a.id != area.id]

    def zones_of(self, area_id: str) -> list[Area]:
        """Functional zones a township is counted in."""
        area = self.area(area_id)
        return [a for a in self.areas.values() if area.id in a.composed_of]

    def has_layer(self, name: str) -> bool:
        """Whether the pack has a layer of that name."""
        return name in self.layers

    def layer(self, name: str) -> Path:
        """The GeoJSON file of a layer (WGS84; area layers carry the area id as feature `id`)."""
        if name not in self.layers:
            raise UnknownId("layer", name, self.layers)
        return self.folder / self.layers[name].file

    def layer_of(self, level: Level) -> str | None:
        """Name of the layer that draws the areas of a level; None where the pack has none."""
        name = {"city": "outline", "district": "districts", "zone": "zones", "township": "townships"}[level]
        return name if name in self.layers else None

    def geometries(self, name: str) -> dict[str, BaseGeometry]:
        """Area id → polygon (WGS84) of an area layer; read once."""
        if name not in self._geometries:
            self._geometries[name] = read_area_layer(self.layer(name))
        return self._geometries[name]

    def geometry(self, area_id: str) -> BaseGeometry | None:
        """The drawn polygon of an area; None where no layer draws it."""
        area = self.area(area_id)
        layer = self.layer_of(area.level)
        return self.geometries(layer).get(area.id) if layer else None

    def locator(self) -> Locator:
        """What locates points in this city; built once."""
        if self._locator is None:
            self._locator = Locator(self)
        return self._locator

    def plan(self, table: str) -> list[dict[str, str]]:
        """Rows of `plan/<table>.csv`, and of further plans in folders beside it, as text; empty where there is none."""
        return rows_of(self.folder / "plan", table)

    def wall(self) -> WallFile:
        """The scenes of the wall."""
        return validate(WallFile, read_toml(self.folder / "wall.toml"), f"{self.id}/wall.toml")

    def corrections(self) -> CorrectionsFile:
        """Known slips of sources; empty where the pack has no corrections.toml."""
        path = self.folder / "corrections.toml"
        if not path.exists():
            return CorrectionsFile()
        return validate(CorrectionsFile, read_toml(path), f"{self.id}/corrections.toml")

    def mapping_path(self, dataset: str, built_in: Path) -> Path | None:
        """Mapping file of a source: the pack's `mappings/` before the folder `built_in`; None for none."""
        name = self.sources[dataset].mapping
        if not name:
            return None
        own = self.folder / "mappings" / f"{name}.toml"
        return own if own.exists() else built_in / f"{name}.toml"


def read_area_layer(path: Path) -> dict[str, BaseGeometry]:
    """Feature id → geometry of a GeoJSON file.

    Raises
    ------
    DeclarationError
        The file is absent, not GeoJSON, or a feature has no id.
    """
    try:
        data = orjson.loads(path.read_bytes())
        features = data["features"]
        ids = [str(feature["id"]) for feature in features]
        shapes = shapely.from_geojson([orjson.dumps(feature["geometry"]) for feature in features])
    except FileNotFoundError:
        raise DeclarationError(str(path), ["file does not exist"]) from None
    except (orjson.JSONDecodeError, shapely.GEOSException) as error:
        raise DeclarationError(str(path), [f"not valid GeoJSON: {error}"]) from None
    except (KeyError, TypeError) as error:
        raise DeclarationError(str(path), [f"not a FeatureCollection whose features have ids ({error})"]) from None
    return dict(zip(ids, shapes, strict=True))


def read_city_file(folder: Path) -> CityFile:
    """city.toml of a pack; `DeclarationError` lists everything wrong with it."""
    return validate(CityFile, read_toml(folder / "city.toml"), f"{folder.name}/city.toml")


def read_areas(folder: Path) -> tuple[dict[str, Area], list[str]]:
    """The areas of areas.csv, and every problem found on the way (bad cells, doubled ids, parents)."""
    path = folder / "areas.csv"
    problems: list[str] = []
    areas: dict[str, Area] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [c for c in ("id", "name_zh", "name_en", "level", "parent") if c not in (reader.fieldnames or ())]
            extra = [c for c in reader.fieldnames or () if c not in AREA_COLUMNS]
            problems += [f"areas.csv: column {c!r} is missing" for c in missing]
            problems += [f"areas.csv: unknown column {c!r}, allowed: {', '.join(AREA_COLUMNS)}" for c in extra]
            rows = [] if missing or extra else list(reader)
    except FileNotFoundError:
        return {}, ["areas.csv: file does not exist"]
    except UnicodeDecodeError as error:
        return {}, [f"areas.csv: not UTF-8 text (byte {error.start})"]
    for number, row in enumerate(rows, start=2):
        try:
            area = Area.model_validate(_cells(row))
        except ValidationError as error:
            problems += [f"areas.csv line {number}: {p}" for p in problems_of(Area, error)]
            continue
        if area.id in areas:
            problems.append(f"areas.csv line {number}: area id {area.id!r} stands twice")
        areas[area.id] = area
    return areas, problems + _tree_problems(areas)


def _cells(row: dict[str, str | None]) -> dict[str, object]:
    """A row of areas.csv as the fields of `Area`; lists are split at `;`, empty cells are left out."""
    cells: dict[str, object] = {key: value.strip() for key, value in row.items() if key and value and value.strip()}
    for name in ("codes", "composed_of"):
        if name in cells:
            cells[name] = tuple(part.strip() for part in str(cells[name]).split(";") if part.strip())
    for name, lon, lat in (("centroid", "lon", "lat"), ("seat", "seat_lon", "seat_lat")):
        pair = (cells.pop(lon, None), cells.pop(lat, None))
        if pair != (None, None):
            cells[name] = pair
    if "population_date" in cells:
        with contextlib.suppress(ValueError):  # pydantic names the bad value
            cells["population_date"] = date.fromisoformat(str(cells["population_date"]))
    return cells


def _tree_problems(areas: dict[str, Area]) -> list[str]:
    problems = []
    cities = [a.id for a in areas.values() if a.level == "city"]
    if areas and len(cities) != 1:
        problems.append(f"areas.csv: exactly one area of level city is needed, got {cities or 'none'}")
    seen: dict[str, str] = {}
    for area in areas.values():
        if area.level != "city" and area.parent not in areas:
            problems.append(f"areas.csv: {area.id!r} has the parent {area.parent!r}, which is not in the file")
        if area.level == "city" and area.parent is not None:
            problems.append(f"areas.csv: the city {area.id!r} has a parent ({area.parent!r}); leave it empty")
        for name, other in (("drawn_in", area.drawn_in), *(("composed_of", t) for t in area.composed_of)):
            if other is not None and other not in areas:
                problems.append(f"areas.csv: {area.id!r}: {name} names {other!r}, which is not in the file")
        for code in {area.id, *area.codes}:
            if seen.setdefault(code, area.id) != area.id:
                problems.append(f"areas.csv: code {code!r} belongs to both {seen[code]!r} and {area.id!r}")
        if _loops(areas, area):
            problems.append(f"areas.csv: the parents of {area.id!r} run in a circle")
    return problems


def _loops(areas: dict[str, Area], area: Area) -> bool:
    seen = set()
    current: Area | None = area
    while current is not None and current.parent is not None:
        if current.id in seen:
            return True
        seen.add(current.id)
        current = areas.get(current.parent)
    return False


def load_pack(folder: Path) -> Pack:
    """The pack in a folder.

    Raises
    ------
    DeclarationError
        city.toml or areas.csv is wrong, or the time zone is unknown. `check_pack` lists the
        problems of layers and plan tables too.
    """
    declared = read_city_file(folder)
    areas, problems = read_areas(folder)
    unknown = [name for name in declared.layers if name not in LAYERS]
    problems += [f"city.toml: unknown layer {name!r}, allowed: {', '.join(LAYERS)}" for name in unknown]
    if not problems and not areas:
        problems.append("areas.csv: no areas")
    if problems:
        raise DeclarationError(folder.name, problems)
    pack = Pack(folder, declared, areas)
    pack.tz  # noqa: B018 - an unknown time zone is refused here, not at the first page
    return pack
