"""The frame around every page: header with city, pages, clock, data time, health, language and theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from components import drawer, formats
from components.i18n import DEFAULT_LANG, Lang, pick, t
from components.ids import live_id
from components.states import empty, simulated_badge
from components.theme import DEFAULT_THEME
from data_pipeline.errors import UnknownId
from data_pipeline.queries.types import Source
from pages import Page, PageRequest, View


def layout() -> html.Div:
    """What Dash mounts once: the place of the page, the banner, the drawer. `assets/app.js` does the rest."""
    return html.Div(
        [
            html.Div(id="banner", className="banner", hidden=True, role="status",
                     **{f"data-{lang}": t("live.lost", lang, since="{since}") for lang in ("zh", "en")}),
            html.Div(id="page", className="page", children=html.Div(className="page-loading")),
            drawer.shell(DEFAULT_LANG),
            # mounts the graph component before a page needs it, so that its code is already here
            html.Div(dcc.Graph(id="warm-up", figure={"data": [], "layout": {"width": 10, "height": 10}},
                               config={"staticPlot": True}), hidden=True, className="warm-up"),
        ],
        id="root",
    )  # fmt: skip


def frame(request: PageRequest, view: View, pages: Sequence[Page], active: str) -> html.Div:
    """Header, breadcrumbs and the page's own part."""
    return html.Div(
        [
            html.A(t("app.skip", request.lang), href="#main", className="skip"),
            header(request, pages, active),
            *_crumbs(request, view),
            html.Main(view.body, id="main", className=f"main main-{active}"),
        ],
        className="frame",
    )


def header(request: PageRequest, pages: Sequence[Page], active: str) -> html.Header:
    """Product, cities, pages; clock, data time, health, simulated badge, language and theme."""
    lang = request.lang
    sources = request.queries.sources(request.city.id) if request.queries.has_data(request.city.id) else []
    other: Lang = "en" if lang == "zh" else "zh"
    other_theme = "light" if request.theme == "dark" else "dark"
    theme_words = t("nav.theme", lang, theme=t(f"nav.theme_{other_theme}", lang))
    return html.Header(
        [
            html.A(t("app.name", lang), href=request.href("/", city=request.city.id), className="brand"),
            html.Nav([_city_link(request, city_id) for city_id in request.packs], className="cities", id=live_id("cities"),
                     **{"aria-label": t("nav.city", lang)}),
            html.Nav(
                [
                    _page_link(request, page, active)
                    for page in pages if page.nav
                ],
                className="pages", **{"aria-label": t("nav.label", lang)},
            ),
            html.Div(
                [
                    html.Span(
                        [
                            simulated_badge(_simulated_share(sources), lang, live_id("badge")),
                            html.Span(_health_words(sources, lang), id=live_id("health"), className=_health_class(sources),
                                      title=_health_words(sources, lang)),
                            html.Span(_as_of(request, sources), id=live_id("as-of"), className="as-of"),
                            html.Span(t("live.connecting", lang), id="connection", className="connection",
                                      **{f"data-{s}": t(f"live.{s}", lang) for s in ("connected", "polling", "connecting")}),
                        ],
                        className="state",
                    ),
                    html.Span([html.Span(id="clock-date", className="clock-date"),
                               html.Span(id="clock", className="clock")],
                              id="clocks", className="clocks", **{"data-tz": request.city.timezone, "data-lang": lang}),
                    html.Span(
                        [
                            html.A(id="who", href="/login", className="who", **{"data-native": "true"}),
                            html.A(t("nav.other_lang", lang), href=request.href(lang=other), className="switch", hrefLang=other),
                            html.A(_theme_sign(request.theme), href=request.href(theme=other_theme), className="switch icon",
                                   title=theme_words, **{"aria-label": theme_words}),
                        ],
                        className="tools",
                    ),
                ],
                className="status",
            ),
        ],
        className="header",
    )  # fmt: skip


def building(request: PageRequest) -> html.Div:
    """Shown for a city without data: it is being built, or nobody started to."""
    name = request.name(request.city)
    others = [(request.name(p), request.href("/", city=p.id)) for p in request.packs.values()
              if request.queries.has_data(p.id)]  # fmt: skip
    if not others:
        return empty(t("state.empty_store", request.lang),
                     t("state.empty_store_hint", request.lang, city=request.city.id), id=live_id("empty"))  # fmt: skip
    return empty(t("state.building", request.lang, city=name), t("state.building_hint", request.lang), links=others,
                 id=live_id("empty"))  # fmt: skip


