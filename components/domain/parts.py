"""The parts of a domain's page: sections of figures, what is unusual, what the city's total is made of, other cities beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import drawer_statistics, figures, formats, strip
from components.i18n import Lang, pick, t
from components.ids import live_id
from components.table import table
from data_pipeline.metrics import Metric
from data_pipeline.queries.judged import Anomaly
from data_pipeline.queries.types import Card, Reading

Pair = tuple[Card, Metric]
FOLDED_FROM = 3  # so few figures without data stand among the others


def section(name: Any, cards: Sequence[Pair], tz: ZoneInfo, lang: Lang, now_utc: datetime) -> html.Section:
    """Figures that stand together under `name` (text or a link), a line each; without any it says that the city has no such source.

    Where several have had no value for as long as their course goes back, they stand folded at the end.
    """
    silent = [pair for pair in cards if is_silent(pair[0])]
    folded = silent if len(silent) >= FOLDED_FROM else []
    def rows(pairs: Sequence[Pair]) -> list[Any]:
        return [figures.figure_row(card, metric, tz, lang, now_utc, region="domain-row") for card, metric in pairs]

    found = rows([pair for pair in cards if pair not in folded])
    if folded:
        found.append(html.Details([html.Summary(t("domains.silent", lang, n=len(folded))), *rows(folded)], className="domain-silent"))
    return html.Section([html.H2(name), *(found or [html.P(t("domains.no_figures", lang), className="note")])], className="domain-section")


def is_silent(card: Card) -> bool:
    """Whether a figure has no value, now or anywhere on its course."""
    return card.reading.value is None and all(value is None for _, value in card.trend)


def is_unusual(card: Card) -> bool:
    """Whether the figure lies outside its usual range, on either side, and may be judged."""
    return figures.usable(card.reading) and strip.deviation(card.reading.value, card.band) != 0


def flagged(
    found: Sequence[tuple[Anomaly, Metric, str]], judged: int, false_a_day: float, tz: ZoneInfo, lang: Lang, now_utc: datetime, *, id: str,
    limit: int,
) -> html.Div:  # fmt: skip
    """Readings that chance hardly explains, the least likely first, each with what it was judged by.

    Parameters
    ----------
    found : sequence of (reading with its test, metric, name of the area or "" for the city)
    judged : readings tested in the whole city; 0 says that nothing could be judged yet
    false_a_day : false flags to expect a day in the whole city
    """
    rate = formats.number(false_a_day, 1)
    if not found:
        words = t("statistics.flagged_none", lang, n=formats.number(judged, 0), f=rate) if judged else t("statistics.not_judged", lang)
        return html.Div(html.P(words, className="note"), id=id, className="unusual is-flagged")
    lines = []
    for item, metric, area in found[:limit]:
        value = formats.figure(item.reading.value, metric.unit, metric.decimals, lang)
        name = pick(metric.name_zh, metric.name_en, lang)
        bad = strip.is_bad(item.side, metric.better)
        side = t("band.short_above" if item.side > 0 else "band.short_below", lang)
        said = [side, "，" if lang == "zh" else ", ", drawer_statistics.unusual_words(item, metric, lang), " · ",
                formats.period(item.reading, tz, lang, now_utc)]  # fmt: skip
        lines.append(_line([html.B(area), " ", name] if area else name, f"{area} {name}".strip(), value, said, bad, item.reading, lang))
    notes = [t("domains.more_unusual", lang, n=len(found) - limit)] if len(found) > limit else []
    notes.append(t("statistics.flagged_note", lang, n=rate))
    return html.Div([html.Ol(lines, className="unusual-list"), *(html.P(note, className="note") for note in notes)], id=id,
                    className="unusual is-flagged")  # fmt: skip


def unusual(
    found: Sequence[tuple[Card, Metric, str]], tz: ZoneInfo, lang: Lang, now_utc: datetime, *, id: str, limit: int, missing: int = 0,
    judged: int = 0,
) -> html.Div:  # fmt: skip
    """Figures outside their usual range, the bad ones first, each with its range; how many could be judged at all.

    Parameters
    ----------
    found : sequence of (card, metric, name of the area or "" for the city)
    missing, judged : figures without a value, and those with a usual range
    """
    def is_bad(card: Card, metric: Metric) -> bool:
        return strip.is_bad(strip.deviation(card.reading.value, card.band), metric.better)

    ordered = sorted(found, key=lambda item: (not is_bad(item[0], item[1]), bool(item[2])))
    lines = [_unusual_line(card, metric, area, is_bad(card, metric), lang) for card, metric, area in ordered[:limit]]
    notes = []
    if len(found) > limit:
        notes.append(t("domains.more_unusual", lang, n=len(found) - limit))
    if not found:
        notes.append(t("domains.nothing_unusual" if judged else "domains.nothing_judged", lang))
    notes.append(t("domains.judged", lang, judged=judged, missing=missing))
    return html.Div([html.Ol(lines, className="unusual-list"), *(html.P(note, className="note") for note in notes)], id=id, className="unusual")


def _unusual_line(card: Card, metric: Metric, area: str, bad: bool, lang: Lang) -> html.Li:
    value = formats.figure(card.reading.value, metric.unit, metric.decimals, lang)
    name = pick(metric.name_zh, metric.name_en, lang)
    side = strip.deviation(card.reading.value, card.band)
    words = t("band.short_above" if side > 0 else "band.short_below", lang)
    range_words = [words, "，" if lang == "zh" else ", ", strip.band_label(card.band, metric.unit, metric.decimals, lang)]
    return _line([html.B(area), " ", name] if area else name, f"{area} {name}".strip(), value, range_words, bad, card.reading, lang)


def _line(name: Any, spoken: str, value: formats.Figure, words: list[Any], bad: bool, reading: Reading, lang: Lang) -> html.Li:
    """A figure with what is said about it, opening its provenance."""
    return html.Li(
        html.Button(
            [
                html.Span(name, className="unusual-name", title=spoken),
                html.Span(figures.number_children(value), className="unusual-value"),
                html.Small(words, className="row-words is-alert" if bad else "row-words"),
            ],
            className="unusual-line is-bad" if bad else "unusual-line", **figures.figure_props(reading, spoken, value, lang),
        )
    )  # fmt: skip


def composition(
    readings: Sequence[Reading], names: Mapping[str, str], metric: Metric, href: Callable[[str], str], lang: Lang, *, id: str, most: int = 8
) -> html.Div:
    """What the areas contribute to a total, as one bar and a list with shares; areas without a value are named as such.

    Beyond `most` areas the smallest stand together as "others".
    """
    known = sorted((r for r in readings if r.value is not None and r.value > 0), key=lambda r: (-(r.value or 0), r.area))
    total = sum(r.value or 0 for r in known)
    if not total:
        return html.Div(html.P(t("state.no_data", lang), className="note"), id=id, className="composition")
    shown, rest = (known, known[:0]) if len(known) <= most else (known[: most - 1], known[most - 1 :])
    parts = [(names.get(r.area, r.area), r.value or 0.0, href(r.area)) for r in shown]
    if rest:
        parts.append((t("domains.others", lang, n=len(rest)), sum(r.value or 0 for r in rest), ""))
    bar = html.Div([html.Span(className=f"part part-{i % 5}", style={"width": f"{value / total:.3%}"}) for i, (_, value, _) in enumerate(parts)],
                   className="composition-bar", role="img",
                   **{"aria-label": "；".join(f"{name} {formats.share(value / total, lang)}" for name, value, _ in parts)})  # fmt: skip
    texts, _ = formats.alike([value for _, value, _ in parts], metric.unit, metric.decimals, lang)
    lines = []
    for i, ((name, value, link), text) in enumerate(zip(parts, texts, strict=True)):
        cells = [html.Span(className=f"part part-{i % 5}"), html.Span(name, className="composition-name"), html.Span(text.text),
                 html.B(formats.share(value / total, lang))]  # fmt: skip
        lines.append(html.Li(html.A(cells, href=link) if link else html.Div(cells)))
    gone = [names.get(r.area, r.area) for r in readings if r.value is None]
    note = [html.P(t("domains.without_value", lang, names=("、" if lang == "zh" else ", ").join(gone)), className="note")] if gone else []
    return html.Div([bar, html.Ol(lines), *note], id=id, className="composition")


def neighbours(cities: Sequence[str], rows: Sequence[tuple[Metric, Sequence[Reading | None]]], lang: Lang) -> html.Section:
    """The same figures of other cities: a column a city, the newest reading of each; a city without the source says so."""
    body = []
    for metric, readings in rows:
        name = pick(metric.name_zh, metric.name_en, lang)
        cells: list[Any] = [name]
        for reading in readings:
            if reading is None or reading.value is None:
                cells.append(html.Span(t("state.no_data", lang), className="nothing"))
                continue
            value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
            cells.append(html.Button(figures.number_children(value), className="cell-figure",
                                     **figures.figure_props(reading, name, value, lang)))  # fmt: skip
        body.append(cells)
    heads = [t("domains.figure", lang), *cities]
    return html.Section(
        [html.H2(t("domains.neighbours", lang)),
         html.Div(table(heads, body, lang, numeric=range(1, len(heads))), id=live_id("domain-neighbours"))],
        className="domain-neighbours",
    )  # fmt: skip
