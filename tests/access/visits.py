"""A small app behind the gate, visitors with and without cookies, and a clock of their own."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from data_pipeline.access import User, current_user, require
from data_pipeline.access.state import Forbidden
from data_pipeline.home import Home
from pages.login import install_access

GOOD, ADMIN = "Ezhou-2026-lake", "Huangzhou-77-bridge"
HTML = {"accept": "text/html"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


def make_app(home: Home) -> tuple[FastAPI, Clock]:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    @app.get("/district/{code}")
    def page(code: str = "") -> JSONResponse:
        user = current_user()
        return JSONResponse([user.name, user.role, user.department, user.authenticated])

    @app.get("/assets/x.css")
    def asset() -> str:
        return "x"

    @app.post("/api/v1/deliveries")
    def upload(user: Annotated[User, Depends(require("report"))]) -> str:
        return user.label

    @app.get("/api/v1/cities")
    def cities() -> list[str]:
        return []

    @app.exception_handler(Forbidden)
    async def forbidden(_request: object, error: Forbidden) -> JSONResponse:
        return JSONResponse({"error": error.message}, error.status)

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()
                await socket.send_text(current_user().role)

    access = install_access(app, home)
    clock = Clock()
    access.clock = clock
    access.sessions._clock = clock
    access.lockout._clock = clock
    return app, clock


def client(app: FastAPI, *, host: str = "127.0.0.1:8050", address: str = "127.0.0.1") -> TestClient:
    return TestClient(app, base_url=f"http://{host}", client=(address, 50000), follow_redirects=False)


def form_token(visitor: TestClient, path: str = "/login") -> str:
    return re.search(r'name="csrf" value="([^"]+)"', visitor.get(path).text)[1]


def sign_in(visitor: TestClient, name: str = "wang", password: str = GOOD, target: str = "/"):
    fields = {"csrf": form_token(visitor), "name": name, "password": password, "next": target}
    return visitor.post("/login", data=fields)


def live_socket(visitor: TestClient):
    """A WebSocket with the visitor's cookies (the test client sends none by itself: another scheme)."""
    host = visitor.base_url.netloc.decode()
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    return visitor.websocket_connect("/live", headers={"host": host, "origin": f"http://{host}", "cookie": cookies})


def log_lines(home: Home) -> list[dict]:
    return [json.loads(line) for line in (home.logs / "sign-ins.jsonl").read_text(encoding="utf-8").splitlines()]
