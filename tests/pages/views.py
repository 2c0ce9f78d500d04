"""Built pages as text and addresses, for tests of what a page says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from fake_store import FakeStore

from data_pipeline.home import Home
from pages import discover
from pages.serving.live import Views


def make(queries: FakeStore | None = None, home: Home | None = None) -> Views:
    """Views over a stand-in store."""
    queries = queries or FakeStore()
    if home is not None:
        queries.home = home
    return Views(queries, queries.packs, discover(), "420700", now=lambda: queries.clock)


def page(views: Views, path: str, search: str = "") -> dict[str, Any]:
    """A page as the browser gets it, with nothing folded."""
    return unfolded(orjson.loads(views.page(path, search, "")))


def unfolded(value: Any) -> Any:
    """JSON of a page with every `Tree` replaced by what it stands for."""
    if isinstance(value, list):
        found: list[Any] = []
        for one in value:
            whole = unfolded(one)
            found += whole if is_tree(one) and isinstance(whole, list) else [whole]
        return found
    if not isinstance(value, dict):
        return value
    if is_tree(value):
        return unfolded(value["props"]["node"])
    return {key: one if key == "figure" else unfolded(one) for key, one in value.items()}


def is_tree(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "Tree" and "props" in value


def inside(node: dict[str, Any]) -> Any:
    """What a component, or the properties of one, holds."""
    props = node.get("props", node)
    return props["node"] if is_tree(node) else props.get("children")


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every component of a tree, as properties."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes(item)
    elif isinstance(tree, dict):
        if "props" in tree:
            yield tree["props"]
        yield from nodes(inside(tree))


def words(tree: Any) -> str:
    """All text of a tree."""
    if isinstance(tree, list):
        return " ".join(words(item) for item in tree)
    if isinstance(tree, dict):
        return words(inside(tree))
    return "" if tree is None else str(tree)


def links(tree: Any) -> dict[str, str]:
    """Text of every link → its address (the first of equal texts)."""
    found: dict[str, str] = {}
    for props in nodes(tree):
        if "href" in props:
            found.setdefault(words(props.get("children")), props["href"])
    return found


def region(tree: Any, id: str) -> dict[str, Any]:
    """Properties of the component with an id."""
    return next(props for props in nodes(tree) if props.get("id") == id)
