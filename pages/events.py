"""`/events` — what has happened, what waits, whose is it, and who has taken it in hand?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dash import html

from components import formats, table
from components.domain import events as domain_events
from components.i18n import pick, t
from components.ids import live_id
from components.maps import frame
from components.states import empty, mark
from components.ticker import is_signal, owner_words, severity_words, sort_events
from data_pipeline.alerts.state import NOTE_LENGTH
from data_pipeline.cities import Area
from data_pipeline.errors import UnknownId
from data_pipeline.queries.types import Event
from data_pipeline.store.lock import holder
from pages import Page, PageRequest, View, overview
from pages.area import offset_of
from pages.serving import basemap, shell

STATES = ("open", "in_hand", "closed")
KINDS = ("alert", "event")
PAGE_ROWS, MOST = 30, 2000


def build(request: PageRequest) -> View:
    """Alerts and events of a city or of one area of it, by state and kind."""
    q, city, lang = request.queries, request.city, request.lang
    title = t("events.title", lang, city=request.name(city))
    if not q.has_data(city.id):
        return View(title, shell.building(request), key=f"events-building-{city.id}")
    wanted = request.params.get("area")
    area = city.area(wanted) if wanted else city.city_area
    state = _one_of(request, "state", STATES)
    kind = _one_of(request, "kind", KINDS)
    every = q.events(city.id, area.id if wanted else None, limit=MOST)
    ofkind = [e for e in every if not kind or e.kind == kind]
    listed = sort_events([e for e in ofkind if not state or e.state == state])
    offset = offset_of(request, "from")
    page = listed[offset : offset + PAGE_ROWS]
    body = html.Div(
        [
            html.Div([html.H1(title, className="area-name"),
                      html.P(_summary(request, ofkind), id=live_id("events-summary"), className="data-summary")],
                     className="data-head"),
            html.Div([_state_links(request, ofkind, state), _kind_links(request, every, kind), _area_links(request, area)],
                     className="events-filters"),
            _acting(request),
            html.Div(
                [html.Div([_list(request, page), table.pager(offset, len(page), PAGE_ROWS, lambda o: request.href(**{"from": str(o)}), lang)],
                          id=live_id("events-list")),
                 _map(request, listed)],
                className="events-places",
            ),
        ],
        className="events",
    )  # fmt: skip
    return View(title, body, key=f"events-{city.id}")


def _map(request: PageRequest, events: Sequence[Event]) -> html.Aside:
    """Where the listed events are; one without coordinates stands at the middle of its area."""
    city, lang = request.city, request.lang
    areas = city.children(city.city_area.id)
    layer = (city.layer_of(areas[0].level) if areas else None) or "outline"
    centres = {a.id: a.centroid for a in city.areas.values() if a.centroid}
    figure = domain_events.event_map(basemap.base_map(request), layer, events, centres, request.theme, lang, revision=f"events-{city.id}")
    notes = [*frame.credits(city, lang, request.href("/data", city=city.id, show="layers")), html.Span(t("domains.events_at", lang))]
    return html.Aside([frame.map_box(figure, lang, id=live_id("events-map"), label=t("domains.events_map", lang)),
                       html.Div(notes, className="map-notes note")], className="events-map", **{"aria-label": t("domains.events_map", lang)})


def _one_of(request: PageRequest, name: str, allowed: Sequence[str]) -> str:
    text = request.params.get(name, "")
    if text and text not in allowed:
        raise UnknownId(name, text, allowed)
    return text


def _summary(request: PageRequest, events: Sequence[Event]) -> str:
    counts = Counter(e.state for e in events)
    return t("events.summary", request.lang, open=counts["open"], in_hand=counts["in_hand"], closed=counts["closed"])


def _state_links(request: PageRequest, events: Sequence[Event], chosen: str) -> html.Nav:
    counts = Counter(e.state for e in events)
    links = [_link(request, "state", "", t("events.all", request.lang), len(events), chosen)]
    links += [_link(request, "state", s, t(f"event.{s}", request.lang), counts[s], chosen) for s in STATES]  # type: ignore[index]
    return html.Nav(links, id=live_id("events-states"), className="tabs", **{"aria-label": t("events.by_state", request.lang)})


def _kind_links(request: PageRequest, events: Sequence[Event], chosen: str) -> html.Nav:
    counts = Counter(e.kind for e in events)
    links = [_link(request, "kind", "", t("events.all_kinds", request.lang), len(events), chosen)]
    links += [_link(request, "kind", k, t(f"event.{k}", request.lang), counts[k], chosen) for k in KINDS]  # type: ignore[index]
    return html.Nav(links, id=live_id("events-kinds"), className="tabs", **{"aria-label": t("events.by_kind", request.lang)})


def _link(request: PageRequest, name: str, value: str, words: str, count: int, chosen: str) -> html.A:
    changes: dict[str, str | None] = {name: value or None, "from": None}
    return html.A([words, html.Small(str(count))], href=request.href(**changes), className="is-active" if value == chosen else "")


def _area_links(request: PageRequest, chosen: Area) -> html.Nav:
    """The city, its parts and zones; a township chosen elsewhere is added."""
    city, lang = request.city, request.lang
    own = city.city_area
    areas = [*city.children(own.id), *city.children(own.id, level="zone")]
    if len(areas) > 12:
        areas = []
    if chosen.id != own.id and chosen.id not in {a.id for a in areas}:
        areas.append(chosen)
    links = [html.A(t("events.whole_city", lang), href=request.href(area=None, **{"from": None}),
                    className="is-active" if chosen.id == own.id else "")]  # fmt: skip
    links += [html.A(request.name(a), href=request.href(area=a.id, **{"from": None}), className="is-active" if a.id == chosen.id else "")
              for a in areas]  # fmt: skip
    return html.Nav(links, id=live_id("events-areas"), className="tabs", **{"aria-label": t("events.by_area", lang)})


def _acting(request: PageRequest) -> html.Div:
    """Whether alerts can be changed now. The page is built once for all, so the browser shows who may."""
    lang = request.lang
    who = holder(request.queries.home)
    runs = who is not None and who.answers_inbox
    words = [html.Span(t("events.no_pipeline", lang), className="tone-warn")] if not runs else []
    return html.Div(
        [
            *words,
            html.Span([t("events.may_not", lang), " ", html.A(t("events.choose_role", lang), href="/login", **{"data-native": "true"})],
                      className="if-may-not note"),
        ],
        id=live_id("events-acting"),
        className="events-acting",
    )


def _list(request: PageRequest, events: Sequence[Event]) -> Any:
    if not events:
        return empty(t("events.none", request.lang), t("events.none_hint", request.lang))
    return html.Ul([_item(request, e) for e in events], className="event-list")


def _item(request: PageRequest, event: Event) -> html.Li:
    lang, city, tz = request.lang, request.city, request.city.tz
    until = event.closed_at_utc or request.now_utc
    tone = "alert" if is_signal(event) else "warn" if event.kind == "alert" and event.state != "closed" else "plain"
    owner = owner_words(event, overview.departments(request), lang)
    details: list[Any] = [t("event.lasted", lang, age=formats.age((until - event.opened_at_utc).total_seconds(), lang))]  # fmt: skip
    if event.closed_at_utc:
        details.append(t("events.closed_at", lang, time=formats.moment(event.closed_at_utc, tz, lang, request.now_utc)))
    if event.changed_by:
        at = formats.moment(event.changed_at_utc, tz, lang, request.now_utc) if event.changed_at_utc else ""
        details.append(t("events.changed_by", lang, who=person_words(event.changed_by, lang), at=at).strip())
    elif event.changed_at_utc:
        details.append(t("events.reported_at", lang, at=formats.moment(event.changed_at_utc, tz, lang, request.now_utc)))
    if event.note:
        details.append(t("events.note_words", lang, note=event.note))
    marks = [mark(t(f"event.{event.kind}", lang)), mark(severity_words(event.severity, lang), tone)]
    if event.is_simulated:
        marks.append(mark(t("state.simulated", lang), "simulated"))
    place: Any = None
    if event.area and city.has_area(event.area):
        area = city.area(event.area)
        place = html.A(request.name(area), href=request.area_href(area.id), className="event-place")
    body: list[Any] = [
        html.Span(formats.moment(event.opened_at_utc, tz, lang, request.now_utc), className="event-time"),
        mark(t(f"event.{event.state}", lang), tone),
        html.Div(
            [
                html.P([html.Span(pick(event.title_zh, event.title_en, lang), className="event-title"), *marks], className="event-line"),
                html.P([*([place, " · "] if place else []), owner, " · ", " · ".join(details)], className="event-details"),
                *_trail(request, event),
            ],
            className="event-body",
        ),
        html.Div(_form(request, event) if event.kind == "alert" and event.state != "closed" else None, className="event-act"),
    ]
    return html.Li(body, className=f"event is-{event.state}")


def _trail(request: PageRequest, event: Event) -> list[Any]:
    """Every step of an alert behind one word: its state, when, by whom, with which note. One step is told already."""
    lang, tz = request.lang, request.city.tz
    if len(event.trail) < 2:
        return []
    steps = [
        html.Li([
            html.Span(formats.full_moment(step.at_utc, tz, lang), className="num"), " ", t(f"event.{step.state}", lang), " · ",
            person_words(step.by, lang), *([" · ", t("events.note_words", lang, note=step.note)] if step.note else []),
        ])
        for step in event.trail
    ]  # fmt: skip
    return [html.Details([html.Summary(t("events.trail", lang, n=len(steps))), html.Ol(steps)], className="event-trail note")]


def person_words(name: str, lang: Any) -> str:
    """The system's own changes are told as such."""
    return t("events.system", lang) if name == "system" else name


def _form(request: PageRequest, event: Event) -> html.Details:
    """A note and two buttons behind one word; `assets/events.js` sends them and shows the answer."""
    lang = request.lang
    label = t("events.note", lang)
    buttons = [
        html.Button(t(f"events.set_{s}", lang), type="submit", name="state", value=s, className="button")
        for s in ("in_hand", "open", "closed") if s != event.state
    ]  # fmt: skip
    words = {f"data-{key}": t(f"events.act_{key}", lang) for key in ("sending", "done", "busy", "forbidden", "failed", "moved")}
    note = html.Textarea(rows=2, maxLength=NOTE_LENGTH, placeholder=label, name="note", **{"aria-label": label})
    form = html.Form([note, html.Div(buttons, className="act-row"), html.Span(className="act-result", role="status")],
                     className="act", **{"data-act": "alert", "data-alert": event.id, **words})  # fmt: skip
    return html.Details([html.Summary(t("events.act", lang)), form], className="if-may")


PAGE = Page(id="events", pattern="/events", build=build, nav="nav.events", order=30)
