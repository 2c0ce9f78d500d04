"""The provenance drawer: from any figure to its definition, formula, period, files and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import cells, drawer_statistics, formats
from components.figures import class_name, number_children
from components.i18n import Lang, has, pick, t
from components.source_line import SourceLine, buttons, data_props
from components.states import mark
from components.table import table
from data_pipeline.metrics import Metric
from data_pipeline.queries.judged import Provenance
from data_pipeline.queries.types import Delivery, Reading

MAX_FILES, MAX_SAMPLE_COLUMNS = 8, 6


def shell(lang: Lang) -> html.Div:
    """The empty dialog; `assets/app.js` fills `drawer-body` and opens it."""
    return html.Div(
        [
            html.Div(className="drawer-scrim", **{"data-close": "drawer"}),
            html.Div(
                [
                    html.Div(
                        [
                            html.H2(t("drawer.title", lang), id="drawer-title"),
                            html.Button("×", id="drawer-close", className="icon-button", title=t("drawer.close", lang),
                                        **{"data-close": "drawer", "aria-label": t("drawer.close", lang)}),
                        ],
                        className="drawer-head",
                    ),
                    html.Div(id="drawer-body", className="drawer-body"),
                ],
                className="drawer-panel",
                role="dialog",
                tabIndex="-1",
                **{"aria-modal": "true", "aria-labelledby": "drawer-title"},
            ),
        ],
        id="drawer",
        className="drawer",
        hidden=True,
        **{"data-loading": t("drawer.loading", lang), "data-failed": t("drawer.failed", lang, reason="{reason}")},
    )  # fmt: skip


def provenance(
    item: Provenance, metric: Metric, area_name: str, tz: ZoneInfo, lang: Lang, api_href: str,
    suppliers: Mapping[str, str] | None = None, manual_href: str = "", source: SourceLine | None = None,
) -> html.Div:  # fmt: skip
    """Everything behind one figure, in the order an official asks: what, how, when, from where.

    `suppliers`: supplier as delivered → its name in `lang`; one without a name stands as delivered.
    `manual_href`: the metric's page of the manual; empty leaves the link out. `source`: what a picture or file
    of the figure says about itself; with one the figure can be watched and taken along.
    """
    reading = item.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang, exact=True)
    name = pick(item.name_zh, item.name_en, lang)
    assumption = pick(metric.assumption_zh, metric.assumption_en, lang)
    return html.Div(
        [
            html.P([area_name, " · ", formats.period(reading, tz, lang)], className="drawer-place"),
            html.H3(name, className="drawer-name"),
            html.P([*number_children(value), *([html.Span(kind, className="class-words")] if (kind := class_name(reading.value, metric, lang)) else [])],
                   className="drawer-value" if value.is_value else "drawer-value is-empty"),
            html.P([mark(w, "warn" if reading.status == "stale" else "plain")
                    for w in formats.status_words(reading, tz, lang)] + _origin_marks(reading, lang),
                   className="drawer-marks"),
            *([_tools(reading, value, source, lang)] if source else []),
            _section(t("drawer.says", lang), html.P(pick(item.says_zh, item.says_en, lang))),
            _section(t("drawer.does_not_say", lang), html.P(pick(item.does_not_say_zh, item.does_not_say_en, lang))),
            _section(t("drawer.formula", lang), html.P(item.formula, className="formula"), _terms(reading, metric, lang)),
            *([_section(t("drawer.assumption", lang), html.P(assumption))] if assumption else []),
            _section(t("drawer.standard", lang), html.P(_standard(item, lang))),
            _facts(item, metric, tz, lang),
            *drawer_statistics.history(item, metric, tz, lang),
            _section(t("drawer.files", lang), *_files(item.deliveries, tz, lang, suppliers or {})),
            *_sample(item, lang),
            html.Details([html.Summary(t("drawer.sql", lang)), html.Pre(item.sql, className="sql")]),
            *([html.P(html.A(t("manual.open", lang), href=manual_href, className="api-link"))] if manual_href else []),
            html.P([t("drawer.api", lang), " ", html.A(api_href, href=api_href, className="api-link",
                                                     **{"data-native": "true"})], className="note"),
        ],
        className="provenance",
    )  # fmt: skip


def _tools(reading: Reading, value: formats.Figure, source: SourceLine, lang: Lang) -> html.Div:
    """Watch it, or take it along as picture or rows."""
    star = html.Button(
        [html.Span(f"☆ {t('watch.add', lang)}", className="star-off"), html.Span(f"★ {t('watch.remove', lang)}", className="star-on")],
        className="button star",
        **{"data-do": "star", "aria-pressed": "false", "data-watch": f"{reading.metric}|{reading.area}|{reading.grain}"},
    )  # fmt: skip
    return html.Div([star, *buttons(source, lang, "button")], className="drawer-tools", **{"data-value": value.text, **data_props(source)})


def _terms(reading: Reading, metric: Metric, lang: Lang) -> Any:
    if reading.numerator is None and reading.denominator is None:
        return None
    rows = [(t("drawer.numerator", lang), reading.numerator), (t("drawer.denominator", lang), reading.denominator)]
    return html.Dl(
        [part for label, value in rows if value is not None
         for part in (html.Dt(label), html.Dd(formats.number(value, 0 if value == int(value) else 3)))],
        className="terms",
    )  # fmt: skip


def _facts(item: Provenance, metric: Metric, tz: ZoneInfo, lang: Lang) -> html.Dl:
    reading = item.reading
    if reading.expected_n and reading.reported_n is not None:
        complete = t(
            "drawer.completeness_value", lang, expected=formats.number(reading.expected_n, 0),
            reported=formats.number(reading.reported_n, 0), share=formats.share(reading.completeness, lang, 1),
        )  # fmt: skip
    else:
        complete = t("drawer.completeness_unknown", lang)
    start, end = (formats.full_moment(at, tz, lang) for at in (reading.period_start_utc, reading.period_end_utc))
    rows = [
        (t("drawer.period", lang), f"{t(f'grain.{reading.grain}', lang)}  {start} – {end}"),
        (t("drawer.as_of", lang), formats.full_moment(reading.data_as_of_utc, tz, lang)),
        (t("drawer.known", lang), formats.full_moment(reading.known_from_utc, tz, lang)),
        (t("drawer.completeness", lang), complete),
        (t("drawer.records", lang), t("drawer.records_value", lang, n=formats.number(item.records_n, 0))),
        (t("drawer.kind", lang), f"{_kind(item.kind, lang)} · {_origin(reading, lang)}"),
        (t("drawer.status", lang), t(f"drawer.status_{reading.status}", lang)),
        *drawer_statistics.facts(item, metric, lang),
    ]
    if reading.children_expected:
        rows.insert(4, ("", t("drawer.children", lang, reported=reading.children_reported or 0,
                              expected=reading.children_expected)))  # fmt: skip
    if item.snapshot:
        rows.append((t("drawer.snapshot", lang), str(item.snapshot.id)))
    return html.Dl([part for label, text in rows for part in (html.Dt(label), html.Dd(text))], className="facts")


def _files(deliveries: tuple[Delivery, ...], tz: ZoneInfo, lang: Lang, suppliers: Mapping[str, str]) -> list[Any]:
    if not deliveries:
        return [html.P(t("drawer.empty_files", lang), className="note")]
    lines = [
        html.Li(
            [
                html.B(d.filename),
                html.Span(t("drawer.rows", lang, accepted=formats.number(d.accepted, 0),
                            rows_in=formats.number(d.rows_in, 0))),
                html.Small([cells.office(d.source, suppliers, lang), f" · {formats.full_moment(d.received_at_utc, tz, lang)}"]),
                *([mark(t("state.simulated", lang), "simulated")] if d.is_simulated else []),
            ]
        )
        for d in deliveries[:MAX_FILES]
    ]  # fmt: skip
    found: list[Any] = [html.Ul(lines, className="files")]
    if len(deliveries) > MAX_FILES:
        found.append(html.P(t("drawer.more_files", lang, n=len(deliveries) - MAX_FILES), className="note"))
    return found


def _sample(item: Provenance, lang: Lang) -> list[Any]:
    if not item.sample_rows:
        return []
    columns = item.sample_columns[:MAX_SAMPLE_COLUMNS]
    rows = [[None if cell is None else str(cell) for cell in row[: len(columns)]] for row in item.sample_rows[:8]]
    return [html.Details([html.Summary(t("drawer.sample", lang)), table(columns, rows, lang)])]


def _standard(item: Provenance, lang: Lang) -> str:
    if not item.standard:
        return t("drawer.no_standard", lang)
    if not item.clause:
        return item.standard
    return t("drawer.clause", lang, standard=item.standard, clause=pick(item.clause, item.clause_en or item.clause, lang))


def _kind(kind: str, lang: Lang) -> str:
    return t(f"kind.{kind}", lang) if has(f"kind.{kind}", lang) else kind


def _origin(reading: Reading, lang: Lang) -> str:
    if not reading.simulated_share:
        return t("drawer.origin_real", lang)
    if reading.simulated_share >= 1:
        return t("drawer.origin_simulated", lang)
    return t("drawer.origin_part", lang, share=formats.share(max(reading.simulated_share, 0.01), lang))


def _origin_marks(reading: Reading, lang: Lang) -> list[Any]:
    words = formats.simulated_words(reading.simulated_share, lang)
    return [mark(words, "simulated")] if words else []


def _section(title: str, *children: Any) -> html.Section:
    return html.Section([html.H4(title), *(c for c in children if c is not None)])