def not_found(request: PageRequest, error: UnknownId) -> View:
    """The page for an address that leads nowhere, with near ones where there are any."""
    lang = request.lang
    hint = t("state.not_found_hint", lang)
    title = t("state.not_found", lang)
    if error.kind == "area":
        title = t("state.unknown_area", lang, area=error.got)
    links = []
    if error.kind == "area" and error.suggestions:
        hint = t("state.did_you_mean", lang)
        links = [(_area_words(request, a), request.href(f"/district/{a}")) for a in error.suggestions]
    links.append((t("state.go_home", lang), request.href("/")))
    return View(title=title, body=empty(title, hint, links=links), key="not-found")


def _area_words(request: PageRequest, area_id: str) -> str:
    for pack in request.packs.values():
        if pack.has_area(area_id):
            return f"{request.name(pack.area(area_id))} {area_id}"
    return area_id


def _crumbs(request: PageRequest, view: View) -> list[Any]:
    if not view.crumbs:
        return []
    items: list[Any] = []
    for i, (label, href) in enumerate(view.crumbs):
        last = i == len(view.crumbs) - 1
        items.append(html.Li(html.Span(label, **{"aria-current": "page"}) if last else html.A(label, href=href)))
    return [html.Nav(html.Ol(items), className="crumbs", **{"aria-label": t("nav.breadcrumb", request.lang)})]


def _city_link(request: PageRequest, city_id: str) -> html.A:
    pack = request.packs[city_id]
    ready = request.queries.has_data(city_id)
    current = city_id == request.city.id
    label: list[Any] = [pick(pack.short_zh, pack.short_en, request.lang)]
    if not ready:
        label.append(html.Small(t("nav.building", request.lang)))
    classes = " ".join(c for c, on in (("is-active", current), ("is-building", not ready)) if on)
    title = "" if ready else f"{request.name(pack)} · {t('nav.building', request.lang)}"
    return html.A(label, href=request.href("/", city=city_id), className=classes, title=title,
                  **({"aria-current": "true"} if current else {}))  # fmt: skip


def _page_link(request: PageRequest, page: Page, active: str) -> Any:
    """A page's entry; with a menu, the entry stays a link and its menu opens below it (where there is room for one)."""
    link = html.A(t(page.nav, request.lang), href=request.href(page.pattern),
                  # a page of a family (`plan-target`) stands under the family's entry (`plan`)
                  className="is-active" if page.id == active.partition("-")[0] else "",
                  **({"aria-current": "page"} if page.id == active else {}))  # fmt: skip
    if page.menu is None:
        return link
    below = [html.A(name, href=href) for name, href in page.menu(request)]
    return html.Span([link, html.Div(below, className="page-menu-list")], className="page-menu")


def _simulated_share(sources: Sequence[Source]) -> float | None:
    """1 where every source in use is simulated, a part where some are, None where none is."""
    used = [s for s in sources if s.state != "off"]
    simulated = [s for s in used if s.state == "simulated"]
    if not simulated:
        return None
    return 1.0 if len(simulated) == len(used) else 0.5


def _health_words(sources: Sequence[Source], lang: Lang) -> str:
    used = [s for s in sources if s.state != "off"]
    late, never = (sum(s.status == status for s in used) for status in ("late", "never"))
    if not used:
        return ""
    key = "late_never" if late and never else "late" if late else "never" if never else "ok"
    return t(f"health.{key}", lang, total=len(used), late=late, never=never)


def _health_class(sources: Sequence[Source]) -> str:
    return "health is-late" if any(s.status == "late" for s in sources) else "health"


def _as_of(request: PageRequest, sources: Sequence[Source]) -> str:
    times = [s.last_event_utc for s in sources if s.last_event_utc is not None and s.last_event_utc <= request.now_utc]
    if not times:
        return t("live.none", request.lang)
    return t("live.as_of", request.lang, time=formats.moment(max(times), request.city.tz, request.lang, request.now_utc))


def _theme_sign(theme: str) -> str:
    return "☀" if theme == DEFAULT_THEME else "☾"
