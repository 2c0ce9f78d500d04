"""wall.toml: what a scene may be, and that everything wrong with one is named at once."""

from __future__ import annotations

import pytest

from data_pipeline.cities import load_packs
from data_pipeline.cities.check import check_pack
from data_pipeline.cities.wall import SIZE_CLASSES, Scene, WallFile, grid_problems, wall_problems
from data_pipeline.declare import validate
from data_pipeline.errors import DeclarationError
from data_pipeline.metrics import metric, metrics

NEEDED = {"overview", "coverage", "energy", "traffic", "services", "plan"}
TILES = [{"id": "key", "kind": "figures", "metrics": ["traffic.tti"]}, {"id": "map", "kind": "map", "metrics": ["traffic.tti"]}]


def scene(**changes: object) -> dict:
    return {"id": "one", "name_zh": "一", "name_en": "One", "grid": {"standard": ["key map map"]}, "tiles": TILES, **changes}


def problems(**changes: object) -> str:
    with pytest.raises(DeclarationError) as error:
        validate(WallFile, {"scenes": [scene(**changes)]}, "wall.toml")
    return "\n".join(error.value.problems)


@pytest.mark.parametrize("city", load_packs())
def test_every_built_in_city_has_at_least_six_good_scenes(city: str) -> None:
    pack = load_packs()[city]
    wall = pack.wall()
    assert {s.id for s in wall.scenes} >= NEEDED and wall.wall_distance_m == 10
    assert not [p for p in check_pack(pack.folder) if "wall.toml" in p]
    for one in wall.scenes:
        assert set(one.grid) >= {"standard", "wide", "ultra"}, one.id
        for tile in one.tiles:
            assert all(metric(name) for name in tile.metrics)


def test_a_tile_covers_a_rectangle_and_no_other_tile() -> None:
    assert grid_problems(["a a b", "a a b"], ["a", "b"]) == []
    assert grid_problems(["a b a"], ["a", "b"]) == ["tile 'a' overlaps 'b': its cells are no rectangle"]
    assert grid_problems(["a b", "b b"], ["a", "b"]) == ["tile 'b' overlaps 'a': its cells are no rectangle"]


@pytest.mark.parametrize(("rows", "words"), [
    ([], "holds no rows"), (["a b", "a"], "rows have 2, 1 cells"), (["a mp"], "unknown tile 'mp'; did you mean 'map'?"),
    (["a " * 25], "25 × 1 cells, allowed 24 × 12"),
])  # fmt: skip
def test_a_grid_that_is_wrong_says_how(rows: list[str], words: str) -> None:
    assert words in "\n".join(grid_problems(rows, ["a", "map"]))


def test_all_problems_of_a_wall_come_in_one_list() -> None:
    said = problems(grid={"standard": ["key map", "map map"]}, tiles=[*TILES, {"id": "list", "kind": "events"}, TILES[0]])
    assert "tile 'key' is declared 2 times" in said and "tile 'map' overlaps 'key'" in said and "tile 'list' stands in no grid" in said
    assert "missing" not in said


@pytest.mark.parametrize(("changes", "words"), [
    ({"dwel_s": 30}, "unknown key 'scenes.0.dwel_s'; did you mean 'dwell_s'?"),
    ({"tiles": [{**TILES[0], "metric": ["traffic.tti"]}, TILES[1]]}, "did you mean 'metrics'?"),
    ({"grid": {"wide": ["key map"]}}, "grid has no 'standard'"),
    ({"tiles": [{**TILES[0], "layers": ["zones"]}, TILES[1]]}, "only a map takes layers"),
    ({"tiles": [{"id": "key", "kind": "events", "metrics": ["traffic.tti"]}, TILES[1]]}, "takes no metrics"),
    ({"dwell_s": 2}, "dwell_s"),
])  # fmt: skip
def test_what_a_scene_may_not_be_is_named(changes: dict, words: str) -> None:
    assert words in problems(**changes)


MOMENT = {"id": "hour", "kind": "moment"}


@pytest.mark.parametrize(("changes", "words"), [
    ({"replay_hours": 24, "dwell_s": 60}, "replay_hours needs one tile of kind 'moment', there are 0"),
    ({"grid": {"standard": ["key map hour"]}, "tiles": [*TILES, MOMENT]}, "tile 'hour': kind 'moment' stands in scenes with replay_hours only"),
    ({"replay_hours": 24, "dwell_s": 60, "grid": {"standard": ["key map hour"], "wide": ["key map map"]}, "tiles": [MOMENT, *TILES]}, "grid 'wide': tile 'hour' of kind 'moment' is missing"),
    ({"replay_hours": 24, "dwell_s": 60, "grid": {"standard": ["key map hour"]}, "tiles": [*TILES, MOMENT]}, "must be one of the first two, which small screens show"),
    ({"replay_hours": 24, "dwell_s": 29, "grid": {"standard": ["hour key map"]}, "tiles": [MOMENT, *TILES]}, "dwell_s 29 is too short for 24 hours, at least 30"),
    ({"replay_hours": 32}, "replay_hours"),
    ({"replay_hour": 24}, "did you mean 'replay_hours'?"),
])  # fmt: skip
def test_a_scene_that_plays_the_past_says_so_on_every_screen_and_gives_each_hour_its_time(changes: dict, words: str) -> None:
    assert words in problems(**changes)


@pytest.mark.parametrize("city", load_packs())
def test_every_built_in_city_plays_its_last_24_hours(city: str) -> None:
    played = [s for s in load_packs()[city].wall().scenes if s.replay_hours]
    assert [(s.replay_hours, s.hour_ms) for s in played] == [(24, 3000)]  # 78 s less the 6 s of the last hour, by 24


def test_a_figure_the_city_has_not_is_named_with_the_one_that_may_be_meant() -> None:
    wall = WallFile.model_validate({"scenes": [scene(tiles=[{**TILES[0], "metrics": ["trafic.tti", "energy.load_mw"]}, {**TILES[1], "area": "420799", "level": "zone"}])]})
    found = "\n".join(wall_problems(wall, ["traffic.tti"], metrics(), {"420700": "city", "420702": "district"}))
    assert "unknown metric 'trafic.tti'; did you mean 'traffic.tti'?" in found
    assert "the city has no source for metric 'energy.load_mw'" in found
    assert "unknown area '420799'" in found and "no areas of level 'zone', it has city, district" in found


def test_a_size_class_without_a_grid_takes_the_next_smaller_one() -> None:
    one = Scene.model_validate(scene(grid={"standard": ["key map map"], "wide": ["key map map map"]}))
    assert one.rows("ultra") == one.rows("wide") == (("key", "map", "map", "map"),)
    assert one.rows("compact") == (("key",), ("map",))
    assert all(one.rows(size) for size in SIZE_CLASSES)
