"""What stands around a map, and the lists that speak of figures without drawing them."""

from __future__ import annotations

import pytest

from components import cells, table
from components.maps import frame
from data_pipeline.cities import load_packs

PACKS = load_packs()


@pytest.mark.parametrize(
    ("source", "zh", "en"),
    [("天地图 (Tianditu) district boundaries, via PyPI", "天地图", "Tianditu"), ("OpenStreetMap, cut at the city", "OpenStreetMap", "OpenStreetMap")],
)
def test_the_source_of_a_map_is_named_in_the_language_of_the_page(source: str, zh: str, en: str) -> None:
    assert (frame.source_words(source, "zh"), frame.source_words(source, "en")) == (zh, en)


@pytest.mark.parametrize("city", sorted(PACKS))
def test_every_map_names_its_source_its_licence_and_the_missing_approval_number(city: str) -> None:
    approval, source = frame.credits(PACKS[city], "zh", "/data?show=layers")
    assert approval.children == "审图号：由部署单位填写"
    assert source.href == "/data?show=layers" and source.children.startswith("底图来源：")
    drawn = [name for name in frame.DRAWN if name in PACKS[city].layers]
    assert all(PACKS[city].layers[name].licence in source.title for name in drawn)


def test_what_a_pack_does_not_draw_is_not_called_a_sketch() -> None:
    assert frame.sketches(PACKS["500114"], "zh", approximate=True) == ["乡镇、功能区为示意边界"]  # no water, no railways
    assert len(frame.sketches(PACKS["420700"], "zh", approximate=True)) == 2


def test_an_office_without_a_name_in_the_language_stands_as_printed_and_is_marked_chinese() -> None:
    assert cells.office("市公安局", {"市公安局": "Public Security Bureau"}, "en") == "Public Security Bureau"
    unnamed = cells.office("市某局", {}, "en")
    assert unnamed.children == "市某局" and unnamed.lang == "zh-CN"
    assert cells.office("市某局", {}, "zh") == "市某局"


def test_every_cell_carries_its_heading_for_the_card_a_phone_makes_of_a_row() -> None:
    body = table.table(["甲", "乙"], [["1", None]], "zh").children.children[-1]
    found = [(td.to_plotly_json()["props"]["data-label"], td.children.children) for td in body.children[0].children]
    assert found == [("甲", "1"), ("乙", "—")]
