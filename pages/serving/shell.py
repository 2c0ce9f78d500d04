"""The frame around every page: header with city, pages, clock, data time, health, language and theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components import drawer, formats, replay, tools
from components.i18n import DEFAULT_LANG, Lang, pick, t
from components.ids import live_id
from components.states import empty, simulated_badge
from components.theme import DEFAULT_THEME
from data_pipeline.errors import UnknownId
from data_pipeline.queries.types import Source
from data_pipeline.times import iso_local, period_start, to_local
from pages import Page, PageRequest, View
from pages.serving.replay import step_of


def layout() -> html.Div:
    """What Dash mounts once: the place of the page, the banner, the drawer. `assets/app.js` does the rest."""
    return html.Div(
        [
            html.Div(id="banner", className="banner", hidden=True, role="status",
                     **{f"data-{lang}": t("live.lost", lang, since="{since}") for lang in ("zh", "en")}),
            html.Div(id="page", className="page", children=html.Div(className="page-loading")),
            drawer.shell(DEFAULT_LANG),
            tools.search_dialog(),
        ],
        id="root",
    )  # fmt: skip


def frame(request: PageRequest, view: View, pages: Sequence[Page], active: str) -> html.Div:
    """Header, breadcrumbs and the page's own part."""
    return html.Div(
        [
            html.A(t("app.skip", request.lang), href="#main", className="skip"),
            header(request, pages, active),
            *_crumbs(request, view, pages, active),
            *_replay(request, pages, active),
            html.Main(view.body, id="main", className=f"main main-{active}"),
            html.Footer(_print_line(request), id=live_id("print-line"), className="print-only print-line"),
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
                            simulated_badge(simulated_share(sources), lang, live_id("badge")),
                            html.Span(health_words(sources, lang), id=live_id("health"), className=health_class(sources),
                                      title=health_words(sources, lang)),
                            html.Span(as_of(request, sources), id=live_id("as-of"), className="as-of"),
                            html.Span(t("live.connecting", lang), id="connection", className="connection",
                                      **{f"data-{s}": t(f"live.{s}", lang) for s in ("connected", "polling", "connecting", "replay")}),
                        ],
                        className="state",
                    ),
                    html.Span([html.Span(id="clock-date", className="clock-date"),
                               html.Span(id="clock", className="clock")],
                              id="clocks", className="clocks", **{"data-tz": request.city.timezone, "data-lang": lang}),
                    html.Span(
                        [
                            html.A(id="who", href="/login", className="who", **{"data-native": "true"}),
                            *_replay_link(request, pages, active),
                            tools.search_button(lang),
                            html.A(t("nav.other_lang", lang), href=request.href(lang=other), className="switch", hrefLang=other),
                            html.A(_theme_sign(request.theme), href=request.href(theme=other_theme), className="switch icon desk-only",
                                   title=theme_words, **{"aria-label": theme_words, "data-theme-to": other_theme}),
                            tools.menu(lang, watch_href=request.href("/watch", city=request.city.id), compare_href=_compare_href(request),
                                       theme_href=request.href(theme=other_theme), theme_words=theme_words, theme_to=other_theme,
                                       as_of=_snapshot_time(request), id=live_id("share-frozen")),
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
    name, q = request.name(request.city), request.queries
    others = [(request.name(p), request.href("/", city=p.id)) for p in request.packs.values()
              if q.has_data(p.id)]  # fmt: skip
    if not others and not q.is_being_built(request.city.id):
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


def _crumbs(request: PageRequest, view: View, pages: Sequence[Page], active: str) -> list[Any]:
    """Where the page stands, from the city down; a page that names no way of its own stands under its navigation entry."""
    city = (request.name(request.city), request.href("/", city=request.city.id))
    crumbs = list(view.crumbs)
    if not crumbs:
        entry = next((page for page in pages if page.nav and page.id == active.partition("-")[0]), None)
        if entry is None or entry.pattern == "/":
            return []
        crumbs = [(t(entry.nav, request.lang), request.href(entry.pattern, city=request.city.id))]
    if crumbs[0][0] != city[0]:
        crumbs = [city, *crumbs]
    items: list[Any] = []
    for i, (label, href) in enumerate(crumbs):
        last = i == len(crumbs) - 1
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


def _replay(request: PageRequest, pages: Sequence[Page], active: str) -> list[Any]:
    """The bar of the slider while the page looks back; the present has none."""
    page = next((p for p in pages if p.id == active), None)
    if request.past is None or page is None:
        return []
    return [replay.bar(request.past.at_utc, request.past.live_utc, request.past.mode, step_of(request.params), request.city.tz, request.lang, can_play=page.can_replay,
                       live_href=request.href(at=None, as_of=None, step=None))]  # fmt: skip


def _replay_link(request: PageRequest, pages: Sequence[Page], active: str) -> list[Any]:
    """The way into the past of a page that can be replayed: its last whole hour."""
    page = next((p for p in pages if p.id == active), None)
    if request.past is not None or page is None or not page.can_replay or not request.queries.has_data(request.city.id):
        return []
    hour = to_local(period_start(request.now_utc, "hour", request.city.tz), request.city.tz)
    words = t("replay.open", request.lang)
    return [html.A(words, href=request.href(at=f"{hour:%Y-%m-%dT%H:%M}"), className="switch replay-open", id=live_id("replay-open"),
                   title=t("replay.open_hint", request.lang))]  # fmt: skip


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


def simulated_share(sources: Sequence[Source]) -> float | None:
    """1 where every source in use is simulated, a part where some are, None where none is."""
    used = [s for s in sources if s.state != "off"]
    simulated = [s for s in used if s.state == "simulated"]
    if not simulated:
        return None
    return 1.0 if len(simulated) == len(used) else 0.5


def health_words(sources: Sequence[Source], lang: Lang) -> str:
    """How many sources are in use, and how many of them are late or have never come; empty where none is in use."""
    used = [s for s in sources if s.state != "off"]
    late, never = (sum(s.status == status for s in used) for status in ("late", "never"))
    if not used:
        return ""
    key = "late_never" if late and never else "late" if late else "never" if never else "ok"
    return t(f"health.{key}", lang, total=len(used), late=late, never=never)


def health_class(sources: Sequence[Source]) -> str:
    """Class of those words: `is-late` where a source is."""
    return "health is-late" if any(s.status == "late" for s in sources) else "health"


def as_of(request: PageRequest, sources: Sequence[Source]) -> str:
    """The newest moment any source tells of, in words."""
    times = [s.last_event_utc for s in sources if s.last_event_utc is not None and s.last_event_utc <= request.now_utc]
    if not times:
        return t("live.none", request.lang)
    return t("live.as_of", request.lang, time=formats.moment(max(times), request.city.tz, request.lang, request.now_utc))


def _snapshot_time(request: PageRequest) -> str:
    """Moment of the snapshot on screen with the city's offset; empty for an empty store."""
    snapshot = request.queries.snapshot()
    return str(iso_local(snapshot.at_utc, request.city.tz)) if snapshot else ""


def _compare_href(request: PageRequest) -> str:
    """The comparison, starting from the area and metric on screen."""
    area = request.args.get("area")
    return request.href("/compare", city=request.city.id, areas=area, metric=request.params.get("metric"))


def _print_line(request: PageRequest) -> str:
    """What a printed page says about itself: product, city, data time, snapshot, and whether data are simulated."""
    lang, snapshot = request.lang, request.queries.snapshot()
    sources = request.queries.sources(request.city.id) if request.queries.has_data(request.city.id) else []
    part = simulated_share(sources)
    origin = "real" if part is None else "simulated" if part >= 1 else "part_simulated"
    return t("print.line", lang, app=t("app.name", lang), city=request.name(request.city), as_of=as_of(request, sources),
             snapshot=snapshot.id if snapshot else "—", origin=t(f"print.{origin}", lang))  # fmt: skip


def _theme_sign(theme: str) -> str:
    return "☀" if theme == DEFAULT_THEME else "☾"
