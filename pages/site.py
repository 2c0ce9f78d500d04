"""`/site/<id>?city=` — what is this place, how does it stand, and what has it reported?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dash import html

from components import cells, formats, history, source_line, table
from components.formats import full_moment, number
from components.i18n import pick, t
from components.ids import live_id
from components.maps import dots, frame
from components.states import empty, mark
from data_pipeline.cities import Area
from data_pipeline.contracts import Contract, contract, contracts
from data_pipeline.contracts import duration as duration_of
from data_pipeline.queries.types import Site
from geo.distance import geodesic_m
from pages import Page, PageRequest, View
from pages.area import crumbs, dataset_name, offset_of, place_link, site_name, supplier_name
from pages.serving import basemap, download, shell

CHART_RECORDS, TABLE_RECORDS, NEIGHBOURS = 400, 20, 8
NEAR_DEG = 0.02
# columns of the store that say where a record is from, not what it says
SYSTEM = frozenset({
    "city", "locality_id", "h3_r9", "place_basis", "event_at_utc", "utc_offset_s", "local_day", "is_simulated", "delivery_id",
    "row_number", "known_from_utc", "known_to_utc", "commit_seq",
})  # fmt: skip


@dataclass(frozen=True)
class Records:
    """Records of one dataset about one site, newest first."""

    contract: Contract
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def of(self, name: str) -> list[Any]:
        """One column's values; None for each row where the column is not there."""
        if name not in self.columns:
            return [None for _ in self.rows]
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    @property
    def own_columns(self) -> list[str]:
        """The contract's columns among them, without those that name the place."""
        return [n for n in self.contract.columns if n in self.columns and n not in cells.PLACE_COLUMNS]


def build(request: PageRequest) -> View:
    """One site. An unknown id is a page that says so."""
    q, city, lang = request.queries, request.city, request.lang
    if not q.has_data(city.id):
        return View(request.name(city), shell.building(request), key=f"site-building-{city.id}")
    site = q.site(city.id, request.args["site"])
    name = site_name(request, site)
    kinds = datasets_of(request, site)
    chosen = request.params.get("dataset", "")
    chosen = chosen if chosen in kinds else next(iter(kinds), "")
    records = _records(request, site, chosen) if chosen else None
    area = _area(request, site)
    body = html.Div(
        [
            _head(request, site, records),
            html.Div([_what(request, site), _where(request, site), _near(request, site)], className="site-top"),
            _history(request, site, records, kinds),
            html.Div([_table(request, records), _deliveries(request, site, records)], className="site-below"),
        ],
        className="site",
    )
    return View(t("site.title", lang, site=name, city=request.name(city)), body, key=f"site-{city.id}-{site.site_id}",
                crumbs=crumbs(request, area, name))  # fmt: skip


def datasets_of(request: PageRequest, site: Site) -> list[str]:
    """Datasets whose records speak about sites of this kind and that the city has a source for."""
    used = {d for d, s in request.city.sources.items() if s.state != "off"}
    return [c.id for c in contracts().values() if c.register_dataset == site.dataset and c.id in used]


def _records(request: PageRequest, site: Site, dataset: str) -> Records:
    columns, rows = request.queries.site_records(request.city.id, site.site_id, dataset, CHART_RECORDS)
    return Records(contract(dataset), tuple(columns), tuple(tuple(row) for row in rows))


def _area(request: PageRequest, site: Site) -> Area:
    """The smallest area the site counts in."""
    city = request.city
    found = next((i for i in (site.township_id, site.district_id) if i and city.has_area(i)), city.city_area.id)
    return city.area(found)


def _head(request: PageRequest, site: Site, records: Records | None) -> html.Div:
    lang = request.lang
    facts: list[Any] = [html.Span(dataset_name(request, site.dataset)), html.Span(t("site.id", lang, id=site.site_id))]
    if site.is_simulated:
        facts.append(mark(t("live.simulated", lang), "simulated"))
    return html.Div(
        [
            html.H1(site_name(request, site), className="area-name"),
            html.P(facts, className="area-facts"),
            html.Div(_now(request, records), id=live_id("site-now"), className="site-now"),
        ],
        className="area-head",
    )


