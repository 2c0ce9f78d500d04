"""The first picture: an address's page as plain HTML, drawn by the server, until the browser has its scripts.

The document's head leaves at once, so that styles and scripts are on their way while the page is built; then comes
the page itself, from the very tree the scripts will mount (`Views.current`), and `assets/app.js` takes it away in the
moment that one stands. Maps and charts, which only a script can draw, are left as their boxes. A page that takes
longer than `PATIENCE_S` to build (the first of a store) is left to the scripts, and the picture says so.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.i18n import Lang, t
from components.theme import DEFAULT_THEME, THEMES
from data_pipeline.errors import CityBrainError
from pages.serving.live import Views, shown_in

PATIENCE_S = 3.0
MARK = "<!--first-->"
PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"  # where Dash's graph looks for it
GZIP = 31  # window of zlib that writes gzip
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SPELT = {"className": "class", "htmlFor": "for"}
SVG_CAMEL = {"viewBox", "preserveAspectRatio"}
# Dash's and the scripts' own; an id would be there twice once the page is mounted
NOT_WRITTEN = {"id", "children", "key", "n_clicks", "n_clicks_timestamp", "disable_n_clicks", "loading_state", "setProps", "autoFocus", "text"}
DRAWN_BY_SCRIPT = {"Graph": "dash-graph", "AddressField": "address-field", "ActionForm": "action-form"}


def html_of(node: Any) -> str:
    """HTML of a tree as `/view` sends it: text, lists, and components as `{type, props}`."""
    if node is None or isinstance(node, bool):
        return ""
    if isinstance(node, list):
        return "".join(html_of(one) for one in node)
    if not isinstance(node, dict):
        return escape(str(node), quote=False)
    kind, props = node["type"], node["props"]
    if kind == "Tree":
        return html_of(props["node"])
    if kind in DRAWN_BY_SCRIPT:
        classes = f"{DRAWN_BY_SCRIPT[kind]} {props.get('className') or ''}".strip()
        return f"<div{_attributes({'className': classes, 'style': props.get('style')})}></div>"
    if kind == "Svg":
        return _svg(props)
    tag = kind.lower()
    start = f"<{tag}{_attributes(props)}>"
    return start if tag in VOID else f"{start}{html_of(props.get('children'))}</{tag}>"


def _attributes(props: Mapping[str, Any]) -> str:
    found = []
    for name, value in props.items():
        if name in NOT_WRITTEN or value is None or value is False:
            continue
        if name == "style":
            value = ";".join(f"{_hyphens(key)}:{_length(key, one)}" for key, one in value.items())
        spelt = SPELT.get(name) or (name if "-" in name else name.lower())
        found.append(f" {spelt}" if value is True else f' {spelt}="{escape(str(value))}"')
    return "".join(found)


def _svg(props: Mapping[str, Any]) -> str:
    """The same drawing as `assets/svg.js`."""
    around = {"class": props.get("className"), "viewBox": props.get("viewBox"), "preserveAspectRatio": "none" if props.get("stretch") else "xMidYMid meet"}
    around |= {"role": "img", "aria-label": props["label"]} if props.get("label") else {"aria-hidden": "true"}
    inside = "".join(f"<{tag}{_drawn(own)}>{escape(str(own.get('text', '')), quote=False)}</{tag}>" for tag, own in props.get("parts") or ())
    return f"<svg{_drawn(around)}>{inside}</svg>"


def _drawn(own: Mapping[str, Any]) -> str:
    named = {SPELT.get(name) or (name if name in SVG_CAMEL else _hyphens(name)): value for name, value in own.items() if name not in NOT_WRITTEN}
    return "".join(f' {name}="{escape(str(value))}"' for name, value in named.items() if value is not None)


def _hyphens(name: str) -> str:
    return name if name.startswith("--") else re.sub(r"[A-Z]", lambda capital: f"-{capital[0].lower()}", name)


def _length(name: str, value: Any) -> str:
    return f"{value}px" if isinstance(value, (int, float)) and value and name in ("width", "height", "top", "left", "right", "bottom") else str(value)


def picture(body: bytes) -> str:
    """The first picture of a page from what `/view` sends for it; empty where it only leads elsewhere."""
    view = orjson.loads(body)
    if "tree" not in view:
        return ""
    # the size of a wall's type; the scripts set the same
    ahead = f'<link rel="prefetch" as="script" href="{PLOTLY}">' if b'"type":"Graph"' in body else ""
    sized = f"<style>html{{font-size:{view['root_size']}}}</style>" if view["root_size"] else ""
    return f'{ahead}{sized}<div id="first" class="page">{html_of(view["tree"])}</div>'


class FirstPicture:
    """Puts the picture into the document that Dash answers to a page's address; inside the gate of `data_pipeline.access`."""

    def __init__(self, app: ASGIApp, views: Views) -> None:
        self.app, self.views = app, views
        self._around: tuple[str, str] | None = None  # Dash's document before and after the picture, the same for every address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or all(page.match(scope["path"]) is None for page in self.views.pages):
            await self.app(scope, receive, send)
            return
        self._around = self._around or await self._asked(scope, receive, send)
        if self._around:
            await self._answer(Request(scope), *self._around)(scope, receive, send)

    async def _asked(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, str] | None:
        """Ask Dash for its document; None where it answered something else, which is passed on."""
        said: list[Message] = []

        async def collect(message: Message) -> None:
            said.append(message)

        await self.app(scope, receive, collect)
        body = b"".join(message.get("body", b"") for message in said)
        if MARK.encode() not in body:
            for message in said:
                await send(message)
            return None
        head, rest = body.decode().split(MARK)
        return head + _early(rest), rest

    def _answer(self, request: Request, head: str, rest: str) -> Response:
        search = _search(request)
        lang, theme = shown_in(dict(parse_qsl(search.lstrip("?"))))
        head = head.replace("<html ", f'<html data-lang="{lang}" ', 1)
        head = head.replace(f'data-theme="{DEFAULT_THEME}"', f'data-theme="{theme}"', 1)
        if lang == "en":
            head = head.replace('lang="zh-CN"', 'lang="en"', 1)

        async def parts() -> AsyncIterator[str]:
            yield head
            yield await _within(self.views, request.url.path, search, lang) + rest

        # asks each time whether the page is still the same one; its figures change
        headers = {"Cache-Control": "private, no-cache"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return StreamingResponse(_gzipped(parts()), media_type="text/html", headers=headers | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
        return StreamingResponse(parts(), media_type="text/html", headers=headers)


async def _within(views: Views, path: str, search: str, lang: Lang) -> str:
    """The picture, if it is built in time, else a word that it is being built; who waits for the page itself goes on waiting."""
    building = asyncio.ensure_future(views.current(path, search))
    try:
        built = await asyncio.wait_for(asyncio.shield(building), PATIENCE_S)
    except (TimeoutError, CityBrainError):  # the page itself says what is wrong
        building.add_done_callback(lambda done: done.cancelled() or done.exception())
        return f'<div id="first" class="page"><p class="first-wait">{t("drawer.loading", lang)}</p></div>'
    return await views.cache.get(views.key("first", path, search), lambda: picture(built.whole))


def _search(request: Request) -> str:
    """The address's parameters as the scripts will ask for them: with the theme that was chosen in this browser."""
    search = request.url.query
    chosen = request.cookies.get("theme")
    given = parse_qsl(search)
    if chosen in THEMES and chosen != DEFAULT_THEME and "theme" not in dict(given) and not request.url.path.startswith("/scene/"):
        search = urlencode([*given, ("theme", chosen)])
    return f"?{search}" if search else ""


def _early(rest: str) -> str:
    """Tells the browser of the scripts at the document's end while it still waits for the page before them."""
    return "".join(f'<link rel="preload" as="script" href="{src}">' for src in re.findall(r'<script src="([^"]+)"', rest))


async def _gzipped(parts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Each part as soon as it is there."""
    packer = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    async for part in parts:
        yield packer.compress(part.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
