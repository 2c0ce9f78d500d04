"""`GET /view/search?q=&path=&search=` — the search of the header: found things in groups, with the address of each."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from components.i18n import pick, t
from components.ledger import printed
from data_pipeline.domains import group_of
from data_pipeline.errors import CityBrainError
from data_pipeline.metrics import metric
from data_pipeline.queries.search import KINDS, Hit
from pages import PageRequest
from pages.area import dataset_name
from pages.serving.live import Views

SHOWN = 6


def make_search_router(views: Views) -> APIRouter:
    """The route of this module: JSON `{"groups": [{"name", "hits": [{"name", "note", "href"}]}]}`.

    `path` and `search` are those of the page that asks: they give city, language and theme.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/view/search")
    async def search(q: str = "", path: str = "/", search: str = "") -> Response:
        try:
            body = await run_in_threadpool(lambda: found(views.request(path, search)[0], q))
        except CityBrainError as error:
            return Response(orjson.dumps({"message": error.message}), 400, media_type="application/json")
        return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "private, no-cache"})

    return router


def found(request: PageRequest, query: str) -> dict[str, Any]:
    """What a query finds in the city of the page, grouped by kind; kinds without a hit are left out."""
    hits = request.queries.search(request.city.id, query, SHOWN)
    groups = [(kind, [_line(request, hit) for hit in hits if hit.kind == kind]) for kind in KINDS]
    return {"groups": [{"name": t(f"search.kind_{kind}", request.lang), "hits": lines} for kind, lines in groups if lines]}


def _line(request: PageRequest, hit: Hit) -> dict[str, str]:
    return {"name": pick(hit.name_zh, hit.name_en, request.lang) or hit.id, "note": _note(request, hit), "href": href_of(request, hit)}


def href_of(request: PageRequest, hit: Hit) -> str:
    """The page of a hit: an area's, a site's, a target's; a metric's domain with it on the map, else its manual entry."""
    city = request.city.id
    if hit.kind == "area":
        return request.area_href(hit.id)
    if hit.kind == "site":
        return request.href(f"/site/{hit.id}", city=city)
    if hit.kind == "target":
        return request.href(f"/plan/target/{hit.id}", city=city)
    group = group_of(metric(hit.id))
    return request.href(f"/domain/{group.id}", city=city, metric=hit.id) if group else request.href(f"/manual/{hit.id}", city=city)


def _note(request: PageRequest, hit: Hit) -> str:
    """What it is and where: level and parent, domain, dataset and township."""
    lang, parts = request.lang, []
    if hit.kind == "area":
        parts = [t(f"level.{hit.group}", lang), hit.id]
    elif hit.kind == "metric":
        parts = [printed.domain_words(hit.group, lang)]
    elif hit.kind == "site":
        parts = [dataset_name(request, hit.group)]
    if hit.area and request.city.has_area(hit.area) and hit.area != request.city.city_area.id:
        parts.append(request.name(request.city.area(hit.area)))
    return " · ".join(parts)
