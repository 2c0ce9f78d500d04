"""The API over a stand-in, as a client on this machine sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from data_pipeline.api import make_router
from data_pipeline.home import Home
from pages.login import install_access
from tests.api.stand_in import StandIn


@pytest.fixture
def queries(tmp_path: Path) -> StandIn:
    return StandIn(Home(tmp_path))


@pytest.fixture
def client(queries: StandIn) -> TestClient:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(make_router(queries))

    @app.get("{path:path}", include_in_schema=False)  # as the web has it: every other address is a page
    def page(path: str) -> HTMLResponse:
        return HTMLResponse("page")

    install_access(app, queries.home)
    return TestClient(app, base_url="http://127.0.0.1:8050", client=("127.0.0.1", 50000), follow_redirects=False)
