"""A page's tree of components as the browser takes it.

Dash holds every component of a page by itself, and each costs at every change of any of them. So only what changes by
itself stays Dash's: live regions (`components.ids.live_id`) and graphs, with what is around them. All the rest is sent
as `Tree` (`assets/tree.js`), whole subtrees that React draws as they are; that makes some thirty components of a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from dash.development.base_component import Component

from components.ids import LIVE

OURS = "city_brain"
GRAPHS = "dash_core_components"


def folded(tree: Any) -> Any:
    """The tree as JSON values, subtrees without a live region or a graph as one `Tree` each."""
    value, is_plain = _json(tree)
    return _as_tree(value) if is_plain else value


def updates(tree: Any) -> dict[str, dict[str, Any]]:
    """Properties of every live region of a folded tree, by id (nested live regions are not allowed)."""
    return {props["id"]: {k: v for k, v in props.items() if k != "id"} for props in _live(tree)}


def to_bytes(value: Any) -> bytes:
    """JSON of folded trees and plain values."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _json(node: Any) -> tuple[Any, bool]:
    """A node as JSON values, and whether it holds neither a live region nor a graph."""
    if isinstance(node, (list, tuple)):
        found = [_json(one) for one in node]
        if all(is_plain for _, is_plain in found):
            return [value for value, _ in found], True
        return _grouped(found), False
    if not isinstance(node, Component):
        return node, True
    own = node.to_plotly_json()
    props = dict(own["props"])
    is_plain = not _is_live(props.get("id")) and own["namespace"] != GRAPHS
    if "children" in props:
        children, all_plain = _json(props["children"])
        props["children"] = _as_tree(children) if all_plain and not is_plain else children
        is_plain = is_plain and all_plain
    return {"type": own["type"], "namespace": own["namespace"], "props": props}, is_plain


def _grouped(found: list[tuple[Any, bool]]) -> list[Any]:
    """Children of a node that stays Dash's: plain ones in a row as one."""
    grouped: list[Any] = []
    row: list[Any] = []
    for value, is_plain in [*found, (None, False)]:
        if is_plain:
            row.append(value)
            continue
        if row:
            grouped.append(_as_tree(row))
            row = []
        grouped.append(value)
    return grouped[:-1]


def _as_tree(node: Any) -> Any:
    """A plain node (a list of them) for a parent that is Dash's; text stays text."""
    if not isinstance(node, (list, dict)):
        return node
    return {"type": "Tree", "namespace": OURS, "props": {"node": node}}


def _is_live(id: Any) -> bool:
    return isinstance(id, str) and id.startswith(LIVE)


def _live(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for one in node:
            yield from _live(one)
    elif isinstance(node, dict):
        props = node["props"]
        if _is_live(props.get("id")):
            yield props
        else:
            yield from _live(props.get("children"))
