"""A pack is checked as a whole: every problem in one list, each with the place to mend."""

from __future__ import annotations

import csv
from pathlib import Path

import orjson
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from data_pipeline.alerts.rules import rule_problems
from data_pipeline.cities.check_plan import plan_problems
from data_pipeline.cities.model import AREA_LAYERS, LAYERS, CityFile, Level
from data_pipeline.cities.pack import Pack, read_areas
from data_pipeline.cities.salvage import salvage
from data_pipeline.cities.wall import wall_problems
from data_pipeline.contracts import contracts
from data_pipeline.errors import CityBrainError, DeclarationError, did_you_mean
from data_pipeline.metrics import metrics
from data_pipeline.times import zone
from geo.areas import BadGeometry, geodesic_area_km2, polygonal
from geo.distance import geodesic_m

MAPPINGS = Path(__file__).parents[1] / "mappings"
MAX_LAYER_BYTES = 5_000_000
MAX_OVERLAP_SHARE = 0.001
MAX_AREA_DIFFERENCE = 0.02
MAX_SCALE_ERROR = 0.004


def check_pack(folder: Path | str, release: bool = False) -> list[str]:
    """Every problem of the pack in `folder`, one sentence each; an empty list for a good pack.

    Looks at city.toml, areas.csv, all layers (ids, validity, overlaps, extent), sources and
    their mappings, plan tables, wall.toml, alerts.toml, corrections.toml. `release` adds what
    stands in the way of publishing: layers and facts whose rights are to clear, no 审图号.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return [f"{folder}: no such folder"]
    areas, problems = read_areas(folder)
    tree_holds = not problems
    declared, wrong, doubtful = salvage(folder)
    pack = Pack(folder, declared, areas)
    problems += _names(pack, doubtful) + _place(declared, doubtful)
    if areas:
        problems += _layers(pack, doubtful)
    if areas and tree_holds:
        problems += _populations(pack) + _zones(pack)
    problems += _sources(pack, doubtful) + plan_problems(pack) + _other_files(pack)
    return wrong + problems + (_release(pack) if release else [])


def _names(pack: Pack, doubtful: set[str]) -> list[str]:
    problems = []
    if "id" in doubtful:
        return []
    if pack.folder.name != pack.id:
        problems.append(f"city.toml: id {pack.id!r} differs from the folder's name {pack.folder.name!r}")
    cities = [a for a in pack.areas.values() if a.level == "city"]
    if cities and cities[0].id not in (pack.id, f"{pack.id}:{pack.id}"):
        problems.append(f"areas.csv: the city's area id is {cities[0].id!r}, it must be the city id {pack.id!r}")
    if not pack.id.isdigit():
        wrong = [a.id for a in pack.areas.values() if a.level != "city" and not a.id.startswith(f"{pack.id}:")]
        problems += [f"areas.csv: area id {a!r} must begin with '{pack.id}:' to be unique in a store" for a in wrong]
    return problems


def _place(declared: CityFile, doubtful: set[str]) -> list[str]:
    """Time zone, bbox and metric CRS; what `doubtful` names is reported already and stands for nothing."""
    problems = []
    try:
        zone(declared.timezone)
    except CityBrainError as error:
        problems.append(f"city.toml: {error.args[0]}")
    if "bbox" in doubtful:
        return problems
    west, south, east, north = declared.bbox
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        return [*problems, f"city.toml: bbox {list(declared.bbox)} is not west, south, east, north in degrees"]
    if "metric_crs" in doubtful:
        return problems
    try:
        crs = CRS.from_user_input(declared.metric_crs)
    except CRSError:
        return [*problems, f"city.toml: metric_crs {declared.metric_crs!r} is unknown to PROJ"]
    if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
        return [*problems, f"city.toml: metric_crs {declared.metric_crs} is not a projected CRS in metres"]
    off = _scale_error(declared.metric_crs, (west + east) / 2, (south + north) / 2)
    if not off <= MAX_SCALE_ERROR:
        problems.append(
            f"city.toml: metric_crs {declared.metric_crs} is wrong for this place: lengths err by {off:.1%} "
            f"at the centre of bbox, allowed {MAX_SCALE_ERROR:.1%}; take the UTM or CGCS2000 zone of the city"
        )
    return problems


def _scale_error(crs: str, lon: float, lat: float) -> float:
    """Relative error of a length of about 1 km at a point in a projected CRS, east-west or north-south."""
    transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = transformer.transform([lon, lon + 0.01, lon], [lat, lat, lat + 0.01])
    errors = []
    for k, (lon2, lat2) in ((1, (lon + 0.01, lat)), (2, (lon, lat + 0.01))):
        plane = ((x[k] - x[0]) ** 2 + (y[k] - y[0]) ** 2) ** 0.5
        errors.append(abs(plane / float(geodesic_m(lon, lat, lon2, lat2)) - 1))
    return max(errors)


def _layers(pack: Pack, doubtful: set[str]) -> list[str]:
    problems = []
    for name in pack.layers:
        if name not in LAYERS:
            near = did_you_mean(name, LAYERS)
            hint = f"; did you mean {near[0]!r}?" if near else f", allowed: {', '.join(LAYERS)}"
            problems.append(f"city.toml: unknown layer {name!r}{hint}")
        elif name in AREA_LAYERS:
            problems += _area_layer(pack, name, AREA_LAYERS[name])
        else:
            problems += _base_layer(pack, name)
    gone = {name for name in LAYERS if doubtful & {"layers", f"layers.{name}"}}  # reported already
    if "outline" not in pack.layers and "outline" not in gone:
        problems.append("city.toml: layer 'outline' is missing")
    drawn: dict[Level, str] = {"district": "districts", "zone": "zones", "township": "townships"}
    for level, name in drawn.items():
        count = sum(a.level == level for a in pack.areas.values())
        if count and name not in pack.layers and name not in gone:
            problems.append(f"city.toml: areas.csv has {count} areas of level {level}, but layer {name!r} is missing")
    return problems


def _read_features(pack: Pack, name: str) -> tuple[list[dict], list[str]]:
    path = pack.layer(name)
    where = f"layer {name!r} ({pack.layers[name].file})"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return [], [f"{where}: file does not exist"]
    problems = []
    if len(raw) > MAX_LAYER_BYTES:
        problems.append(f"{where}: {len(raw):,} bytes, allowed {MAX_LAYER_BYTES:,}; simplify it")
    try:
        features = orjson.loads(raw)["features"]
        shapes = [shapely.from_geojson(orjson.dumps(feature["geometry"])) for feature in features]
    except orjson.JSONDecodeError as error:
        return [], [*problems, f"{where}: not valid JSON: {error}"]
    except (KeyError, TypeError, shapely.GEOSException) as error:
        return [], [*problems, f"{where}: not a GeoJSON FeatureCollection with geometries ({error})"]
    return [{"id": f.get("id"), "shape": s} for f, s in zip(features, shapes, strict=True)], problems


def _area_layer(pack: Pack, name: str, level: Level) -> list[str]:
    """Problems of a layer that carries one polygon an area."""
    features, problems = _read_features(pack, name)
    where = f"layer {name!r}"
    wanted = {a.id for a in pack.areas.values() if a.level == level}
    found: dict[str, shapely.Geometry] = {}
    for position, feature in enumerate(features, start=1):
        area_id, shape = feature["id"], feature["shape"]
        if not isinstance(area_id, str):
            problems.append(f"{where} feature {position}: no text id (the area's id at feature level)")
            continue
        if area_id in found:
            problems.append(f"{where}: area {area_id!r} stands twice")
        if area_id not in wanted:
            near = did_you_mean(area_id, wanted)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"{where}: {area_id!r} is not a {level} of areas.csv{hint}")
        try:
            repaired, note = polygonal(shape)
        except BadGeometry as error:
            problems.append(f"{where}: {area_id!r}: {error}")
            continue
        if note:
            problems.append(f"{where}: {area_id!r} is not a valid polygon: {note}")
        found[area_id] = repaired
    if not features:
        return problems or [f"{where}: holds no features"]
    problems += [f"{where}: no polygon for {a!r} ({pack.areas[a].name_zh})" for a in sorted(wanted - set(found))]
    if not found:
        return problems
    problems += _outside_bbox(pack, where, found)
    if level != "zone":
        problems += _overlaps(where, found)
    # areas.csv states the area inside the polygon that locates records
    locating = {"city": "locate_outline", "district": "locate_districts"}.get(level)
    if level in ("zone", "township") or name == locating or (locating not in pack.layers and level != "city"):
        problems += _area_figures(pack, where, found)
    return problems


def _outside_bbox(pack: Pack, where: str, found: dict[str, shapely.Geometry]) -> list[str]:
    west, south, east, north = pack.bbox
    problems = []
    for area_id, shape in found.items():
        x0, y0, x1, y1 = shape.bounds
        if x0 < west - 1e-6 or y0 < south - 1e-6 or x1 > east + 1e-6 or y1 > north + 1e-6:
            extent = ", ".join(f"{v:.4f}" for v in shape.bounds)
            problems.append(f"{where}: {area_id!r} ({extent}) reaches beyond the city's bbox {list(pack.bbox)}")
    return problems


def _overlaps(where: str, found: dict[str, shapely.Geometry]) -> list[str]:
    ids, shapes = list(found), list(found.values())
    problems = []
    tree = shapely.STRtree(shapes)
    for a, b in tree.query(shapes, predicate="intersects").T.tolist():
        if a < b:
            share = shapes[a].intersection(shapes[b]).area / min(shapes[a].area, shapes[b].area)
            if share > MAX_OVERLAP_SHARE:
                problems.append(f"{where}: {ids[a]!r} and {ids[b]!r} overlap by {share:.1%} of the smaller one")
    return problems


def _area_figures(pack: Pack, where: str, found: dict[str, shapely.Geometry]) -> list[str]:
    problems = []
    for (area_id, _), measured in zip(found.items(), geodesic_area_km2(list(found.values())), strict=True):
        area = pack.areas.get(area_id)
        stated = area.area_km2 if area else None
        # one decimal is stated, so small areas may differ by half of it
        if stated is not None and abs(measured - stated) > max(MAX_AREA_DIFFERENCE * stated, 0.06):
            problems.append(f"{where}: {area_id!r} measures {measured:.1f} km², areas.csv says {stated:.1f} km²")
    return problems


def _base_layer(pack: Pack, name: str) -> list[str]:
    features, problems = _read_features(pack, name)
    west, south, east, north = pack.bbox
    window = shapely.box(*(v + m for v, m in zip((west, south, east, north), (-1, -1, 1, 1), strict=True)))
    for position, feature in enumerate(features, start=1):
        shape = feature["shape"]
        if shape.is_empty or not shape.is_valid:
            reason = "empty" if shape.is_empty else shapely.is_valid_reason(shape)
            problems.append(f"layer {name!r} feature {position}: not a valid geometry: {reason}")
        elif not shape.intersects(window):
            problems.append(f"layer {name!r} feature {position}: lies more than a degree away from the city")
    return problems


def _populations(pack: Pack) -> list[str]:
    """Populations of the same date must add up where every part has one."""
    problems = []
    for area in pack.areas.values():
        if area.population is not None and area.population_date is None:
            problems.append(f"areas.csv: {area.id!r} has a population without population_date")
        if area.population is not None and not area.population_source:
            problems.append(f"areas.csv: {area.id!r} has a population without population_source")
        parts = pack.children(area.id) if area.level in ("city", "district") else []
        if area.population is None or not parts:
            continue
        known = [p.population for p in parts if p.population is not None and p.population_date == area.population_date]
        if len(known) == len(parts) and sum(known) != area.population:
            problems.append(
                f"areas.csv: the population of {area.id!r} is {area.population:,}, its parts add up to {sum(known):,}"
            )
    return problems


def _zones(pack: Pack) -> list[str]:
    problems = []
    for area in pack.areas.values():
        if area.composed_of and area.level != "zone":
            problems.append(f"areas.csv: {area.id!r} is a {area.level}; only zones have composed_of")
        wrong = [t for t in area.composed_of if pack.areas[t].level != "township"]
        problems += [f"areas.csv: zone {area.id!r} is composed of {t!r}, which is not a township" for t in wrong]
        if area.level == "district" and area.parent != pack.city_area.id:
            problems.append(f"areas.csv: district {area.id!r} must have the city as parent, got {area.parent!r}")
        if area.level == "township" and area.parent and pack.areas[area.parent].level not in ("city", "district"):
            problems.append(f"areas.csv: township {area.id!r} must have a district or the city as parent")
    return problems


def _sources(pack: Pack, doubtful: set[str]) -> list[str]:
    from data_pipeline.mappings import load_mapping

    problems = []
    known = contracts()
    for dataset, source in pack.sources.items():
        if dataset not in known:
            near = did_you_mean(dataset, known)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"city.toml: source of unknown dataset {dataset!r}{hint}")
            continue
        if source.grace and not source.cadence:
            problems.append(f"city.toml: source {dataset!r} has a grace without a cadence")
        path = pack.mapping_path(dataset, MAPPINGS)
        if path is None:
            continue
        try:
            named = load_mapping(path).dataset
        except DeclarationError as error:
            problems += [f"city.toml: source {dataset!r}: mapping {source.mapping!r}: {p}" for p in error.problems]
            continue
        if named != dataset:
            problems.append(f"city.toml: source {dataset!r}: mapping {source.mapping!r} is for dataset {named!r}")
    gone = {dataset for dataset in known if doubtful & {"sources", f"sources.{dataset}"}}  # reported already
    missing = [dataset for dataset in known if dataset not in pack.sources and dataset not in gone and not known[dataset].derived_from]
    return problems + [f"city.toml: no source of dataset {d!r}; add one (state = off)" for d in missing]


def _other_files(pack: Pack) -> list[str]:
    problems: list[str] = []
    for look in (_wall, _readable_corrections):
        try:
            problems += look(pack)
        except DeclarationError as error:
            problems += [f"{error.source}: {p}" for p in error.problems]
    problems += rule_problems(pack)
    if not problems:
        problems += _corrections(pack)
    return problems


def _wall(pack: Pack) -> list[str]:
    """What the wall names and the city does not have."""
    live = {dataset for dataset, source in pack.sources.items() if source.state != "off"}
    own = [m.id for m in metrics().values() if {m.dataset, contracts()[m.dataset].derived_from} & live]
    levels = {area.id: area.level for area in pack.areas.values()}
    return [f"wall.toml: {p}" for p in wall_problems(pack.wall(), own, metrics(), levels)]


def _readable_corrections(pack: Pack) -> list[str]:
    pack.corrections()
    return []


def _corrections(pack: Pack) -> list[str]:
    problems = []
    for correction in pack.corrections().correction:
        path = pack.folder / correction.file
        if not path.exists():
            problems.append(f"corrections.toml: {correction.file!r} is not in the pack")
            continue
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if correction.column not in (reader.fieldnames or ()):
                problems.append(f"corrections.toml: {correction.file} has no column {correction.column!r}")
            elif not any(correction.key in row.values() for row in reader):
                problems.append(f"corrections.toml: no row {correction.key!r} in {correction.file}")
    return problems


def _release(pack: Pack) -> list[str]:
    problems = [
        f"release: rights of layer {name!r} are to be cleared ({layer.source}; {layer.licence})"
        for name, layer in pack.layers.items()
        if layer.rights == "to_clear"
    ]
    problems += [
        f"release: rights of {fact.what!r} are to be cleared ({fact.source}; {fact.licence})"
        for fact in pack.facts
        if fact.rights == "to_clear"
    ]
    if not pack.map_approval_number:
        problems.append("release: map_approval_number (审图号) is empty; enter a verified one")
    return problems
