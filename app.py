"""Builds and serves the screen: `python app.py --home DIR --packs DIR --host 127.0.0.1 --port 8050`."""

from __future__ import annotations

import argparse
import gc
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from dash import Dash
from fastapi import FastAPI
from fastapi.responses import FileResponse

from components.i18n import DEFAULT_LANG, t
from components.theme import COLORS, DEFAULT_THEME
from data_pipeline.access import check_bind
from data_pipeline.api import make_router
from data_pipeline.cities import Pack, load_packs
from data_pipeline.errors import CityBrainError
from data_pipeline.home import Home
from data_pipeline.store.newest import without_pandas
from data_pipeline.times import now_utc
from pages import discover
from pages.login import install_access
from pages.plan import briefing
from pages.serving import first, shell
from pages.serving.actions import make_actions_router
from pages.serving.download import make_download_router
from pages.serving.live import Views, make_live_router
from pages.serving.middleware import SecurityHeaders, StaticCompression
from pages.serving.overlays import make_overlays_router
from pages.serving.search import make_search_router
from pages.serving.tiles import make_tiles_router
from pages.wall.stage import make_wall_router

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

ROOT = Path(__file__).resolve().parent
# what is answered where Dash's graph looks for Plotly: the build of lines and maps, which is all we draw; 60 % of the whole
PLOTLY_FILE = ROOT / "assets/vendor/plotly-map.min.js"
DEFAULT_CITY = "420700"
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8050

INDEX = """<!DOCTYPE html>
<html lang="zh-CN" data-theme="{theme}">
  <head>
    {{%metas%}}
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="theme-color" content="{ground}">
    <title>{{%title%}}</title>
    {{%favicon%}}
    <script src="/assets/early/start.js"></script>
    {{%css%}}
  </head>
  <body>
    {first}
    {{%app_entry%}}
    <footer>
      {{%config%}}
      {{%scripts%}}
      {{%renderer%}}
    </footer>
  </body>
</html>"""


def create_app(
    queries: Queries,
    packs: Mapping[str, Pack],
    *,
    home: Home | None = None,
    default_city: str = DEFAULT_CITY,
    now: Callable[[], datetime] = now_utc,
) -> Dash:
    """The Dash app on a FastAPI server: pages, live views, geometry, API, access.

    Parameters
    ----------
    queries : Queries
        The door to the store; its snapshots are announced to every open page.
    packs : city id → Pack
        In the order of the city switch.
    home : Home, optional
        With one, access control is installed (`data_pipeline.access`).
    default_city : str
        The city of an address without `city=`; the first pack where there is none of that id.
    now : callable
        Clock of the pages, naive UTC.

    Returns
    -------
    Dash
        `.server` is the ASGI application.
    """
    server = FastAPI(title=t("app.name", DEFAULT_LANG), docs_url=None, redoc_url=None, openapi_url=None)
    city = default_city if default_city in packs else next(iter(packs))
    views = Views(queries, packs, discover(), city, now)
    router, announcer = make_live_router(views)
    queries.on_snapshot(announcer.announce)
    server.include_router(router)
    server.include_router(make_tiles_router(queries, packs))
    server.include_router(make_overlays_router(queries, packs))
    server.include_router(make_wall_router(packs, city))
    server.include_router(make_search_router(views))
    server.include_router(make_download_router(queries, packs, now))
    server.include_router(make_actions_router(queries, packs, home))
    server.include_router(make_router(queries, home, briefing.maker(queries, packs, now)))
    server.add_api_route(first.PLOTLY, lambda: FileResponse(PLOTLY_FILE, media_type="text/javascript"), include_in_schema=False)
    app = Dash(
        __name__,
        server=server,
        backend="fastapi",
        assets_folder=str(ROOT / "assets"),
        title=t("app.name", DEFAULT_LANG),
        update_title="",
        serve_locally=True,
        compress=False,
        suppress_callback_exceptions=True,
        # loaded by name, before the first picture and by Dash's graph
        assets_path_ignore=["early", "vendor"],
        index_string=INDEX.format(theme=DEFAULT_THEME, ground=COLORS[DEFAULT_THEME]["bg"], first=first.MARK),
    )
    app.layout = shell.layout
    # Dash gathers scripts and styles at its first request to "/" only: a first request to a deep address
    # (a bookmark, a wall) would get a page without them
    app._setup_server()
    server.state.views = views
    server.add_middleware(first.FirstPicture, views=views)
    if home is not None:
        install_access(server, home)
    # added last = outermost: every answer, also a refusal, carries the headers
    server.add_middleware(StaticCompression)
    server.add_middleware(SecurityHeaders, script_hashes=tuple(app.csp_hashes()))
    return app


def main(argv: list[str] | None = None) -> int:
    """The command: 0 done, 1 failed, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serve the screen and the API of a home folder.")
    parser.add_argument("--home", help="home folder of the installation (default: CITY_BRAIN_HOME or ./var)")
    parser.add_argument("--packs", type=Path, help="folder with city packs beside the built-in ones (CITY_BRAIN_PACKS)")
    parser.add_argument("--host", default=DEFAULT_HOST, help=f"address to bind (default {DEFAULT_HOST})")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"port to bind (default {DEFAULT_PORT})")
    parser.add_argument("--city", default=DEFAULT_CITY, help="city that opens first")
    given = parser.parse_args(argv)
    try:
        return serve(Home.of(given.home).ready(), given.packs, given.host, given.port, given.city)
    except CityBrainError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def serve(home: Home, packs_folder: Path | None, host: str, port: int, city: str) -> int:
    """Serve until stopped. Refuses an open address without an access file."""
    from data_pipeline.queries import Queries

    check_bind(host, home)
    without_pandas()
    gc.disable()  # what a start makes stays; to look through it again and again would take a second of it
    packs = load_packs(packs_folder)
    queries = Queries.open(home, packs, keeps=True)
    try:
        app = create_app(queries, packs, home=home, default_city=city)
        views = app.server.state.views
        queries.on_snapshot(lambda _: views.warm_up())
        # usual ranges are read from the lake once; better before the first viewer asks than while he waits
        views.open_with(views.default_city)
        gc.freeze()
        gc.enable()
        queries.follow()
        threading.Thread(target=views.warm_up, name="warm-up", daemon=True).start()
        print(f"http://{host}:{port}/", flush=True)
        uvicorn.run(app.server, host=host, port=port, log_level="warning", ws="websockets-sansio")
    finally:
        queries.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
