"""`/data` — where do the figures come from, how fresh is it, what was refused, and whose are the maps?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dash import html

from components import formats, refusal, table
from components.formats import full_moment, moment, number
from components.i18n import Lang, has, pick, t
from components.ids import live_id
from components.states import mark
from data_pipeline.cities import Pack
from data_pipeline.contracts import contracts
from data_pipeline.errors import UnknownId
from data_pipeline.ingest.types import unused_in
from data_pipeline.queries.types import Delivery, QuarantinedRow, Source
from pages import Page, PageRequest, View
from pages.area import dataset_name, offset_of, supplier_name
from pages.serving import shell

PARTS = ("sources", "deliveries", "quarantine", "layers")
PAGE_ROWS = 40
MAX_ORIGINAL = 8


def build(request: PageRequest) -> View:
    """One of four parts by `show=`: sources, deliveries, quarantine, layers."""
    city, lang = request.city, request.lang
    title = t("data.title", lang, city=request.name(city))
    part = request.params.get("show", PARTS[0])
    if part not in PARTS:
        raise UnknownId("part", part, PARTS)
    if not request.queries.has_data(city.id) and part != "layers":
        return View(title, shell.building(request), key=f"data-building-{city.id}")
    if (wanted := request.params.get("dataset")) and wanted not in contracts():
        raise UnknownId("dataset", wanted, contracts())
    built: dict[str, Callable[[PageRequest], list[Any]]] = {
        "sources": _sources, "deliveries": _deliveries, "quarantine": _quarantine, "layers": _layers,
    }  # fmt: skip
    tabs = [
        html.A(t(f"data.part_{p}", lang), href=request.href("/data", city=city.id, show=None if p == PARTS[0] else p),
               className="is-active" if p == part else "", **({"aria-current": "page"} if p == part else {}))
        for p in PARTS
    ]  # fmt: skip
    body = html.Div(
        [
            html.Div([html.H1(title, className="area-name"), html.Nav(tabs, className="tabs data-parts")], className="data-head"),
            *built[part](request),
        ],
        className="data",
    )
    return View(title, body, key=f"data-{city.id}-{part}")


# ---------------------------------------------------------------------------- sources


def _sources(request: PageRequest) -> list[Any]:
    lang, city = request.lang, request.city
    sources = request.queries.sources(city.id)
    order = {"late": 0, "never": 1, "ok": 2, "off": 3}
    listed = sorted(sources, key=lambda s: (order.get(s.status, 2), s.state != "real"))
    heads = ["source", "supplier", "state", "cadence", "last_event", "last_received", "status", "accepted", "quarantined"]
    rows = [
        [
            html.A([html.B(pick(s.name_zh, s.name_en, lang)), html.Small(dataset_name(request, s.dataset))], className="two-lines",
                   href=request.href("/data", city=city.id, show="deliveries", dataset=s.dataset)),
            pick(s.supplier_zh, s.supplier_en, lang) or t("data.no_supplier", lang),
            mark(t(f"data.state_{s.state}", lang), "simulated" if s.state == "simulated" else "plain"),
            cadence_words(s, lang),
            moment(s.last_event_utc, city.tz, lang, request.now_utc) if s.last_event_utc else t("data.none_yet", lang),
            moment(s.last_received_utc, city.tz, lang, request.now_utc) if s.last_received_utc else t("data.none_yet", lang),
            status_mark(s, lang),
            number(s.rows_accepted, 0),
            _quarantined_link(request, s.dataset, s.rows_quarantined),
        ]
        for s in listed
    ]  # fmt: skip
    return [
        html.P(summary_words(sources, lang), id=live_id("data-summary"), className="data-summary"),
        table.table([t(f"data.{h}", lang) for h in heads], rows, lang, id=live_id("data-sources"), numeric=(7, 8),
                    class_name="wide-table"),
        html.P(t("data.sources_note", lang), className="note"),
    ]  # fmt: skip


def summary_words(sources: Sequence[Source], lang: Lang) -> str:
    """How many sources there are of each state, and how many are late or have never delivered."""
    states = [s.state for s in sources]
    statuses = [s.status for s in sources]
    words = [t("data.summary", lang, total=len(sources), real=states.count("real"), simulated=states.count("simulated"),
               off=states.count("off"))]  # fmt: skip
    for status in ("late", "never"):
        if statuses.count(status):
            words.append(t(f"data.summary_{status}", lang, n=statuses.count(status)))
    return t("sentence.joint", lang).join(words)


def cadence_words(source: Source, lang: Lang) -> str:
    """"every hour, 30 min grace", or that no rhythm is promised."""
    if source.cadence_s is None:
        return t("data.no_cadence", lang)
    every = t("data.every", lang, age=formats.age(source.cadence_s, lang))
    return every + (t("data.grace", lang, age=formats.age(source.grace_s, lang)) if source.grace_s else "")


def status_mark(source: Source, lang: Lang) -> Any:
    """On time, late since when, never delivered, or not in use."""
    if source.status == "late":
        late = t("state.stale_short", lang, age=formats.age(source.late_s, lang)) if source.late_s else t("data.status_late", lang)
        return mark(late, "warn")
    return mark(t(f"data.status_{source.status}", lang), "warn" if source.status == "never" else "plain")


def _quarantined_link(request: PageRequest, dataset: str, count: int) -> Any:
    if not count:
        return number(count, 0)
    return html.A(number(count, 0), href=request.href("/data", city=request.city.id, show="quarantine", dataset=dataset))


# ---------------------------------------------------------------------------- deliveries


def _filter(request: PageRequest, part: str) -> html.Nav:
    """Links that narrow a list to one dataset."""
    lang, chosen = request.lang, request.params.get("dataset", "")
    used = [d for d, s in request.city.sources.items() if s.state != "off"]
    if chosen and chosen not in used:
        used.append(chosen)
    links = [html.A(t("data.all", lang), href=request.href("/data", city=request.city.id, show=part),
                    className="" if chosen else "is-active")]  # fmt: skip
    links += [
        html.A(dataset_name(request, d), href=request.href("/data", city=request.city.id, show=part, dataset=d),
               className="is-active" if d == chosen else "")
        for d in used
    ]  # fmt: skip
    return html.Nav(links, id=live_id(f"data-filter-{part}"), className="tabs", **{"aria-label": t("data.filter", lang)})


def _deliveries(request: PageRequest) -> list[Any]:
    lang, city = request.lang, request.city
    offset = offset_of(request, "from")
    found = request.queries.deliveries(city.id, request.params.get("dataset"), PAGE_ROWS, offset)
    heads = ["delivery", "file", "dataset", "supplier", "received", "rows_in", "accepted", "duplicates", "quarantined",
             "corrections", "result"]  # fmt: skip
    rows = [_delivery_row(request, d) for d in found]
    return [
        _filter(request, "deliveries"),
        html.P(t("data.account", lang), className="note"),
        html.Div(
            [table.table([t(f"data.{h}", lang) for h in heads], rows, lang, numeric=(5, 6, 7, 8, 9), class_name="wide-table"),
             table.pager(offset, len(found), PAGE_ROWS, lambda o: request.href(**{"from": str(o)}), lang)],
            id=live_id("data-deliveries"),
        ),
    ]  # fmt: skip


def _delivery_row(request: PageRequest, delivery: Delivery) -> list[Any]:
    lang, city = request.lang, request.city
    size = formats.number(delivery.bytes / 1024, 0 if delivery.bytes >= 10240 else 1)
    about = " · ".join(x for x in (delivery.format.upper(), f"{size} KB", delivery.mapping, delivery.operator) if x)
    refused: Any = number(delivery.quarantined, 0)
    if delivery.quarantined:
        refused = html.A(refused, href=request.href("/data", city=city.id, show="quarantine", dataset=delivery.dataset,
                                                    delivery=str(delivery.delivery_id)))  # fmt: skip
    unused = unused_in(delivery.message)
    joint = "、" if lang == "zh" else ", "
    says = [html.Small(t("data.unused_columns", lang, names=joint.join(unused)), className="tone-warn")] if unused else []
    return [
        str(delivery.delivery_id),
        html.Span([html.B(delivery.filename), html.Small(about, lang=""), *says], className="two-lines", title=f"SHA-256 {delivery.sha256}"),
        dataset_name(request, delivery.dataset),
        html.Span([html.Span(supplier_name(request, delivery.source)), *([mark(t("state.simulated", lang), "simulated")] if delivery.is_simulated else [])],
                  className="two-lines"),
        full_moment(delivery.received_at_utc, city.tz, lang),
        *(number(n, 0) for n in (delivery.rows_in, delivery.accepted, delivery.duplicates)),
        refused,
        number(delivery.corrections, 0),
        mark(result_words(delivery, lang), "plain" if delivery.status == "accepted" else "warn", title=delivery.message),
    ]  # fmt: skip


def result_words(delivery: Delivery, lang: Lang) -> str:
    """The word for how a delivery ended; an unknown one as it is."""
    key = f"data.result_{delivery.status}"
    return t(key, lang) if has(key, lang) else delivery.status


# ---------------------------------------------------------------------------- quarantine


def _quarantine(request: PageRequest) -> list[Any]:
    lang, city = request.lang, request.city
    dataset, text = request.params.get("dataset"), request.params.get("delivery", "")
    delivery = int(text) if text.isdecimal() and len(text) < 18 else None
    offset = offset_of(request, "from")
    found = request.queries.quarantine(city.id, dataset, delivery, PAGE_ROWS, offset)
    heads = ["row", "dataset", "rule", "column", "reason", "original", "quarantine_state"]
    rows = [_quarantine_row(request, row) for row in found]
    return [
        _filter(request, "quarantine"),
        html.Div(_quarantine_actions(request, dataset, delivery, bool(found)), id=live_id("data-export"), className="data-actions"),
        html.Div(
            [table.table([t(f"data.{h}", lang) for h in heads], rows, lang, class_name="wide-table quarantine-table"),
             table.pager(offset, len(found), PAGE_ROWS, lambda o: request.href(**{"from": str(o)}), lang)],
            id=live_id("data-quarantine"),
        ),
    ]  # fmt: skip


def _quarantine_actions(request: PageRequest, dataset: str | None, delivery: int | None, any_rows: bool) -> list[Any]:
    lang, city = request.lang, request.city
    parts: list[Any] = []
    if delivery is not None:
        parts.append(html.Span(t("data.only_delivery", lang, delivery=delivery)))
        parts.append(html.A(t("data.all_deliveries", lang), href=request.href(delivery=None, **{"from": None}), className="button"))
    if dataset and any_rows:
        href = f"/act/quarantine.csv?city={city.id}&dataset={dataset}" + (f"&delivery={delivery}" if delivery is not None else "")
        parts.append(html.A(t("data.export", lang), href=href, className="button", download="", **{"data-native": "true"}))
        parts.append(html.Span(t("data.replay_hint", lang), className="note"))
    elif not dataset:
        parts.append(html.Span(t("data.export_hint", lang), className="note"))
    return parts


def _quarantine_row(request: PageRequest, row: QuarantinedRow) -> list[Any]:
    lang = request.lang
    known = contracts().get(row.dataset)
    column = known.columns.get(row.column) if known else None
    words = pick(column.zh, column.en, lang) if column else row.column
    where = request.href("/data", city=request.city.id, show="quarantine", dataset=row.dataset, delivery=str(row.delivery_id))
    values = list(row.original.items())
    shown: list[Any] = [
        html.Span([html.Span(str(name), className="note"), " ", "" if value is None else str(value)],
                  className="original-cell is-at-fault" if name == row.column else "original-cell")
        for name, value in values[:MAX_ORIGINAL]
    ]  # fmt: skip
    rest = values[MAX_ORIGINAL:]
    if rest:
        shown.append(html.Details([html.Summary(t("data.more_values", lang, n=len(rest))),
                                   *(html.Span([html.Span(str(k), className="note"), " ", "" if v is None else str(v)],
                                               className="original-cell") for k, v in rest)]))  # fmt: skip
    return [
        html.A([html.B(t("data.row_number", lang, n=number(row.row_number, 0))), html.Small(t("data.of_delivery", lang, delivery=row.delivery_id))],
               href=where, className="two-lines"),
        dataset_name(request, row.dataset),
        html.Span(refusal.rule_words(row.rule, lang, known), title=row.rule),
        words,
        _reason(row, lang),
        html.Div(shown, className="original", lang=""),
        mark(quarantine_state_words(row.state, lang), "plain"),
    ]  # fmt: skip


def _reason(row: QuarantinedRow, lang: Lang) -> Any:
    """Why, in the reader's language; what the check recorded (in English, with the value) opens below it."""
    recorded = html.Span(row.reason, className="reason", lang="en")
    if lang == "en":
        return recorded
    contract = contracts().get(row.dataset)
    said = refusal.reason_words(row.rule, row.column, contract, lang) or refusal.rule_words(row.rule, lang, contract)
    return html.Div([html.Span(said, className="reason"), html.Details([html.Summary(t("data.reason_recorded", lang)), recorded])],
                    className="refusal")  # fmt: skip


