"""What every answer passes: security headers, and compression of static files done once."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# documents that a page of ours, and no other, may show in a frame: scenes, by the stage of a wall
FRAMED_PREFIX = "/scene/"
STATIC_PREFIXES = ("/_dash-component-suites/", "/assets/", "/geo/")
COMPRESSIBLE = ("javascript", "json", "css", "html", "svg", "text", "vector-tile")
MAX_KEPT = 128
LEAST_BYTES = 600
LEVEL = 6


class SecurityHeaders:
    """Headers that keep the page to this server: nothing is loaded from, or framed by, another one."""

    def __init__(self, app: ASGIApp, script_hashes: Iterable[str] = ()) -> None:
        self.app = app
        policy = {
            "default-src": "'self'",
            "script-src": " ".join(["'self'", *script_hashes]),
            # React and Plotly set style attributes and insert rules of their own
            "style-src": "'self' 'unsafe-inline'",
            "img-src": "'self' data: blob:",
            "connect-src": "'self'",
            # MapLibre runs its worker from a blob of the page's own script
            "worker-src": "'self' blob:",
            "font-src": "'self'",
            "object-src": "'none'",
            "base-uri": "'self'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        }
        framed = {**policy, "frame-ancestors": "'self'"}
        self.framed = {"Content-Security-Policy": _header(framed), "X-Frame-Options": "SAMEORIGIN"}
        self.headers = {
            "Content-Security-Policy": _header(policy),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        own = {**self.headers, **self.framed} if scope["path"].startswith(FRAMED_PREFIX) else self.headers

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in own.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


def _header(policy: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())


class StaticCompression:
    """gzip for text answers; static files are compressed once and kept, views as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body" or not start:
                await send(message)
                return
            if not _compressible(start):
                await _pass_on(start, message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                await self._finish(scope, start, bytes(body), send)

        passed = False

        async def _pass_on(head: Message, message: Message) -> None:
            nonlocal passed
            if not passed:
                passed = True
                await send(head)
            await send(message)

        await self.app(scope, receive, collect)

    async def _finish(self, scope: Scope, start: Message, body: bytes, send: Send) -> None:
        headers = MutableHeaders(scope=start)
        if len(body) >= LEAST_BYTES:
            path, stamp = scope["path"], headers.get("etag")
            # what carries an ETag, or never changes under its address, is compressed once for all viewers
            key = (path, stamp or str(len(body))) if stamp or path.startswith(STATIC_PREFIXES) else None
            packed = self._kept.get(key) if key else None
            if packed is None:
                packed = gzip.compress(body, LEVEL, mtime=0)
                if key:
                    self._kept[key] = packed
                    while len(self._kept) > MAX_KEPT:
                        self._kept.popitem(last=False)
            body = packed
            headers["Content-Encoding"] = "gzip"
            headers.add_vary_header("Accept-Encoding")
        headers["Content-Length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _compressible(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "")
    return start["status"] == 200 and "content-encoding" not in headers and any(k in kind for k in COMPRESSIBLE)
