"""The sheet: what may be switched, what is dashed, and that nothing is fetched from elsewhere."""

import json

import pytest

from components.maps.style import BaseMap, shown_groups, style
from components.theme import THEMES
from data_pipeline.cities import load_packs

PACKS = load_packs()


def base(city, lang="zh"):
    pack = PACKS[city]
    return BaseMap(lambda layer: f"/geo/{city}/{layer}.geojson", frozenset(pack.layers), pack.bbox,
                   frozenset(n for n, x in pack.layers.items() if x.approximate), (), lang)  # fmt: skip


@pytest.mark.parametrize("city", PACKS)
@pytest.mark.parametrize("theme", THEMES)
def test_every_layer_has_its_source_and_no_address_leaves_the_server(city, theme):
    made = style(base(city), "districts", theme)
    assert all(layer.get("source", "outline") in made["sources"] for layer in made["layers"])
    assert "glyphs" not in made and "http" not in json.dumps(made)
    assert len({layer["id"] for layer in made["layers"]}) == len(made["layers"])


def test_approximate_borders_are_dashed_on_the_map_of_townships_and_as_a_group():
    for layer in ("townships", "districts"):
        line = next(x for x in style(base("420700"), layer, "dark")["layers"] if x["id"] == "township-line")
        assert line["paint"]["line-dasharray"]


def test_a_city_without_water_and_railways_offers_no_switch_for_them():
    assert not {"water", "railways", "zones"} & set(shown_groups(base("500114"), "townships"))
    assert {"water", "railways", "zones", "townships"} <= set(shown_groups(base("420700"), "districts"))


def test_the_address_turns_groups_against_their_default():
    before, after = shown_groups(base("420700"), "districts"), shown_groups(base("420700"), "districts", "water,townships")
    assert {g for g in before if before[g] != after[g]} == {"water", "townships"}


def test_an_old_lake_is_ruled_and_not_filled_like_water_of_today():
    layers = {x["id"]: x for x in style(base("420700"), "districts", "light")["layers"]}
    assert ["!=", "extent", "old"] in layers["water"]["filter"]
    assert layers["water-ruled"]["source"] == "atlas"


def test_town_names_are_in_the_language_of_the_page():
    names = [next(x for x in style(base("420700", lang), "districts", "dark")["layers"] if x["id"] == "town-name") for lang in ("zh", "en")]
    assert [n["layout"]["text-field"] for n in names] == [["get", "name_zh"], ["get", "name_en"]]


@pytest.mark.parametrize("city", load_packs())
def test_no_part_of_the_style_is_empty_for_plotly_would_draw_the_whole_map_anew(city):
    def empty(value, path=""):
        if value == {}:
            return [path]
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [found for key, part in inside for found in empty(part, f"{path}/{key}")]

    assert empty(style(base(city), "districts", "dark")) == []
