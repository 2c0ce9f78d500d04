"""The sentence that opens the overview: written by rule from the readings, alerts and sources.

It never says "calm" without data: at least half of the headline figures must have a usable
value. Exceptions are named, worst first, at most `MAX_NAMED`; the rest are counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.figures import figure_props, usable
from components.i18n import Lang, pick, t
from components.strip import deviation, is_bad
from components.ticker import SIGNAL_SEVERITIES
from data_pipeline.metrics import Metric
from data_pipeline.queries.judged import Anomaly
from data_pipeline.queries.types import Band, Card, Event, Source

MAX_NAMED = 2
LEAST_USABLE = 0.5


@dataclass(frozen=True)
class Deviation:
    """A figure outside its usual range on the bad side. `excess` is in widths of the range."""

    card: Card
    metric: Metric
    side: int
    excess: float


@dataclass(frozen=True)
class Part:
    """A clause of the sentence; `tone` plain, warn or alert; `deviation` makes it open a figure."""

    text: str
    tone: str = "plain"
    deviation: Deviation | None = None


def deviations(cards: Sequence[tuple[Card, Metric]]) -> list[Deviation]:
    """Figures outside their usual range on the bad side, the farthest first; late ones never count."""
    found = []
    for card, metric in cards:
        band = card.band
        if band is None or not usable(card.reading):
            continue
        side = deviation(card.reading.value, band)
        if not is_bad(side, metric.better):
            continue
        found.append(Deviation(card, metric, side, _excess(card.reading.value or 0.0, band, side)))
    return sorted(found, key=lambda d: -d.excess)


def parts(
    city_zh: str, city_en: str, area_names: dict[str, str], headline: Sequence[tuple[Card, Metric]],
    elsewhere: Sequence[tuple[Card, Metric]], events: Sequence[Event], sources: Sequence[Source], lang: Lang,
    flagged: Sequence[tuple[Anomaly, Metric]] = (),
) -> list[Part]:  # fmt: skip
    """The clauses, in order: state of the city, what deviates, alerts, what is late or missing.

    Parameters
    ----------
    headline : (card, metric) of the city's headline figures
    elsewhere : (card, metric) of single districts, to name where a deviation lies
    flagged : (reading with its test, metric)
        Readings that chance hardly explains, the least likely first: their number and the first are told.
    """
    city = pick(city_zh, city_en, lang)
    present = [usable(card.reading) for card, _ in headline]
    found = deviations([*elsewhere, *headline])
    alerts = [e for e in events if e.kind == "alert" and e.state != "closed"]
    grave = [e for e in alerts if e.severity in SIGNAL_SEVERITIES]
    clauses: list[Part] = []
    if not present or sum(present) < LEAST_USABLE * len(present):
        clauses.append(Part(t("sentence.unknown", lang, city=city), "warn"))
    elif grave:
        clauses.append(Part(t("sentence.alerting", lang, city=city, count=len(grave)), "alert"))
    elif found:
        clauses.append(Part(t("sentence.watched", lang, city=city, count=len({d.metric.id for d in found}))))
    else:
        clauses.append(Part(t("sentence.calm", lang, city=city)))
    clauses += [_named(d, area_names, lang) for d in _one_per_metric(found)[:MAX_NAMED]]
    clauses += [_beyond_chance(flagged, area_names, lang)] if flagged else []
    clauses += _counts(alerts, headline, sources, lang)
    return clauses


def sentence(clauses: Sequence[Part], at_utc: datetime, tz: ZoneInfo, lang: Lang, *, id: str) -> html.P:
    """The clauses as one sentence with its time; a named deviation opens its provenance."""
    children: list = [t("sentence.prefix", lang, time=formats.moment(at_utc, tz, lang, at_utc))]
    for i, part in enumerate(clauses):
        if i:
            children.append(t("sentence.joint", lang))
        tone = f"tone-{part.tone}"
        if part.deviation is None:
            children.append(html.Span(part.text, className=tone))
            continue
        item = part.deviation
        value = formats.figure(item.card.reading.value, item.metric.unit, item.metric.decimals, lang)
        name = pick(item.metric.name_zh, item.metric.name_en, lang)
        props = figure_props(item.card.reading, name, value, lang)
        children.append(html.Button(part.text, className=f"inline {tone}", **props))
    children.append(t("sentence.end", lang))
    return html.P(children, id=id, className="sentence")


def _one_per_metric(found: Sequence[Deviation]) -> list[Deviation]:
    best: dict[str, Deviation] = {}
    for item in found:
        best.setdefault(item.metric.id, item)
    return list(best.values())


def _named(item: Deviation, area_names: dict[str, str], lang: Lang) -> Part:
    key = "sentence.deviation_above" if item.side > 0 else "sentence.deviation_below"
    # what stands in brackets belongs to a label, not into a sentence
    metric = re.sub(r"\s*[（(].*?[）)]", "", pick(item.metric.name_zh, item.metric.name_en, lang))
    area = area_names.get(item.card.reading.area, "")
    # Chinese sets a space before Latin letters and figures
    if area and metric[:1].isascii() and lang == "zh":
        area += " "
    return Part(t(key, lang, area=area, metric=metric).strip(), "alert", item)


def _beyond_chance(flagged: Sequence[tuple[Anomaly, Metric]], area_names: dict[str, str], lang: Lang) -> Part:
    first, metric = flagged[0]
    item = Deviation(Card(first.reading, None, None, None, ()), metric, first.side, abs(first.z))
    name = re.sub(r"\s*[（(].*?[）)]", "", pick(metric.name_zh, metric.name_en, lang))
    side = t("statistics.high" if first.side > 0 else "statistics.low", lang)
    text = t("statistics.sentence", lang, n=len(flagged), area=area_names.get(first.reading.area, ""), metric=name, side=side)
    return Part(" ".join(text.split()), "warn", item)


def _counts(
    alerts: Sequence[Event], headline: Sequence[tuple[Card, Metric]], sources: Sequence[Source], lang: Lang
) -> list[Part]:
    in_hand = sum(e.state == "in_hand" for e in alerts)
    waiting = len(alerts) - in_hand
    late = sum(s.status == "late" for s in sources)
    missing = sum(card.reading.value is None for card, _ in headline)
    clauses = []
    if waiting:
        clauses.append(Part(t("sentence.alerts", lang, open=waiting), "warn"))
    if in_hand:
        clauses.append(Part(t("sentence.alerts_in_hand", lang, in_hand=in_hand)))
    if not alerts:
        clauses.append(Part(t("sentence.no_alerts", lang)))
    if late:
        clauses.append(Part(t("sentence.late", lang, count=late), "warn"))
    if missing:
        clauses.append(Part(t("sentence.missing", lang, count=missing), "warn"))
    return clauses


def _excess(value: float, band: Band, side: int) -> float:
    width = max(band.high - band.low, abs(band.mid) * 1e-3, 1e-9)
    return (value - band.high if side > 0 else band.low - value) / width