def _now(request: PageRequest, records: Records | None) -> list[Any]:
    """The newest record: each value with its name, and how old it is."""
    lang, tz = request.lang, request.city.tz
    if records is None:
        return [html.P(t("site.no_reports", lang), className="note")]
    if not records.rows:
        return [html.P(t("site.no_records", lang), className="tone-warn")]
    at = _event_time(records)[0]
    late = _late(request, records, at)
    parts: list[Any] = [
        html.P([t("site.last", lang, time=full_moment(at, tz, lang)), *([html.Span(late, className="tone-warn")] if late else [])],
               className="site-asof")
    ]  # fmt: skip
    shown = [n for n in records.own_columns if n != records.contract.event_time and records.of(n)[0] is not None]
    for name in shown[:6]:
        column = records.contract.columns[name]
        parts.append(
            html.Div(
                [
                    html.Span(pick(column.zh, column.en, lang), className="site-now-name"),
                    html.Span([html.Span(cells.cell(records.of(name)[0], column, tz, lang), className="num"),
                               html.Span(cells.unit_words(column.unit, lang), className="unit")], className="kpi-value"),
                ],
                className="site-now-figure",
            )
        )  # fmt: skip
    return parts


def _event_time(records: Records) -> list[datetime]:
    """Event times in UTC, newest first."""
    name = records.contract.event_time or ""
    return records.of(name if name in records.columns else "event_at_utc")


def _late(request: PageRequest, records: Records, at: datetime | None) -> str:
    """Words for a site that has been silent for longer than two steps of its cadence and the source's grace."""
    if not records.contract.cadence or at is None:
        return ""
    source = request.city.sources.get(records.contract.id)
    due = duration_of(records.contract.cadence) * 2 + timedelta(seconds=(source.grace_s if source else None) or 0)
    age = request.now_utc - at
    return t("site.silent", request.lang, age=formats.age(age.total_seconds(), request.lang)) if age > due else ""


def _what(request: PageRequest, site: Site) -> html.Section:
    lang = request.lang
    rows = cells.attributes(site.attributes, contract(site.dataset), request.city.tz, lang)
    body: Any = html.P(t("site.no_attributes", lang), className="note")
    if rows:
        body = html.Dl([part for label, text in rows for part in (html.Dt(label), html.Dd(text))], className="facts")
    return html.Section([html.H2(t("site.what", lang)), body], className="site-what", id=live_id("site-what"))


def _where(request: PageRequest, site: Site) -> html.Section:
    city, lang = request.city, request.lang
    rows: list[tuple[str, Any]] = [
        (t("level.district", lang), place_link(request, site.district_id)),
        (t("level.township", lang), place_link(request, site.township_id)),
    ]
    if site.zone_ids:
        rows.append((t("level.zone", lang), [place_link(request, z) for z in site.zone_ids]))
    if site.lon is not None and site.lat is not None:
        rows.append((t("site.coordinates", lang), f"{number(site.lon, 5)}, {number(site.lat, 5)}"))
    basis = f"site.basis_{site.place_basis}"
    notes = [html.P(t(basis, lang), className="note")] if site.place_basis in ("point", "township", "area", "site") else []
    if site.place_basis == "point":
        notes.append(html.P(t("site.approximate", lang), className="note tone-warn"))
    return html.Section(
        [
            html.H2(t("site.where", lang)),
            html.Dl([part for label, value in rows if value is not None for part in (html.Dt(label), html.Dd(value))],
                    className="facts"),
            *notes,
            html.P(frame.credits(city, lang, request.href("/data", city=city.id, show="layers")), className="note map-notes"),
        ],
        className="site-where",
    )  # fmt: skip


