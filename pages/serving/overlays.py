"""`GET /geo/<city>/over/<name>.geojson` — shapes that lie over a figure, fetched once: road sections, H3 cells, weak coverage, areas.

And what a page needs to put the road sections on its map.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from dash import html
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from components import formats
from components.i18n import Lang, t
from components.maps import overlays
from components.maps.style import ROADS_GROUP
from data_pipeline.cities import Pack
from data_pipeline.cities.model import LEVELS
from data_pipeline.metrics import Metric, metric
from data_pipeline.queries.types import RoadState
from pages import PageRequest
from pages.serving.answer import cached

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

MAX_AGE_S = 300
MANY_DOTS = 600
ROAD_METRIC = "traffic.delay_share"  # its classes are the states of a section
ROAD_DOMAIN = "traffic"


def road_states(request: PageRequest, chosen: Metric | None, *, always: bool = False) -> list[RoadState]:
    """The sections a map of this figure carries: those of the city where the figure is about traffic; else none."""
    if chosen is None or not (always or chosen.domain == ROAD_DOMAIN):
        return []
    return request.queries.road_states(request.city.id)


def groups(states: list[RoadState]) -> tuple[str, ...]:
    """The groups beyond the base map's that a map with these sections has."""
    return (ROADS_GROUP,) if states else ()


def with_roads(request: PageRequest, figure: dict[str, Any], states: list[RoadState]) -> dict[str, Any]:
    """The figure with the sections by state; the same figure where there are none."""
    if not states:
        return figure
    return overlays.with_roads(figure, f"/geo/{request.city.id}/over/roads.geojson", states, metric(ROAD_METRIC), request.theme, request.lang)


def road_legend(request: PageRequest, figure: dict[str, Any], states: list[RoadState], *, id: str) -> html.Div:
    """The legend of the sections, with the time of their speeds; empty where the map has none."""
    if not states:
        return html.Div(id=id)
    lang, tz = request.lang, request.city.tz
    newest = max((s.at_utc for s in states if s.at_utc is not None), default=None)
    late = next((s.late_s for s in request.queries.sources(request.city.id) if s.dataset == "road_speeds"), None)
    words = t("state.no_data", lang)
    if newest is not None:
        time = formats.moment(newest, tz, lang, request.now_utc)
        words = t("state.stale", lang, time=time, age=formats.age(late, lang)) if late else t("live.as_of", lang, time=time)
    hidden = not figure["layout"]["meta"]["shown"].get(ROADS_GROUP, True)
    return overlays.road_legend(states, metric(ROAD_METRIC), lang, words, id=id, hidden=hidden)


def weak_url(request: PageRequest) -> str:
    """The address of the weak patches; it changes with them, so that a browser that holds older ones asks again."""
    sizes = [(p.number, p.area_km2) for p in request.queries.weak_patches(request.city.id)]
    return f"/geo/{request.city.id}/over/weak.geojson?v={zlib.crc32(repr(sizes).encode()):08x}"


def tiles_url(request: PageRequest, layer: str, area: str = "") -> str:
    """The address of a register's dots as vector tiles; of one area's where one is given."""
    return f"/tiles/{request.city.id}/{layer}/{{z}}/{{x}}/{{y}}.mvt" + (f"?area={quote(area)}" if area else "")


def site_url(request: PageRequest) -> str:
    """The address of a place's page, with `{id}` for the place."""
    return request.href("/site/{id}", city=request.city.id).replace("%7Bid%7D", "{id}")


def dots_note(n: int, lang: Lang) -> list[str]:
    """That one dot may stand for several places, where there are many."""
    return [t("map.dots_grouped", lang, n=formats.number(n, 0))] if n > MANY_DOTS else []


def make_overlays_router(queries: Queries, packs: Mapping[str, Pack]) -> APIRouter:
    """The route of the shapes."""
    router = APIRouter(include_in_schema=False)
    made: dict[str, Callable[[str], dict[str, Any]]] = {
        "roads": queries.road_sections_geojson,
        "cells": queries.cells_geojson,
        "weak": queries.weak_patches_geojson,
        **{f"areas-{level}": partial(queries.areas_geojson, level=level) for level in LEVELS},
    }

    @router.get("/geo/{city}/over/{name}.geojson")
    async def overlay(request: Request, city: str, name: str) -> Response:
        if city not in packs or name not in made:
            return Response(orjson.dumps({"message": f"no shapes {name!r} in city {city!r}; there are {', '.join(made)}"}), 404,
                            media_type="application/json")  # fmt: skip
        body = await run_in_threadpool(lambda: orjson.dumps(made[name](city)))
        return cached(request, body, media_type="application/geo+json", max_age_s=MAX_AGE_S)

    return router
