"""The gate before every request and WebSocket, and the rule about addresses.

Pure ASGI, so that pages, callbacks, API, static files and WebSockets pass the same check. Without an access
file it lets this machine only in (Host and sender are checked, against DNS rebinding and forgotten proxies).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import anyio.to_thread
import orjson
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data_pipeline.access.accounts import Account, read_accounts
from data_pipeline.access.sessions import Session
from data_pipeline.access.signin import ROLE_COOKIE, SESSION_COOKIE, SignIn, cookie_header
from data_pipeline.access.state import SCOPE_KEY, Access, LoginView, User, reset_current, set_current
from data_pipeline.errors import UsageError
from data_pipeline.home import Home

PUBLIC = ("/login", "/logout", "/assets/")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# requests a page makes by itself: they must not keep a forgotten session alive
AUTOMATIC = ("/live", "/view", "/session", "/_dash", "/assets/", "/geo/", "/api/")
ADD_COMMAND = "python -m data_pipeline access add NAME --role admin"
SESSION_OVER = 4401


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine: localhost, 127.0.0.0/8, ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_bind(host: str, home: Home) -> None:
    """Allow an address to listen on: loopback always, any other only with an access file that has accounts.

    Raises
    ------
    UsageError
        Names the command that makes the access file.
    """
    if is_loopback(host):
        return
    if not read_accounts(home.access):
        what = "has no account" if home.access.exists() else "does not exist"
        raise UsageError(
            f"--host {host}: the web may listen on other addresses than 127.0.0.1 only with an access file; "
            f"{home.access} {what}",
            hint=f"{ADD_COMMAND} --home {home.root}",
        )


def install_access(
    server: FastAPI, home: Home, login_page: Callable[[LoginView], str], label: Callable[[User, str], str]
) -> Access:
    """Put the gate before a server; every later request passes it. Call it last, so that it stands outermost.

    Parameters
    ----------
    login_page : callable
        The HTML of the sign-in page (`pages.login.render`).
    label : callable
        Words for a user in a language, for the header of the pages (`pages.login.role_label`).

    Returns
    -------
    Access
        Also kept as `server.state.access`.
    """
    access = Access(home)
    server.state.access = access
    server.add_middleware(AccessGate, access=access, login_page=login_page, label=label)
    return access


class AccessGate:
    """ASGI middleware: decides who asks, and whether they may come in."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        login_page: Callable[[LoginView], str],
        label: Callable[[User, str], str],
    ) -> None:
        self.app, self.access = app, access
        self.sign_in = SignIn(access, login_page, label)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or pass on one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        protected = self.access.protected
        if refusal := (None if protected else _not_local(scope, headers)) or _foreign_origin(scope, headers):
            await _refuse(scope, send, 403, *refusal)
            return
        user, found = await self._who(scope, headers, protected)
        scope[SCOPE_KEY] = user
        token = set_current(user)
        try:
            await self._pass(scope, receive, send, headers, user, found)
        finally:
            reset_current(token)

    async def _pass(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Headers,
        user: User | None,
        found: tuple[Session, Account] | None,
    ) -> None:
        path = scope["path"]
        if scope["type"] == "http" and self.sign_in.handles(path):
            await self.sign_in(scope, receive, self._renewing(scope, send, headers, found), user, found)
            return
        if user is None and not path.startswith(PUBLIC):
            await _ask_to_sign_in(scope, send, headers)
            return
        if scope["type"] == "websocket" and found:
            send = self._until_over(send, *found)
        elif scope["type"] == "http":
            send = self._renewing(scope, send, headers, found)
        await self.app(scope, receive, send)

    async def _who(
        self, scope: Scope, headers: Headers, protected: bool
    ) -> tuple[User | None, tuple[Session, Account] | None]:
        cookies = read_cookies(headers)
        if not protected:
            return self.access.chosen_role(cookies.get(ROLE_COOKIE)), None
        accounts = self.access.accounts()
        cookie = cookies.get(SESSION_COOKIE)
        found = self.access.sessions.read(cookie, accounts) if cookie else None
        if found:
            session, account = found
            return User(session.name, account.role, account.department, True), found
        credentials = _basic_credentials(headers) if scope["path"].startswith("/api/") else None
        if credentials:
            by_name = await anyio.to_thread.run_sync(self.access.basic, *credentials, address_of(scope))
            if by_name:
                return User(credentials[0], by_name.role, by_name.department, True), None
        return None, None

    def _renewing(self, scope: Scope, send: Send, headers: Headers, found: tuple[Session, Account] | None) -> Send:
        """A `send` that puts a renewed session cookie on the answer where the person is there."""
        if found is None or not _shows_presence(scope, headers):
            return send
        session, account = found
        cookie = read_cookies(headers).get(SESSION_COOKIE, "")
        renewed = self.access.sessions.touch(session, self.access.sessions.cookie_seen(cookie))
        if renewed is None:
            return send
        header = cookie_header(scope, SESSION_COOKIE, renewed, wall=account.wall)

        async def renewing(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                if not any(name == b"set-cookie" and value.startswith(SESSION_COOKIE.encode()) for name, value in given):
                    message = {**message, "headers": [*given, header]}
            await send(message)

        return renewing

    def _until_over(self, send: Send, session: Session, account: Account) -> Send:
        """A `send` that closes the WebSocket instead of telling anything to a session that is over."""
        over = False

        async def guarded(message: Message) -> None:
            nonlocal over
            if over:
                return
            if message["type"] == "websocket.send":
                now = self.access.accounts().get(session.name)
                if now != account or not self.access.sessions.alive(session, account):
                    over = True
                    message = {"type": "websocket.close", "code": SESSION_OVER, "reason": "session is over"}
            await send(message)

        return guarded


def address_of(scope: Scope) -> str:
    """The sender's address as the server sees it."""
    return scope["client"][0] if scope.get("client") else ""


def read_cookies(headers: Headers) -> dict[str, str]:
    """Cookies of a request by name."""
    return cookie_parser(headers.get("cookie", ""))


def _not_local(scope: Scope, headers: Headers) -> tuple[str, str] | None:
    """Why an open web (no access file) does not answer this request; None where it comes from this machine."""
    host = headers.get("host", "")
    if not is_loopback(_host_name(host)):
        what = f"the web answers to 127.0.0.1 and localhost only, the request names host {host!r}"
    elif not is_loopback(address_of(scope)):
        what = "the web answers to this machine only"
    elif any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via")):
        what = "the web answers to this machine only, the request came through a proxy"
    else:
        return None
    return what, f"to let other machines in, make an access file: {ADD_COMMAND}"


def _foreign_origin(scope: Scope, headers: Headers) -> tuple[str, str] | None:
    """Why a changing request or a WebSocket from another site is refused; None where it is from our own pages."""
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return None
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None or origin == "null":
        same = site in (None, "none", "same-origin") if origin is None else site == "same-origin"
    else:
        same = origin.partition("://")[2].lower() == headers.get("host", "").lower()
    if same:
        return None
    return f"the request comes from another site (Origin {origin!r})", "use the pages of this server"


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _shows_presence(scope: Scope, headers: Headers) -> bool:
    """Whether a request is made by a person rather than by the page itself."""
    if scope["path"] == "/session/touch":
        return True
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else not scope["path"].startswith(AUTOMATIC)


def _basic_credentials(headers: Headers) -> tuple[str, str] | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


async def _ask_to_sign_in(scope: Scope, send: Send, headers: Headers) -> None:
    wants_page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    wants_page = wants_page and not scope["path"].startswith(AUTOMATIC)
    if wants_page and "text/html" in headers.get("accept", ""):
        query = scope.get("query_string", b"").decode("latin-1")
        target = quote(scope["path"] + (f"?{query}" if query else ""), safe="/")
        location = f"/login?next={target}".encode("ascii")
        start = [(b"location", location), (b"content-length", b"0"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": start})
        await send({"type": "http.response.body", "body": b""})
        return
    # programs learn that name and password may be sent; a browser's fetch must not open its own dialogue
    challenge = [] if "sec-fetch-mode" in headers else [(b"www-authenticate", b'Basic realm="city-brain", charset="UTF-8"')]
    await _refuse(scope, send, 401, "nobody has signed in", "sign in at /login", challenge)


async def _refuse(scope: Scope, send: Send, status: int, what: str, hint: str, extra: list[Any] | None = None) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": SESSION_OVER if status == 401 else 4403, "reason": what[:120]})
        return
    body = orjson.dumps({"error": what, "hint": hint, "parameter": None, "did_you_mean": []})
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head + (extra or [])})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
