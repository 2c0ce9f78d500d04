"""What a city's wall shows: `wall.toml`, scene by scene, tile by tile.

A scene names its tiles and draws, for each size class of screens, which tile stands where: rows of
tile names, the same name over every cell a tile covers. So two tiles can never lie on one another, a
cell can never be empty, and a scene is read as it will be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from pydantic import Field, model_validator

from data_pipeline.cities.model import Level
from data_pipeline.declare import Declared
from data_pipeline.errors import did_you_mean

# by how many characters of the least size stand side by side on the screen (pages/wall, assets/wall.css)
SizeClass = Literal["compact", "standard", "wide", "ultra"]
SIZE_CLASSES: tuple[SizeClass, ...] = get_args(SizeClass)
Kind = Literal["figures", "map", "ranking", "trend", "exceptions", "events", "plan", "targets", "moment"]
# kinds that show declared figures; of the others none is asked for
WITH_METRICS: frozenset[Kind] = frozenset({"figures", "map", "ranking", "trend"})
# what a map can show over its figure
MapLayer = Literal["events", "zones", "townships", "towns", "weak", "charging_stations", "car_parks", "monitoring_stations"]
# of these: parts of the drawing that stand only where a tile asks for them, and registers whose sites are drawn as dots
DRAWN_LAYERS: tuple[MapLayer, ...] = ("zones", "townships", "towns")
DOT_LAYERS: tuple[MapLayer, ...] = ("charging_stations", "car_parks", "monitoring_stations")
NAME = r"^[a-z][a-z0-9_]*$"
MOST_COLUMNS, MOST_ROWS = 24, 12
# a scene that plays the past: at most so many hours, none shown for less than a second, its last one held before the scene goes on
MOST_HOURS, LEAST_HOUR_S, HELD_S = 31, 1, 6


class Tile(Declared):
    """One part of a scene.

    `metrics`: what it tells, in order; empty: the city's headline figures. `area`: id of the area it
    tells of, empty the whole city. `level`: the areas a map or a ranking compares, empty the parts of
    `area`. `layers`: what a map shows over its figure. `title_*`: heading; empty: the figure's own name.
    """

    id: str = Field(pattern=NAME)
    kind: Kind
    title_zh: str = ""
    title_en: str = ""
    metrics: tuple[str, ...] = ()
    area: str = ""
    level: Level | None = None
    layers: tuple[MapLayer, ...] = ()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Tile:
        wrong = []
        if self.metrics and self.kind not in WITH_METRICS:
            wrong.append(f"tile {self.id!r}: kind {self.kind!r} takes no metrics")
        if self.layers and self.kind != "map":
            wrong.append(f"tile {self.id!r}: only a map takes layers, this is {self.kind!r}")
        if self.level and self.kind not in ("map", "ranking"):
            wrong.append(f"tile {self.id!r}: only a map or a ranking takes a level, this is {self.kind!r}")
        if bool(self.title_zh) != bool(self.title_en):
            wrong.append(f"tile {self.id!r}: title_zh and title_en go together")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class Scene(Declared):
    """One arrangement of the wall, shown for `dwell_s` seconds. `grid`: size class → rows of tile names.

    `replay_hours`: the scene plays so many of the newest hours in that time, one after the other; its tile of kind
    `moment` says which hour is shown. Without it the scene shows the present.

    Without a `wide` grid a wide screen takes `standard`; without `compact` a screen of few large
    characters takes the first two tiles, one above the other.
    """

    id: str = Field(pattern=NAME)
    name_zh: str
    name_en: str
    dwell_s: int = Field(default=60, ge=5, le=86400)
    replay_hours: int | None = Field(default=None, ge=2, le=MOST_HOURS)
    grid: dict[SizeClass, tuple[str, ...]]
    tiles: tuple[Tile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _grids_are_whole(self) -> Scene:
        wrong = [f"tile {name!r} is declared {n} times" for name, n in Counter(t.id for t in self.tiles).items() if n > 1]
        if "standard" not in self.grid:
            wrong.append("grid has no 'standard'")
        for size, rows in self.grid.items():
            wrong += [f"grid {size!r}: {problem}" for problem in grid_problems(rows, [t.id for t in self.tiles])]
        shown = {name for rows in self.grid.values() for row in rows for name in row.split()}
        wrong += [f"tile {t.id!r} stands in no grid" for t in self.tiles if t.id not in shown]
        wrong += self._replay_problems()
        if wrong:
            raise ValueError("; ".join(f"scene {self.id!r}: {problem}" for problem in wrong))
        return self

    def _replay_problems(self) -> list[str]:
        """Nobody may take the past for now: a scene that plays says on every screen which hour it shows, and for long enough to be read."""
        moments = [t.id for t in self.tiles if t.kind == "moment"]
        if self.replay_hours is None:
            return [f"tile {name!r}: kind 'moment' stands in scenes with replay_hours only" for name in moments]
        if len(moments) != 1:
            return [f"replay_hours needs one tile of kind 'moment', there are {len(moments)}"]
        wrong = [f"grid {size!r}: tile {moments[0]!r} of kind 'moment' is missing" for size, rows in self.grid.items()
                 if moments[0] not in " ".join(rows).split()]  # fmt: skip
        if "compact" not in self.grid and moments[0] not in [t.id for t in self.tiles[:2]]:
            wrong.append(f"tile {moments[0]!r} of kind 'moment' must be one of the first two, which small screens show")
        if self.hour_ms < LEAST_HOUR_S * 1000:
            wrong.append(f"dwell_s {self.dwell_s} is too short for {self.replay_hours} hours, at least {self.replay_hours * LEAST_HOUR_S + HELD_S}")
        return wrong

    @property
    def hour_ms(self) -> int:
        """How long each hour of a replay is shown, in milliseconds; 0 for a scene of the present."""
        return (self.dwell_s - HELD_S) * 1000 // self.replay_hours if self.replay_hours else 0

    def rows(self, size: SizeClass) -> tuple[tuple[str, ...], ...]:
        """The grid of a size class as tile names by row and column."""
        if size == "compact" and "compact" not in self.grid:
            first = [tile.id for tile in self.tiles[:2]]
            return tuple((name,) for name in first)
        order: dict[SizeClass, tuple[SizeClass, ...]] = {
            "compact": ("compact",), "standard": ("standard",), "wide": ("wide", "standard"), "ultra": ("ultra", "wide", "standard"),
        }  # fmt: skip
        taken = next(name for name in order[size] if name in self.grid)
        return tuple(tuple(row.split()) for row in self.grid[taken])

    def tile(self, name: str) -> Tile:
        """A tile by its id; `KeyError` where there is none."""
        return {tile.id: tile for tile in self.tiles}[name]


class WallFile(Declared):
    """wall.toml: the scenes of a city's wall, in order, and how far away its viewers stand.

    `wall_distance_m`: metres between eyes and wall. `wall_pitch_mm`: millimetres from pixel to pixel;
    None: the wall is taken to be 5.6 m high.
    """

    wall_distance_m: float = Field(default=10, gt=0, le=200)
    wall_pitch_mm: float | None = Field(default=None, gt=0, le=50)
    scenes: tuple[Scene, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> WallFile:
        twice = [name for name, n in Counter(s.id for s in self.scenes).items() if n > 1]
        if twice:
            raise ValueError("; ".join(f"scene {name!r} is declared more than once" for name in twice))
        return self


def grid_problems(rows: Sequence[str], tiles: Collection[str]) -> list[str]:
    """What is wrong with a drawn grid: rows of unequal length, unknown names, tiles that are no rectangle."""
    cells = [row.split() for row in rows]
    if not cells or not cells[0]:
        return ["holds no rows"]
    if len({len(row) for row in cells}) > 1:
        return [f"rows have {', '.join(str(len(row)) for row in cells)} cells; every row needs as many"]
    if len(cells) > MOST_ROWS or len(cells[0]) > MOST_COLUMNS:
        return [f"{len(cells[0])} × {len(cells)} cells, allowed {MOST_COLUMNS} × {MOST_ROWS}"]
    found: dict[str, list[tuple[int, int]]] = {}
    for y, row in enumerate(cells):
        for x, name in enumerate(row):
            found.setdefault(name, []).append((x, y))
    problems = [f"unknown tile {name!r}{_hint(name, tiles)}" for name in found if name not in tiles]
    for name, places in found.items():
        xs, ys = {x for x, _ in places}, {y for _, y in places}
        box = [(x, y) for y in range(min(ys), max(ys) + 1) for x in range(min(xs), max(xs) + 1)]
        others = sorted({cells[y][x] for x, y in box} - {name})
        if others:
            problems.append(f"tile {name!r} overlaps {', '.join(map(repr, others))}: its cells are no rectangle")
    return problems


def wall_problems(wall: WallFile, metrics: Collection[str], known: Collection[str], areas: Mapping[str, Level]) -> list[str]:
    """What a wall names that its city does not have.

    Parameters
    ----------
    metrics : ids of figures the city has
    known : ids of all declared figures
    areas : area id → level
    """
    problems = []
    levels = set(areas.values())
    for scene in wall.scenes:
        for tile in scene.tiles:
            where = f"scene {scene.id!r}, tile {tile.id!r}"
            for name in tile.metrics:
                if name not in known:
                    problems.append(f"{where}: unknown metric {name!r}{_hint(name, known)}")
                elif name not in metrics:
                    problems.append(f"{where}: the city has no source for metric {name!r}; take another or declare the source")
            if tile.area and tile.area not in areas:
                problems.append(f"{where}: unknown area {tile.area!r}{_hint(tile.area, areas)}")
            if tile.level and tile.level not in levels:
                allowed = ", ".join(sorted(levels))
                problems.append(f"{where}: the city has no areas of level {tile.level!r}, it has {allowed}")
    return problems


def _hint(name: str, known: Collection[str]) -> str:
    near = did_you_mean(name, known)
    return f"; did you mean {near[0]!r}?" if near else ""
