"""Views as bytes, once per snapshot and address; the announcement of snapshots; geometry by URL.

======================  =========================================================================
`GET /view`             one page: `{key, title, tree?, updates, …}`; `have=<key>` leaves the tree out
`GET /view/frames`      many past moments of a page in one answer (`pages.serving.replay`)
`GET /view/figure`      the provenance drawer of one figure (`figure=<figure_key>`)
`GET /live/poll`        `{"snapshot": id}` with ETag, for browsers whose proxy blocks WebSockets
`WS  /live`             the same text at once and at every new snapshot
`GET /geo/<city>/…`     layers of the packs
======================  =========================================================================

Freshness changes without a new snapshot, so the half minute is part of every view's key as well: with the browser's
own step of 25 s (`assets/app.js`) a figure is told to be late within a minute of becoming so.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import parse_qsl, quote

import orjson
from fastapi import APIRouter, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool

from components import drawer
from components.i18n import DEFAULT_LANG, Lang, is_lang, pick, t
from components.ids import figure_key, parse_figure_key
from components.refusal import error_words
from components.states import empty
from components.theme import DEFAULT_THEME, THEMES, Theme
from data_pipeline.cities import Pack
from data_pipeline.errors import CityBrainError, UnknownId, UsageError
from data_pipeline.queries.types import Snapshot
from data_pipeline.times import iso_local, now_utc, parse_time
from pages import Page, PageRequest, View, find, overview
from pages.plan import figure as plan_figure
from pages.serving import download, replay, shell
from pages.serving.answer import cached
from pages.serving.tree import folded, to_bytes, updates

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

CACHED_VIEWS = 256
CACHED_BYTES = 16_000_000  # some fifty pages; those of the half minutes before are never asked for again
GEO_MAX_AGE_S = 86400
FRESH_S = 30


@dataclass(frozen=True)
class Built:
    """One page as the browser takes it: whole, and without its tree for who has a structure of that key."""

    key: str
    whole: bytes
    without_tree: bytes

    def __len__(self) -> int:
        return len(self.whole) + len(self.without_tree)

    def for_who_has(self, key: str) -> bytes:
        """What a browser needs that shows the structure `key` already."""
        return self.without_tree if key == self.key else self.whole


Kept = TypeVar("Kept", bound=Sized)


class ViewCache:
    """What was built by key, least recently used out first; one build at a time for each key."""

    def __init__(self, size: int = CACHED_VIEWS, most_bytes: int = CACHED_BYTES) -> None:
        self._done: OrderedDict[tuple, Any] = OrderedDict()
        self._building: dict[tuple, asyncio.Future[Any]] = {}
        self._size, self._most_bytes, self._bytes = size, most_bytes, 0
        self.built = 0

    async def get(self, key: tuple, build: Callable[[], Kept]) -> Kept:
        """What `key` stands for, with its length in bytes; built in a worker thread by the first who asks, awaited by the others."""
        if key in self._done:
            self._done.move_to_end(key)
            return self._done[key]
        if key in self._building:
            return await asyncio.shield(self._building[key])
        future: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._building[key] = future
        try:
            body = await run_in_threadpool(build)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # mark as seen: there may be nobody else waiting
            raise
        else:
            self.built += 1
            self._done[key] = body
            self._bytes += len(body)
            while len(self._done) > self._size or (self._bytes > self._most_bytes and len(self._done) > 1):
                self._bytes -= len(self._done.popitem(last=False)[1])
            future.set_result(body)
            return body
        finally:
            del self._building[key]


class Announcer:
    """Tells every open WebSocket the newest snapshot; fed from the follower's thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    def announce(self, snapshot: Snapshot) -> None:
        """Called by the queries in their own thread at every new snapshot."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def serve(self, socket: WebSocket, text: Callable[[], str]) -> None:
        """Keep one socket told until it closes; sends at once, then at each change of `text`."""
        self._loop = asyncio.get_running_loop()
        await socket.accept()
        event = asyncio.Event()
        self._waiting.add(event)
        closed = asyncio.create_task(_until_closed(socket))
        sent = ""
        try:
            while not closed.done():
                event.clear()
                if text() != sent:
                    sent = text()
                    await socket.send_text(sent)
                waiter = asyncio.create_task(event.wait())
                # the time-out sends nothing; it only looks again should an announcement have been missed
                await asyncio.wait({waiter, closed}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
        except (WebSocketDisconnect, RuntimeError):
            return  # the browser left while we were sending
        finally:
            self._waiting.discard(event)
            closed.cancel()


async def _until_closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


class Views:
    """Builds what an address shows, from queries and pages."""

    def __init__(self, queries: Queries, packs: Mapping[str, Pack], pages: Sequence[Page], default_city: str,
                 now: Callable[[], datetime] = now_utc) -> None:  # fmt: skip
        self.queries, self.packs, self.pages, self.default_city, self.now = queries, packs, pages, default_city, now
        self.cache, self.doors = ViewCache(), replay.Doors(queries)
        self._warm: set[str] = set()

    def snapshot_id(self) -> int:
        """Newest snapshot's id; 0 for an empty store."""
        snapshot = self.queries.snapshot()
        return snapshot.id if snapshot else 0

    def live_text(self) -> str:
        """What `/live` and `/live/poll` say."""
        return orjson.dumps({"snapshot": self.snapshot_id()}).decode()

    def key(self, *parts: str) -> tuple:
        """Cache key of an address now: snapshot, half minute, parts, its search the last; the clock does not move the past."""
        clock = -1 if replay.is_past(parts[-1]) else int(self.now().timestamp() // FRESH_S)
        return (self.snapshot_id(), clock, *parts)

    def request(self, path: str, search: str) -> tuple[PageRequest, Page | None]:
        """The request an address stands for, and its page (None: there is no such page)."""
        params = {k: v for k, v in parse_qsl(search.lstrip("?"))}
        try:
            page, args = find(self.pages, path)
        except UnknownId:
            page, args = None, {}
        lang, theme = shown_in(params)
        city, now = self._city(args, params), self.now()
        past = replay.rewound(params, city, now)
        # the span is the player's own and belongs into no link of the page
        params.pop(replay.SPAN, None)
        return PageRequest(
            queries=self.doors.at(city.id, past) if past else self.queries, packs=self.packs, city=city, path=path, args=args, params=params,
            lang=lang, theme=theme, now_utc=past.at_utc if past else now, past=past,
            span=partial(self.doors.by_area, city.id, past) if past else None,
        ), page  # fmt: skip

    def page(self, path: str, search: str, have: str) -> bytes:
        """One page for a browser that has the structure `have`."""
        return self.built(path, search).for_who_has(have)

    def built(self, path: str, search: str) -> Built:
        """One page."""
        try:
            request, page = self.request(path, search)
        except UsageError as error:  # a moment that is none: said in the frame of the present
            request, page = self.request(path, replay.of_the_present(search))
            view = _refused(error, request)
        else:
            view = self._view(request, page)
        if view.redirect:
            body = to_bytes({"redirect": view.redirect})
            return Built("", body, body)
        key = f"{view.key}|{request.lang}|{request.theme}|{path}"
        tree = folded(view.body if view.is_bare else shell.frame(request, view, self.pages, page.id if page else ""))
        snapshot = self.queries.snapshot()
        body = to_bytes({
            "key": key, "title": view.title, "lang": request.lang, "theme": request.theme,
            "snapshot": self.snapshot_id(), "at": iso_local(snapshot.at_utc, request.city.tz) if snapshot else None,
            "root_size": view.root_size, "updates": updates(tree),
        })  # fmt: skip
        return Built(key, body[:-1] + b',"tree":' + to_bytes(tree) + b"}", body)

    async def current(self, path: str, search: str) -> Built:
        """The page an address shows now, built once for all who ask."""
        return await self.cache.get(self.key("page", path, search), lambda: self.built(path, search))

    def open_with(self, city: str) -> None:
        """Build the page that opens before anybody can ask for it; to be called before the server runs."""
        if self.queries.has_data(city):
            self._warm.add(city)
            asyncio.run(self.current("/", f"?city={city}"))

    def warm_up(self) -> None:
        """Build the first page of every city that has data by now, once, so that what it rests on is in memory."""
        for city in self.packs:
            if city not in self._warm and self.queries.has_data(city):
                self._warm.add(city)
                self.page("/", f"?city={city}", "")
                self.queries.rest()

    def figure(self, key: str, search: str) -> bytes:
        """The drawer's content for one figure; `UsageError` where `key` is none."""
        if key.startswith(plan_figure.KIND):
            return self._target_figure(key, search)
        try:
            metric_id, area_id, grain, start = parse_figure_key(key)
        except ValueError:
            raise UsageError(f"figure: {key!r} is not metric|area|grain|period") from None
        request, _ = self.request("/", search)
        item = request.queries.provenance(metric_id, area_id, grain, start)
        pack = next(p for p in self.packs.values() if p.has_area(area_id))
        area = pack.area(area_id)
        metric = next(m for m in self.queries.metrics_for(pack.id) if m.id == metric_id)
        period = quote(str(iso_local(start, pack.tz)), safe="")
        api = f"/api/v1/provenance?metric={quote(metric_id)}&area={quote(area_id)}&grain={grain}&period={period}"
        tree = drawer.provenance(item, metric, pick(area.name_zh, area.name_en, request.lang), pack.tz, request.lang, api,
                                 overview.suppliers(pack, request.lang), request.href(f"/manual/{metric_id}", city=pack.id),
                                 download.reading_source(self.queries, pack, metric, item.reading, request.lang))
        return to_bytes({"title": t("drawer.title", request.lang), "close": t("drawer.close", request.lang),
                         "key": figure_key(item.reading), "tree": folded(tree)})  # fmt: skip

    def _target_figure(self, key: str, search: str) -> bytes:
        """The drawer's content for a target of the plan ledger."""
        request, _ = self.request("/", search)
        city = plan_figure.city_of(key)
        if city not in self.packs:
            raise UnknownId("city", city, self.packs)
        tree = plan_figure.drawer(replace(request, city=self.packs[city]), key)
        return to_bytes({"title": t("drawer.title", request.lang), "close": t("drawer.close", request.lang), "key": key, "tree": folded(tree)})

    def _city(self, args: Mapping[str, str], params: Mapping[str, str]) -> Pack:
        area = args.get("area")
        if area:
            for pack in self.packs.values():
                if pack.has_area(area):
                    return pack
        return self.packs.get(params.get("city", ""), self.packs[self.default_city])

    def _view(self, request: PageRequest, page: Page | None) -> View:
        wanted = request.params.get("city")
        try:
            if page is None:
                raise UnknownId("page", request.path, [p.pattern for p in self.pages])
            if wanted is not None and wanted not in self.packs:
                raise UnknownId("city", wanted, self.packs)
            return page.build(request)
        except UnknownId as error:
            if error.kind == "text":
                raise  # a word missing in the catalogue is a fault of ours, not of the address
            return shell.not_found(request, error)
        except CityBrainError as error:
            return _refused(error, request)


def shown_in(params: Mapping[str, str]) -> tuple[Lang, Theme]:
    """Language and theme an address asks for; the defaults for what it does not name or names wrongly."""
    lang = params.get("lang")
    theme: Theme = next((x for x in THEMES if x == params.get("theme")), DEFAULT_THEME)
    return lang if is_lang(lang) else DEFAULT_LANG, theme


def _refused(error: CityBrainError, request: PageRequest) -> View:
    """What stands where a page cannot be made."""
    said = t("state.error", request.lang)
    return View(said, empty(said, error_words(error, request.lang)), "error")


def _page(views: Views, path: str, search: str, have: str) -> bytes:
    return views.page(path, search, have)


def make_live_router(views: Views) -> tuple[APIRouter, Announcer]:
    """Routes of this module, and the announcer to hang on `Queries.on_snapshot`."""
    router = APIRouter(include_in_schema=False)
    announcer = Announcer()

    @router.get("/view")
    async def view(request: Request, path: str = "/", search: str = "", have: str = "") -> Response:
        return cached(request, (await views.current(path, search)).for_who_has(have))

    @router.get("/view/frames")
    async def frames(request: Request, path: str = "/", search: str = "", step: replay.Step = "hour", mode: replay.Mode = "happened",
                     n: int = 24, have: str = "", start: Annotated[str, Query(alias="from")] = "", span: str = "") -> Response:  # fmt: skip
        try:
            now = views.now()
            asked = views.request(path, search)[0]
            city = asked.city
            ends = replay.moments(step, n, parse_time(start, city.tz, "from") if start else None, now, city)
            whole = span if start else "/".join(replay.local_text(end, city) for end in (ends[0], ends[-1]))
            key = (views.snapshot_id(), "frames", path, search, step, mode, tuple(ends), have, whole)
            body = await views.cache.get(key, lambda: to_bytes(replay.frames(partial(_page, views, path), city, asked.lang, search, step, mode, ends, have, whole)))
        except CityBrainError as error:
            return Response(orjson.dumps({"message": error.message}), 400, media_type="application/json")
        return cached(request, body)

    @router.get("/view/figure")
    async def figure(request: Request, figure: str, search: str = "") -> Response:
        try:
            body = await views.cache.get(views.key("figure", figure, search), lambda: views.figure(figure, search))
        except CityBrainError as error:
            status = 404 if isinstance(error, UnknownId) else 400
            return Response(orjson.dumps({"message": error.message}), status, media_type="application/json")
        return cached(request, body)

    @router.get("/live/poll")
    async def poll(request: Request) -> Response:
        return cached(request, views.live_text().encode())

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await announcer.serve(socket, views.live_text)

    @router.get("/geo/{city}/{layer}.geojson")
    async def geo(request: Request, city: str, layer: str) -> Response:
        pack = views.packs.get(city)
        if pack is None or not pack.has_layer(layer):
            return Response(orjson.dumps({"message": f"no layer {layer!r} in city {city!r}"}), 404,
                            media_type="application/json")  # fmt: skip
        body = await run_in_threadpool(pack.layer(layer).read_bytes)
        return cached(request, body, media_type="application/geo+json", max_age_s=GEO_MAX_AGE_S)

    return router, announcer