def _near(request: PageRequest, site: Site) -> html.Section:
    """The small map with the sites around, and the nearest ones by distance."""
    city, lang = request.city, request.lang
    if site.lon is None or site.lat is None:
        return html.Section([html.H2(t("site.near", lang)), empty(t("site.no_place", lang), t("site.no_place_hint", lang))],
                            className="site-near")  # fmt: skip
    box = (site.lon - NEAR_DEG, site.lat - NEAR_DEG, site.lon + NEAR_DEG, site.lat + NEAR_DEG)
    around = [s for s in request.queries.sites(city.id, bbox=box) if s.lon is not None and s.lat is not None]
    layer = city.layer_of("township") or "outline"
    figure = dots.site_map(dots.focused(basemap.base_map(request), box), box, layer, request.theme, revision=f"site-{site.site_id}")
    figure = dots.with_sites(figure, around, lambda s: request.href(f"/site/{s.site_id}", city=city.id),
                             lambda s: f"<b>{site_name(request, s)}</b><br>{dataset_name(request, s.dataset)}", request.theme,
                             current=site.site_id)  # fmt: skip
    return html.Section(
        [
            html.H2([t("site.near", lang), html.Small(t("area.sketch_lines", lang))]),
            html.Div(
                [
                    frame.map_box(figure, lang, id=live_id("site-map")),
                    html.Ul([_neighbour(request, s, d) for s, d in nearest(site, around)], className="near-list",
                            id=live_id("site-near")),
                ],
                className="near",
            ),
        ],
        className="site-near",
    )  # fmt: skip


def nearest(site: Site, around: Sequence[Site]) -> list[tuple[Site, float]]:
    """The nearest other sites with their distance in metres along the earth, nearest first."""
    if site.lon is None or site.lat is None:
        return []
    others = [s for s in around if s.site_id != site.site_id and s.lon is not None and s.lat is not None]
    places = [(s.lon or 0.0, s.lat or 0.0) for s in others]
    metres = geodesic_m(site.lon, site.lat, [x for x, _ in places], [y for _, y in places]).tolist() if places else []
    found = sorted(zip(others, metres, strict=True), key=lambda pair: (pair[1], pair[0].site_id))
    return found[:NEIGHBOURS]


def _neighbour(request: PageRequest, site: Site, metres: float) -> html.Li:
    name = site_name(request, site)
    return html.Li(
        html.A(
            [html.Span(name, className="near-name", title=name), html.Span(dataset_name(request, site.dataset), className="note"),
             html.Span(t("site.metres", request.lang, m=number(metres, 0)), className="num")],
            href=request.href(f"/site/{site.site_id}", city=request.city.id),
        )
    )  # fmt: skip


# ---------------------------------------------------------------------------- records


def _history(request: PageRequest, site: Site, records: Records | None, kinds: Sequence[str]) -> html.Section:
    lang, tz = request.lang, request.city.tz
    head = html.H2(t("site.history", lang))
    if records is None:
        return html.Section([head, html.P(t("site.no_reports", lang), className="note")], className="site-history")
    drawable = [n for n in cells.chart_columns(records.contract, records.columns) if any(v is not None for v in records.of(n))]
    wanted = request.params.get("column", "")
    # a line that never moves tells less than one that does
    moving = [n for n in drawable if len(set(records.of(n))) > 1]
    shown = wanted if wanted in drawable else next(iter(moving or drawable), "")
    tabs = [html.A(pick(records.contract.columns[n].zh, records.contract.columns[n].en, lang), href=request.href(column=n),
                   className="is-active" if n == shown else "") for n in drawable]  # fmt: skip
    sets = [html.A(dataset_name(request, d), href=request.href(dataset=d, column=None),
                   className="is-active" if d == records.contract.id else "") for d in kinds]  # fmt: skip
    if shown:
        cadence = duration_of(records.contract.cadence) if records.contract.cadence else None
        points = list(zip(_event_time(records), records.of(shown), strict=True))
        chart = history.history(points, records.contract.columns[shown], cadence, tz, lang, request.theme, id=live_id("site-chart"))
        chart = html.Div([chart, source_line.chart_tools(_chart_source(request, site, records, shown), lang, graph=f"{live_id('site-chart')}-graph",
                                                         id=live_id("site-chart-tools"))], className="chart")  # fmt: skip
    else:
        chart = html.Div(empty(t("state.no_data", lang), t("site.no_chart", lang)), id=live_id("site-chart"), className="trend")
    return html.Section(
        [
            html.Div([head, html.Nav(sets if len(sets) > 1 else [], id=live_id("site-sets"), className="tabs"),
                      html.Nav(tabs, id=live_id("site-columns"), className="tabs")], className="panel-head"),
            chart,
            html.P(_chart_note(request, records), id=live_id("site-chart-note"), className="note"),
        ],
        className="site-history",
    )  # fmt: skip


