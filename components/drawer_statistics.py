"""What statistics say about one figure, in the drawer: interval, status code, changes, whether noise explains it, its history."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, t
from components.table import table
from data_pipeline.metrics import Metric
from data_pipeline.queries.judged import Anomaly, Provenance
from data_pipeline.queries.types import Reading

Row = tuple[str, str]
FAR = 100.0


def interval_words(reading: Reading, lang: Lang) -> str:
    """"83.9% – 92.6%", the 95 % interval of a share of counted cases; empty where the figure has none."""
    if reading.interval is None:
        return ""
    low, high = (formats.figure(end, "share", 3, lang).text for end in reading.interval)
    return t("statistics.interval_value", lang, low=low, high=high, n=formats.number(reading.denominator or 0, 0))


def facts(item: Provenance, metric: Metric, lang: Lang) -> list[Row]:
    """Interval, both changes and the status code, as label and text; what cannot be compared says so."""
    reading = item.reading
    rows: list[Row] = []
    if reading.interval is not None:
        rows.append((t("statistics.interval", lang), interval_words(reading, lang)))
    if reading.value is not None:
        for key, change in (("previous", item.previous), ("year_ago", item.year_ago)):
            words = formats.change(change, metric.unit, metric.decimals, lang)
            text = t("statistics.not_comparable", lang) if words is None else f"{words.arrow} {words.amount}"
            rows.append((f"{t(f'change.{key}', lang)} · {t(f'change.{key}_long', lang)}", text))
    code = reading.obs_status
    rows.append((t("statistics.obs_status", lang), f"{code} · {t(f'statistics.obs_{code}', lang)}"))
    return rows


def unusual_words(found: Anomaly, metric: Metric, lang: Lang) -> str:
    """What a flagged reading was judged by: baseline, robust deviation, number of comparable periods."""
    baseline = formats.figure(found.baseline, metric.unit, metric.decimals, lang).text
    if abs(found.z) > FAR:  # like periods that hardly differ make any number of deviations, which says nothing
        return t("statistics.judged_by_far", lang, baseline=baseline, n=found.n)
    return t("statistics.judged_by", lang, baseline=baseline, z=formats.number(abs(found.z), 1), n=found.n)


def history(item: Provenance, metric: Metric, tz: ZoneInfo, lang: Lang) -> list[Any]:
    """What the figure was taken for as its deliveries arrived; nothing where it was never another."""
    if len(item.vintages) < 2:
        return []
    rows = []
    for vintage in reversed(item.vintages):
        value = formats.figure(vintage.reading.value, metric.unit, metric.decimals, lang, exact=True)
        rows.append([formats.full_moment(vintage.known_at_utc, tz, lang), value.text, formats.number(vintage.reading.n, 0)])
    heads = [t(f"statistics.{key}", lang) for key in ("known_from", "known_value", "known_n")]
    return [html.Section([html.H4(t("statistics.history", lang)), table(heads, rows, lang, numeric=(1, 2)),
                          html.P(t("statistics.history_note", lang), className="note")])]  # fmt: skip
