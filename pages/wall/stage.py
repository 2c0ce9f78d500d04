"""`/wall` and `/wall/<scene>` — the stage of a wall: shows scenes in turn, or one for good, and never goes dark.

The stage is a small document of its own without figures. Each scene stands in a frame (`/scene/<scene>`);
the next one is drawn behind the present one and only then shown, and the old one's memory goes with its frame.
`assets/wall.js` does the turning.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import quote, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from components.i18n import DEFAULT_LANG, Lang, is_lang, pick, t
from components.theme import COLORS, DEFAULT_THEME
from data_pipeline.cities import Pack

# handed on to every frame; what else stands in an address is the stage's own
HANDED_ON = ("city", "lang", "theme", "distance_m", "pitch_mm")

DOCUMENT = """<!DOCTYPE html>
<html lang="{lang}" data-theme="{theme}" data-wall="stage">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" content="{ground}"><title>{title}</title>
<link rel="stylesheet" href="/assets/tokens.css"><link rel="stylesheet" href="/assets/wall.css"></head>
<body class="stage" data-scenes="{scenes}" data-heap-mb="{heap_mb}" data-frame-title="{frame_title}">
<script src="/assets/wall.js"></script></body></html>
"""
# a document that has come to this is drawn anew behind the picture and takes its place
HEAP_CEILING_MB = 700


def make_wall_router(packs: Mapping[str, Pack], default_city: str) -> APIRouter:
    """Routes of the stage."""
    router = APIRouter(include_in_schema=False)

    @router.get("/wall")
    async def wall(request: Request) -> Response:
        return _stage(request, packs, default_city, "")

    @router.get("/wall/{scene}")
    async def one_scene(request: Request, scene: str) -> Response:
        return _stage(request, packs, default_city, scene)

    return router


def _stage(request: Request, packs: Mapping[str, Pack], default_city: str, only: str) -> Response:
    """The stage for the scenes of a city; an unknown city or scene goes to the page that says so."""
    given = request.query_params
    city = given.get("city") or default_city
    handed = {name: given[name] for name in HANDED_ON if name in given} | {"city": city}
    tail = urlencode(handed)
    if city not in packs:
        return RedirectResponse(f"/?{tail}", 307)
    declared = packs[city].wall()
    scenes = [s for s in declared.scenes if not only or s.id == only]
    if not scenes:
        return RedirectResponse(f"/scene/{quote(only, safe='')}?{tail}", 307)
    wanted = given.get("lang")
    lang: Lang = wanted if is_lang(wanted) else DEFAULT_LANG
    listed = [{"id": s.id, "href": f"/scene/{s.id}?{tail}", "dwell_s": s.dwell_s, "name": pick(s.name_zh, s.name_en, lang)} for s in scenes]
    name = pick(packs[city].name_zh, packs[city].name_en, lang)
    return HTMLResponse(DOCUMENT.format(
        lang="zh-CN" if lang == "zh" else "en", theme=DEFAULT_THEME, ground=COLORS[DEFAULT_THEME]["bg"],
        title=escape(t("wall.title", lang, city=name)), scenes=escape(orjson.dumps(listed).decode(), quote=True),
        heap_mb=_whole(given.get("heap_mb"), HEAP_CEILING_MB), frame_title=escape(t("wall.frame", lang), quote=True),
    ), headers={"Cache-Control": "no-cache"})  # fmt: skip


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() and int(text) > 0 else otherwise
