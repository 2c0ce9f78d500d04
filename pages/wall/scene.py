"""`/scene/<scene>` — one scene of the city's wall as a document of its own; `/wall` (pages/wall/stage.py) shows them in turn.

Every tile is built by itself: one that cannot be built shows what it showed last, with the time, and the
others do not notice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from dash import html

from components import formats, sentence
from components.domain import weak
from components.i18n import pick, t
from components.ids import live_id
from components.ledger import listing
from components.maps import city_map, frame
from components.maps import style as map_style
from components.states import empty
from components.wall import frame as wall_frame
from components.wall import maps, moment, plan, tiles, trend
from components.wall.size import Viewing, root_css, viewing_of
from data_pipeline.cities import Area
from data_pipeline.cities.wall import DOT_LAYERS, DRAWN_LAYERS, SIZE_CLASSES, Scene, Tile, WallFile
from data_pipeline.errors import UnknownId
from data_pipeline.metrics import Metric
from data_pipeline.metrics import metric as metric_of
from data_pipeline.queries.types import Card, Reading
from pages import Page, PageRequest, View, overview
from pages.serving import basemap, overlays, replay, shell

log = logging.getLogger(__name__)
MAX_EVENTS, MAX_TARGETS = 60, 40
Build = Callable[[], Any]


@dataclass
class Wall:
    """What the tiles of one scene share while it is built: cards are fetched once."""

    request: PageRequest
    scene: Scene

    def __post_init__(self) -> None:
        self._cards: dict[tuple[str, str], tuple[Card, Metric]] = {}

    def card(self, metric_id: str, area: str) -> tuple[Card, Metric]:
        """Card and declaration of a figure in an area."""
        if (metric_id, area) not in self._cards:
            metric = metric_of(metric_id)
            self._cards[metric_id, area] = (self.request.queries.card(metric_id, area, overview.figure_grain(metric)), metric)
        return self._cards[metric_id, area]

    def area(self, tile: Tile) -> Area:
        """The area a tile tells of."""
        return self.request.city.area(tile.area) if tile.area else self.request.city.city_area

    def metrics(self, tile: Tile) -> list[str]:
        """The figures of a tile; those of the city's headline where it names none."""
        if tile.metrics:
            return list(tile.metrics)
        return [m.id for m in overview.kpi_metrics(self.request.queries.metrics_for(self.request.city.id))]

    def shown(self, tile: Tile) -> list[tuple[Card, Metric]]:
        """Cards of a tile's figures."""
        return [self.card(name, self.area(tile).id) for name in self.metrics(tile)]


@dataclass(frozen=True)
class Shown:
    """What a part of a scene shows: `content` None where it never could be built; `old_at_utc` where it is that of an earlier moment."""

    content: Any
    old_at_utc: datetime | None = None


