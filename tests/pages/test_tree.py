"""What of a page stays Dash's, and what is sent as one piece."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from dash import dcc, html
from views import make, nodes, page, unfolded, words

from components.svg import Svg
from pages.serving.tree import folded, to_bytes, updates

PATHS = ["/", "/district/420704", "/domain/traffic", "/plan", "/data", "/events", "/scene/overview", "/site/420704001-0", "/compare"]


def components(node: Any) -> int:
    """Components that Dash holds one by one."""
    if isinstance(node, list):
        return sum(components(one) for one in node)
    if not isinstance(node, dict):
        return 0
    return 1 + components(node["props"].get("children"))


def test_what_never_changes_by_itself_is_one_tree() -> None:
    tree = folded(html.Div([html.B("a"), html.P(["b", Svg(parts=[("path", {"d": "M0 0"})])])], className="x"))
    assert tree["type"] == "Tree" and tree["props"]["node"]["props"]["className"] == "x"
    assert unfolded(tree)["props"]["children"][1]["props"]["children"][1]["type"] == "Svg"


def test_a_live_region_and_a_graph_stay_their_own_with_what_is_around_them() -> None:
    tree = folded(html.Div([html.I("1"), html.I("2"), html.P([html.B("old")], id="v-figure"), html.Section(dcc.Graph(id="map")), "text", html.I("3")]))
    assert [child["type"] for child in tree["props"]["children"]] == ["Tree", "P", "Section", "Tree"]
    assert words(tree) == "1 2 old  text 3"
    assert list(updates(tree)) == ["v-figure"] and updates(tree)["v-figure"]["children"]["type"] == "Tree"


def test_text_alone_and_nothing_at_all_need_no_tree() -> None:
    live = html.P("12", id="v-number")
    assert folded(live)["props"]["children"] == "12" and folded(None) is None
    assert folded(html.Hr(id="v-line"))["props"].get("children") is None


def test_a_figure_in_a_tree_of_numbers_is_json() -> None:
    assert orjson.loads(to_bytes(folded(html.Td(3.5, colSpan=2))))["props"]["node"]["props"] == {"children": 3.5, "colSpan": 2}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_leaves_dash_a_small_part_of_its_components(path: str) -> None:
    views = make()
    built = orjson.loads(views.page(path, "", ""))
    whole = sum(1 for _ in nodes(page(views, path)["tree"]))
    assert components(built["tree"]) <= max(whole / 3, 40)


@pytest.mark.parametrize("path", PATHS)
def test_the_regions_of_a_page_are_those_of_its_tree(path: str) -> None:
    view = page(make(), path)
    told = {props["id"] for props in nodes(view["tree"]) if str(props.get("id", "")).startswith("v-")}
    inside = {props["id"] for own in view["updates"].values() for props in nodes(own.get("children")) if "figure" in props}
    assert told == set(view["updates"]) | inside
