"""The addresses /login, /logout, /session, /session/touch: signing in and out, who looks, and that somebody is there."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from data_pipeline.access.accounts import ROLES, Account
from data_pipeline.access.sessions import WALL_LIFETIME_S, Session
from data_pipeline.access.state import Access, LoginView, User

SESSION_COOKIE = "city_brain_session"
ROLE_COOKIE = "city_brain_role"
FORM_COOKIE = "city_brain_form"
MAX_FORM_BYTES = 16 * 1024
PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def cookie_header(scope: Scope, name: str, value: str, *, wall: bool = False, path: str = "/") -> tuple[bytes, bytes]:
    """A Set-Cookie header: HttpOnly, SameSite=Lax, Secure over HTTPS; without a value it ends the cookie."""
    parts = [f"{name}={value}", f"Path={path}", "HttpOnly", "SameSite=Lax"]
    if scope.get("scheme") in ("https", "wss"):
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    elif wall:
        parts.append(f"Max-Age={WALL_LIFETIME_S}")
    return b"set-cookie", "; ".join(parts).encode("latin-1")


def local_target(text: str) -> str:
    """Where to go after signing in: an address of this server, else `/`."""
    try:
        parts = urlsplit(text)
    except ValueError:  # such as //[
        return "/"
    bad = bool(parts.scheme or parts.netloc) or not text.startswith("/") or text.startswith("//") or "\\" in text
    bad = bad or bool(re.search(r"[\x00-\x20\x7f]", text)) or parts.path.startswith(("/login", "/logout"))
    return "/" if bad else text


class SignIn:
    """Answers the few addresses of signing in; the gate calls it for everybody."""

    def __init__(
        self, access: Access, login_page: Callable[[LoginView], str], label: Callable[[User, str], str]
    ) -> None:
        self.access, self.login_page, self.label = access, login_page, label

    def handles(self, path: str) -> bool:
        """Whether this address is one of ours."""
        return path in ("/login", "/logout", "/session", "/session/touch")

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, user: User | None, found: tuple[Session, Account] | None
    ) -> None:
        """Answer one request to an address of signing in."""
        request = Request(scope, receive)
        path, method = scope["path"], scope["method"]
        if path in ("/session", "/session/touch"):
            response = self._session(path, method, user)
        elif method in ("GET", "HEAD"):
            response = self._page(request, user, ask_sign_out=path == "/logout" and user is not None)
        elif method == "POST":
            response = await self._post(request, user, found)
        else:
            response = _plain(405, "use GET or POST")
        await response(scope, receive, send)

    def _session(self, path: str, method: str, user: User | None) -> Response:
        """Who looks, with a label in each language; pages are built once for all viewers and ask for it."""
        if path == "/session/touch" and method != "POST":
            return _plain(405, "use POST")
        if user is None:
            return _plain(401, "nobody has signed in")
        who: dict[str, object] = vars(user) | {lang: self.label(user, lang) for lang in ("zh", "en")}
        return Response(orjson.dumps(who), media_type="application/json", headers={"cache-control": "no-store"})

    def _page(
        self,
        request: Request,
        user: User | None,
        status: int = 200,
        message: str = "",
        target: str = "",
        wait_minutes: int = 0,
        ask_sign_out: bool = False,
    ) -> Response:
        token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(18)
        target = local_target(target or request.query_params.get("next", ""))
        view = LoginView(
            lang="en" if "en" in (request.query_params.get("lang"), _lang_of(target)) else "zh",
            protected=self.access.protected,
            csrf=self.access.sign(token),
            next=target,
            message=message,
            wait_minutes=wait_minutes,
            user=user,
            ask_sign_out=ask_sign_out,
        )
        response = HTMLResponse(self.login_page(view), status_code=status, headers=PAGE_HEADERS)
        response.raw_headers.append(cookie_header(request.scope, FORM_COOKIE, token))
        return response

    async def _post(self, request: Request, user: User | None, found: tuple[Session, Account] | None) -> Response:
        form = await _read_form(request)
        if form is None:
            return _plain(413, f"the form is larger than {MAX_FORM_BYTES} bytes or has too many fields")
        token = request.cookies.get(FORM_COOKIE, "")
        if not token or not secrets.compare_digest(self.access.sign(token), form.get("csrf", "")):
            return self._page(request, user, status=403, message="csrf", target=form.get("next", ""))
        if request.scope["path"] == "/logout":
            return self._sign_out(request, user, found)
        if not self.access.protected:
            return self._choose_role(request, form, user)
        return await self._sign_in(request, form)

    async def _sign_in(self, request: Request, form: dict[str, str]) -> Response:
        name, target = form.get("name", "").strip(), form.get("next", "")
        address = request.client.host if request.client else ""
        account, wait_s = await anyio.to_thread.run_sync(
            self.access.sign_in, name, form.get("password", ""), address
        )
        if account is None:
            message = "locked" if wait_s else "wrong"
            status = 429 if wait_s else 401
            response = self._page(
                request, None, status=status, message=message, wait_minutes=-(-wait_s // 60), target=target
            )
            if wait_s:
                response.headers["retry-after"] = str(wait_s)
            return response
        response = RedirectResponse(local_target(target), status_code=303, headers={"cache-control": "no-store"})
        cookie = self.access.sessions.issue(name, account)
        response.raw_headers.append(cookie_header(request.scope, SESSION_COOKIE, cookie, wall=account.wall))
        response.raw_headers.append(cookie_header(request.scope, FORM_COOKIE, ""))
        return response

    def _choose_role(self, request: Request, form: dict[str, str], user: User | None) -> Response:
        role = form.get("role", "")
        if role not in ROLES:
            return self._page(request, user, status=400, message="role", target=form.get("next", ""))
        cookie = self.access.choose_role(role, form.get("department", "").strip())
        response = RedirectResponse(local_target(form.get("next", "")), 303, headers={"cache-control": "no-store"})
        response.raw_headers.append(cookie_header(request.scope, ROLE_COOKIE, cookie))
        return response

    def _sign_out(self, request: Request, user: User | None, found: tuple[Session, Account] | None) -> Response:
        if found:
            self.access.sessions.end(found[0])
            address = request.client.host if request.client else ""
            self.access.log(found[0].name, address, success=True, reason="signed out", way="page")
        response = self._page(request, None if self.access.protected else user, message="out")
        for name in (SESSION_COOKIE, ROLE_COOKIE):
            response.raw_headers.append(cookie_header(request.scope, name, ""))
        return response


async def _read_form(request: Request) -> dict[str, str] | None:
    """Fields of a small URL-encoded form; None where it is too large or has too many fields."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    try:
        fields = parse_qs(bytes(body).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return None
    return {name: values[-1] for name, values in fields.items()}


def _lang_of(target: str) -> str:
    return (parse_qs(urlsplit(target).query).get("lang") or [""])[-1]


def _plain(status: int, what: str) -> Response:
    body = orjson.dumps({"error": what, "hint": "", "parameter": None, "did_you_mean": []})
    return Response(body, status, media_type="application/json", headers={"cache-control": "no-store"})