class LastGood:
    """What each tile showed when it could last be built, and when; for every door to the store its own."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Any, dict[tuple[str, ...], tuple[Any, datetime]]] = WeakKeyDictionary()
        self._failing: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def show(self, request: PageRequest, place: tuple[str, ...], build: Build) -> Shown:
        """The tile as built now; where that fails, as it was last.

        This is the one place that stops every error: a wall has nobody to reload it, and the tiles beside this one
        are sound. The error goes to the log with the tile's name.
        """
        key = (request.city.id, request.lang, *place)
        try:
            made = build()
        except Exception:
            if key not in self._failing:  # once, not with every snapshot
                log.exception("tile %s of the wall of %s could not be built", "/".join(place), request.city.id)
            with self._lock:
                self._failing.add(key)
                last = self._kept.get(request.queries, {}).get(key)
            return Shown(None) if last is None else Shown(*last)
        with self._lock:
            self._failing.discard(key)
            self._kept.setdefault(request.queries, {})[key] = (made, request.now_utc)
        return Shown(made)


LAST_GOOD = LastGood()


def build(request: PageRequest) -> View:
    """One scene of the wall; a city without data says that it is being built."""
    q, city, lang = request.queries, request.city, request.lang
    declared = city.wall()
    scene = scene_of(declared, request.args["scene"])
    size = root_css(viewing(request, declared))
    title = f"{pick(scene.name_zh, scene.name_en, lang)} · {t('app.title', lang, city=request.name(city))}"
    if not q.has_data(city.id):
        return View(title, html.Div(shell.building(request), className="wall is-building", id="main"), key=f"wall-building-{city.id}", is_bare=True, root_size=size)
    wall = Wall(request, scene)
    at = [s.id for s in declared.scenes].index(scene.id)
    names = [pick(s.name_zh, s.name_en, lang) for s in declared.scenes]
    body = html.Div(
        [
            wall_frame.head(request.name(city), names, at, [part(wall, ("head",), lambda: _state(wall))], city.timezone, lang),
            html.Div(part(wall, ("sentence",), lambda: _sentence(wall)), id=live_id("wall-sentence"), className="wall-sentence"),
            html.Main([_tile(wall, tile) for tile in scene.tiles], id="main", className="wall-grid", style=_areas(scene)),
            html.Footer(html.Ul(part(wall, ("ticker",), lambda: _ticker(wall)), id=live_id("wall-ticker"), className="wall-ticker wall-turn",
                                **{"aria-label": t("overview.ticker", lang)}), className="wall-foot"),
        ],
        className=f"wall wall-{scene.id}",
        **({"data-replay-hours": str(scene.replay_hours), "data-hour-ms": str(scene.hour_ms)} if scene.replay_hours else {}),
    )  # fmt: skip
    return View(title, body, key=f"wall-{city.id}-{scene.id}-{lang}-{size}", is_bare=True, root_size=size)


def scene_of(declared: WallFile, name: str) -> Scene:
    """A scene by its id; `UnknownId` with "did you mean"."""
    scenes = {scene.id: scene for scene in declared.scenes}
    if name not in scenes:
        raise UnknownId("scene", name, scenes)
    return scenes[name]


def viewing(request: PageRequest, declared: WallFile) -> Viewing:
    """Distance and pitch: the address's, else the pack's."""
    return viewing_of(request.params.get("distance_m"), request.params.get("pitch_mm"), Viewing(declared.wall_distance_m, declared.wall_pitch_mm))


def part(wall: Wall, place: tuple[str, ...], make: Build) -> Any:
    """A part of the scene that may fail by itself: then as it was last, saying so; where it never was, that there is none."""
    shown = LAST_GOOD.show(wall.request, (wall.scene.id, *place), make)
    if shown.content is None:
        return empty(t("wall.tile_failed", wall.request.lang))
    return shown.content if shown.old_at_utc is None else html.Div([_old(wall, shown.old_at_utc), html.Div(shown.content)], className="wall-old")


def _old(wall: Wall, at_utc: datetime) -> html.P:
    """Of which moment a part is that could not be built since."""
    request = wall.request
    return html.P(t("wall.tile_old", request.lang, time=formats.moment(at_utc, request.city.tz, request.lang, request.now_utc)), className="wall-tile-old")


def _areas(scene: Scene) -> dict[str, str]:
    """The grid of every size class as custom properties; the style sheet takes the one of the screen."""
    style: dict[str, str] = {}
    for size in SIZE_CLASSES:
        rows = scene.rows(size)
        style[f"--areas-{size}"] = " ".join(f'"{" ".join(row)}"' for row in rows)
        style[f"--columns-{size}"] = str(len(rows[0]))
        style[f"--rows-{size}"] = str(len(rows))
    return style


def _tile(wall: Wall, tile: Tile) -> html.Section:
    """A tile in its place; `data-in`: the size classes it stands in."""
    lang = wall.request.lang
    sizes = " ".join(size for size in SIZE_CLASSES if any(tile.id in row for row in wall.scene.rows(size)))
    title = pick(tile.title_zh, tile.title_en, lang) or (t(f"wall.{tile.kind}", lang) if tile.kind in ("exceptions", "events", "plan", "targets") else "")
    place = {"style": {"gridArea": tile.id}, "data-in": sizes}
    label = title or t(f"wall.{tile.kind}", lang)
    if tile.kind == "map":
        return html.Section(_map(wall, tile), className="wall-tile is-map map-panel", **place, **{"aria-label": label})
    made = part(wall, (tile.id,), lambda: MAKERS[tile.kind](wall, tile))
    return html.Section([*([html.H2(title)] if title else []), html.Div(made, id=live_id("wall", wall.scene.id, tile.id), className="wall-body")],
                        className=f"wall-tile is-{tile.kind}", **place, **{"aria-label": label})  # fmt: skip


def _figures(wall: Wall, tile: Tile) -> Any:
    request = wall.request
    return tiles.figures(wall.shown(tile), request.city.tz, request.lang, request.now_utc)


def _trend(wall: Wall, tile: Tile) -> Any:
    request = wall.request
    return [trend.trend(card, metric, request.city.tz, request.lang, request.now_utc) for card, metric in wall.shown(tile)]


def _ranking(wall: Wall, tile: Tile) -> Any:
    request = wall.request
    areas = _compared(wall, tile)
    names = {a.id: request.name(a) for a in areas}
    found = []
    for name in wall.metrics(tile):
        metric = metric_of(name)
        readings = _by_area(wall, tile, metric, areas)
        found.append(tiles.rank(readings, names, metric, request.city.tz, request.lang, request.now_utc))
    return found


def _exceptions(wall: Wall, tile: Tile) -> Any:
    request = wall.request
    ids = [m.id for m in request.queries.metrics_for(request.city.id) if m.headline]
    cards = [wall.card(name, wall.area(tile).id) for name in ids]
    return tiles.exceptions(cards, request.city.tz, request.lang, request.now_utc)


def _events(wall: Wall, tile: Tile) -> Any:
    request = wall.request
    found = request.queries.events(request.city.id, area=tile.area or None, limit=MAX_EVENTS)
    return tiles.events(found, _names(request), request.city.tz, request.lang, request.now_utc)


def _plan(wall: Wall, tile: Tile) -> Any:
    rows = wall.request.queries.ledger(wall.request.city.id).distinct
    return plan.plan_counts(rows, wall.request.lang) if rows else empty(t("overview.no_plan", wall.request.lang))


def _targets(wall: Wall, tile: Tile) -> Any:
    """The quantified promises, the worst first; those that do not fit are left out."""
    request = wall.request
    rows = [row for row in request.queries.ledger(request.city.id).distinct if row.target.kind == "quantified"]
    if not rows:
        return empty(t("overview.no_plan", request.lang))
    ordered = listing.sort_rows(rows, "status", request.lang)
    return plan.target_rows(ordered[:MAX_TARGETS], overview.departments(request), request.lang, request.today)


def _moment(wall: Wall, tile: Tile) -> Any:
    """Which of the hours played is shown; in the present that none has come yet."""
    request = wall.request
    past = request.past
    ends = replay.moments("hour", wall.scene.replay_hours or 1, None, past.live_utc if past else request.now_utc, request.city)
    return moment.moment(past.at_utc if past else None, ends, request.city.tz, request.lang)


MAKERS: dict[str, Callable[[Wall, Tile], Any]] = {
    "figures": _figures, "trend": _trend, "ranking": _ranking, "exceptions": _exceptions, "events": _events,
    "plan": _plan, "targets": _targets, "moment": _moment,
}  # fmt: skip


def _map(wall: Wall, tile: Tile) -> list[Any]:
    """Map, legend and what must be said about the drawing; the graph keeps its place when it cannot be built."""
    request, place = wall.request, ("wall", wall.scene.id, tile.id)
    shown = LAST_GOOD.show(request, (wall.scene.id, tile.id), lambda: _map_parts(wall, tile))
    # the regions stand whether there is something to draw or not: so a map that comes back finds its place
    figure, legend, label = shown.content or (maps.blank(request.theme), html.P(t("wall.tile_failed", request.lang)), t("wall.map", request.lang))
    if shown.old_at_utc is not None:
        legend = [_old(wall, shown.old_at_utc), legend]
    notes = [frame.approval(request.city, request.lang), *frame.sketches(request.city, request.lang, approximate=_is_approximate(wall, tile))]
    return [
        maps.map_box(figure, request.lang, id=live_id(*place, "map"), label=label),
        html.Footer([html.Div(legend, id=live_id(*place, "legend")), html.P([html.Span(words) for words in notes], className="wall-map-notes")],
                    className="wall-map-foot map-over", **{"data-side": "bottom"}),
    ]  # fmt: skip


def _map_parts(wall: Wall, tile: Tile) -> tuple[dict[str, Any], Any, str]:
    request = wall.request
    q, city, lang = request.queries, request.city, request.lang
    metric = metric_of(wall.metrics(tile)[0])
    areas = _compared(wall, tile)
    readings = _by_area(wall, tile, metric, areas)
    level = areas[0].level if areas else "city"
    together = request.alike(readings, wall.area(tile).id, level)
    places = [city_map.Place(a.id, request.name(a), *a.centroid) for a in areas if a.centroid]
    events = q.events(city.id, limit=MAX_EVENTS) if "events" in tile.layers else []
    base = basemap.base_map(request)
    figure = city_map.map_figure(base, city.layer_of(level) or "outline", places, readings, metric, request.theme, lang,
                                 events=events, revision=f"wall-{city.id}-{wall.scene.id}", switched=_switched(base, level, tile), together=together)  # fmt: skip
    if "weak" in tile.layers:
        figure = weak.with_patches(figure, overlays.weak_url(request), request.theme)
    for dataset in DOT_LAYERS:
        if dataset in tile.layers:
            figure = maps.with_dots(figure, q.sites(city.id, dataset), request.theme)
    scale = city_map.classes(metric, together, request.theme, lang)
    unit = t(f"unit.{metric.unit}", lang) if metric.thresholds else formats.alike([city_map.largest(together)], metric.unit, metric.decimals, lang)[1]
    words = maps.title(metric, lang, unit)
    label = t("map.label", lang, city=request.name(city), metric=pick(metric.name_zh, metric.name_en, lang))
    return maps.legible(figure), maps.legend(scale, together, metric, words, lang), label


def _switched(base: map_style.BaseMap, level: str, tile: Tile) -> str:
    """The parts of the drawing that stand against their default because the tile asks for them, or does not."""
    shown = map_style.shown_groups(base, level)
    return ",".join(name for name in DRAWN_LAYERS if name in shown and shown[name] != (name in tile.layers))


def _compared(wall: Wall, tile: Tile) -> Sequence[Area]:
    """The areas a map or a ranking compares."""
    return wall.request.city.children(wall.area(tile).id, tile.level)


def _by_area(wall: Wall, tile: Tile, metric: Metric, areas: Sequence[Area]) -> list[Reading]:
    if not areas:
        return []
    return wall.request.queries.by_area(metric.id, wall.area(tile).id, overview.figure_grain(metric), level=areas[0].level)


def _is_approximate(wall: Wall, tile: Tile) -> bool:
    return any(a.level == "township" for a in _compared(wall, tile)[:1]) or "zones" in tile.layers


def _sentence(wall: Wall) -> Any:
    """The scene in one sentence, from its own figures."""
    request = wall.request
    q, city = request.queries, request.city
    shown = {name: wall.card(name, city.city_area.id) for tile in wall.scene.tiles if tile.kind in ("figures", "trend") and not tile.area for name in wall.metrics(tile)}
    if not shown:
        shown = {m.id: wall.card(m.id, city.city_area.id) for m in overview.kpi_metrics(q.metrics_for(city.id))}
    parts = sentence.parts(city.name_zh, city.name_en, {}, list(shown.values()), [], q.events(city.id, limit=MAX_EVENTS), q.sources(city.id), request.lang)
    said: list[Any] = []
    for i, clause in enumerate(parts):
        said.append(html.Span([t("sentence.joint", request.lang) if i else "", html.Span(clause.text, className=f"tone-{clause.tone}")]))
    return html.P(said, className="wall-clauses wall-fit")


def _state(wall: Wall) -> Any:
    """Simulated or not, sources that are late, data time."""
    request = wall.request
    sources = request.queries.sources(request.city.id)
    share = shell.simulated_share(sources)
    badge = "" if not share else t("live.simulated" if share >= 1 else "live.part_simulated", request.lang)
    return html.Span(
        [
            html.Span(badge, className="badge" if badge else "badge is-hidden"),
            html.Span(shell.health_words(sources, request.lang), className=shell.health_class(sources)),
            html.Span(shell.as_of(request, sources), className="as-of"),
        ],
        className="wall-facts",
    )


def _ticker(wall: Wall) -> Any:
    request = wall.request
    found = request.queries.events(request.city.id, limit=MAX_EVENTS)
    return wall_frame.foot(found, request.city.tz, request.lang, request.now_utc)


def _names(request: PageRequest) -> dict[str, str]:
    return {area.id: request.name(area) for area in request.city.areas.values()}


PAGE = Page(id="wall", pattern="/scene/{scene}", build=build)