def _chart_source(request: PageRequest, site: Site, records: Records, column: str) -> source_line.SourceLine:
    """What a picture of a site's records says: column and site, newest record, lateness, supplier, simulated, snapshot."""
    lang, city, snapshot = request.lang, request.city, request.queries.snapshot()
    declared = records.contract.columns[column]
    at = _event_time(records)[0]
    late = _late(request, records, at)
    simulated = [flag for flag in records.of("is_simulated") if flag]
    parts = [t("site.last", lang, time=full_moment(at, city.tz, lang)), late, t("chart.source", lang, name=download.supplier(city, records.contract.id, lang)),
             t("state.simulated", lang) if simulated else "", t("live.snapshot", lang, id=snapshot.id) if snapshot else ""]  # fmt: skip
    title = f"{pick(declared.zh, declared.en, lang)} · {site_name(request, site)}"
    return source_line.SourceLine(title, " · ".join(part for part in parts if part), bool(late), file_name=f"{site.site_id}_{column}")


def _chart_note(request: PageRequest, records: Records) -> str:
    lang = request.lang
    count = number(len(records.rows), 0)
    if not records.contract.cadence:
        return t("site.chart_note", lang, n=count)
    every = formats.age(duration_of(records.contract.cadence).total_seconds(), lang)
    return t("site.chart_note_cadence", lang, n=count, every=every)


def _table(request: PageRequest, records: Records | None) -> html.Section:
    lang, tz = request.lang, request.city.tz
    head = html.H2(t("site.records", lang))
    if records is None or not records.rows:
        return html.Section([head, html.P(t("state.no_rows", lang), className="note", id=live_id("site-records"))],
                            className="site-records")  # fmt: skip
    names = records.own_columns
    columns = [records.of(n) for n in names]
    simulated = records.of("is_simulated")
    ids = records.of("delivery_id")
    rows = [
        [
            *(cells.cell(values[i], records.contract.columns[n], tz, lang) for n, values in zip(names, columns, strict=True)),
            [delivery_link(request, records.contract.id, ids[i]), *([" ", mark(t("state.simulated", lang), "simulated")] if simulated[i] else [])],
        ]
        for i in range(min(len(records.rows), TABLE_RECORDS))
    ]  # fmt: skip
    numeric = [i for i, n in enumerate(names) if records.contract.columns[n].type in cells.CHART_TYPES]
    heads = [*(cells.label(n, records.contract, lang) for n in names), t("record.delivery_id", lang)]
    return html.Section(
        [head, table.table(heads, rows, lang, id=live_id("site-records"), numeric=numeric)], className="site-records"
    )


def delivery_link(request: PageRequest, dataset: str, delivery_id: int | None) -> Any:
    """The number of a delivery as a link to its account on `/data`; an em dash where it is unknown."""
    if delivery_id is None:
        return "—"
    href = request.href("/data", city=request.city.id, show="deliveries", dataset=dataset)
    return html.A(str(delivery_id), href=href, title=t("site.to_delivery", request.lang))


def _deliveries(request: PageRequest, site: Site, records: Records | None) -> html.Section:
    """The deliveries the register entry and the records on screen came in."""
    q, city, lang = request.queries, request.city, request.lang
    offset = offset_of(request, "deliveries")
    found = q.site_deliveries(city.id, site.site_id, records.contract.id if records else None, TABLE_RECORDS, offset)
    rows = [
        [delivery_link(request, d.dataset, d.delivery_id), dataset_name(request, d.dataset), d.filename, supplier_name(request, d.source),
         full_moment(d.received_at_utc, city.tz, lang)]
        for d in found
    ]  # fmt: skip
    heads = [t(f"data.{n}", lang) for n in ("delivery", "dataset", "file", "supplier", "received")]
    api = f"/api/v1/sites?city={city.id}&dataset={site.dataset}"
    return html.Section(
        [
            html.H2(t("site.deliveries", lang)),
            html.Div(
                [table.table(heads, rows, lang),
                 table.pager(offset, len(found), TABLE_RECORDS, lambda o: request.href(deliveries=str(o)), lang)],
                id=live_id("site-deliveries"),
            ),
            html.P([t("drawer.api", lang), " ", html.A(api, href=api, className="api-link", **{"data-native": "true"})], className="note"),
        ],
        className="site-deliveries",
    )  # fmt: skip


PAGE = Page(id="site", pattern="/site/{site}", build=build)