def quarantine_state_words(state: str, lang: Lang) -> str:
    """Open or replayed; an unknown state as it is."""
    key = f"data.row_{state}"
    return t(key, lang) if has(key, lang) else state


# ---------------------------------------------------------------------------- layers


def _layers(request: PageRequest) -> list[Any]:
    city, lang = request.city, request.lang
    heads = ["layer", "origin", "licence", "rights", "accuracy", "remark"]
    rows = [
        [
            html.Span([html.B(layer_words(name, lang)), html.Small(layer.file.rpartition("/")[2])], className="two-lines"),
            html.Span(layer.source, lang=""), html.Span(layer.licence, lang=""), _rights(layer.rights, lang),
            t("data.metres", lang, m=number(layer.accuracy_m, 0)) if layer.accuracy_m else t("data.accuracy_unknown", lang),
            [pick(layer.note_zh, layer.note_en, lang), *([" ", mark(t("data.sketch", lang), "warn")] if layer.approximate else [])],
        ]
        for name, layer in city.layers.items()
    ]  # fmt: skip
    facts = [[pick(f.what_zh, f.what, lang), html.Span(f.source, lang=""), html.Span(f.licence, lang=""), _rights(f.rights, lang), None,
              pick(f.note_zh, f.note, lang) or None] for f in city.facts]
    return [
        html.P(_rights_summary(city, lang), className="data-summary"),
        table.table([t(f"data.{h}", lang) for h in heads], rows, lang, id=live_id("data-layers"), class_name="wide-table layer-table"),
        *([html.H2(t("data.facts", lang)),
           table.table([t(f"data.{h}", lang) for h in ("fact", *heads[1:])], facts, lang, id=live_id("data-facts"), class_name="wide-table layer-table")]
          if facts else []),
        html.P(t("map.approval_no", lang, number=city.map_approval_number) if city.map_approval_number
               else t("map.approval", lang), className="note"),
    ]  # fmt: skip


def layer_words(name: str, lang: Lang) -> str:
    """The word for a layer; an unknown one as it is."""
    key = f"layer.{name}"
    return t(key, lang) if has(key, lang) else name


def _rights(rights: str, lang: Lang) -> Any:
    return mark(t(f"data.rights_{rights}", lang), "warn" if rights == "to_clear" else "plain")


def _rights_summary(city: Pack, lang: Lang) -> str:
    waiting = [name for name, layer in city.layers.items() if layer.rights == "to_clear"]
    return t("data.rights_summary", lang, total=len(city.layers), to_clear=len(waiting))


PAGE = Page(id="data", pattern="/data", build=build, nav="nav.data", order=40)
