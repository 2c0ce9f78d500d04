"""`GET /tiles/<city>/<layer>/<z>/<x>/<y>.mvt[?area=…]` — the places of a register, or those in one area, as vector tiles.

`layer` as in a domain page's address.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from numpy.typing import NDArray

from data_pipeline.cities import Pack
from data_pipeline.contracts import contract
from data_pipeline.domains import domains, kind_column
from data_pipeline.errors import UnknownId
from data_pipeline.queries.types import Site
from geo.mvt import encode_points, mercator, tile_points
from pages.serving.answer import cached

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

KEPT, MOST_ZOOM, MAX_AGE_S = 24, 22, 300


@dataclass(frozen=True)
class _Points:
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sites: Sequence[Site]


class Tiles:
    """Points of the registers in Mercator, made once for each list of sites."""

    def __init__(self, queries: Queries, packs: Mapping[str, Pack]) -> None:
        self.queries, self.packs = queries, packs
        self._kept: OrderedDict[tuple[str, str, str], tuple[Sequence[Site], _Points]] = OrderedDict()
        self._guard = Lock()

    def tile(self, city: str, layer: str, z: int, x: int, y: int, area: str = "") -> bytes:
        """One tile; empty where nothing lies in it. `UnknownId` for a city, register or area that does not exist."""
        points = self._points(city, layer, area)
        index, counts, places = tile_points(points.x, points.y, (z, x, y))
        own = [points.sites[i] for i in index]
        return encode_points("sites", places, {"id": [s.site_id for s in own], "name": [s.name for s in own],
                                               "name_en": [s.name_en or s.name for s in own], "n": counts.tolist()})  # fmt: skip

    def _points(self, city: str, layer: str, area: str) -> _Points:
        if city not in self.packs:
            raise UnknownId("city", city, self.packs)
        dataset, _, _ = layer.partition(".")
        contract(dataset)
        every = self.queries.sites(city, dataset)
        with self._guard:
            known = self._kept.get((city, layer, area))
            if known is None or known[0] is not every:
                inside = self.queries.sites(city, dataset, area=area) if area else every
                own = [s for s in inside if s.lon is not None and s.lat is not None and _is_of(s, layer)]
                lon, lat = (np.array([getattr(s, c) for s in own], dtype=np.float64) for c in ("lon", "lat"))
                known = self._kept[city, layer, area] = (every, _Points(*mercator(lon, lat), own))
            self._kept.move_to_end((city, layer, area))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return known[1]


def _is_of(site: Site, layer: str) -> bool:
    kinds = next((s.kinds for g in domains().values() for s in g.sites if s.id == layer), ())
    return not kinds or site.attributes.get(kind_column(site.dataset)) in kinds


def make_tiles_router(queries: Queries, packs: Mapping[str, Pack]) -> APIRouter:
    """The route of the tiles."""
    router, tiles = APIRouter(include_in_schema=False), Tiles(queries, packs)

    @router.get("/tiles/{city}/{layer}/{z}/{x}/{y}.mvt")
    async def tile(request: Request, city: str, layer: str, z: int, x: int, y: int, area: str = "") -> Response:
        if not 0 <= z <= MOST_ZOOM or not (0 <= x < 2**z and 0 <= y < 2**z):
            return Response(orjson.dumps({"message": f"no tile {z}/{x}/{y}"}), 404, media_type="application/json")
        try:
            body = await run_in_threadpool(tiles.tile, city, layer, z, x, y, area)
        except UnknownId as error:
            return Response(orjson.dumps({"message": error.message}), 404, media_type="application/json")
        return cached(request, body, media_type="application/vnd.mapbox-vector-tile", max_age_s=MAX_AGE_S)

    return router
