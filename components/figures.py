"""Figures: the headline card, the row of a panel, and what both say beside the number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats, strip
from components.i18n import Lang, pick, t
from components.ids import figure_key, live_id
from components.states import mark
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Band, Card, Reading


def kpi_card(
    card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime, *, region: str = "kpi", lead: bool = False
) -> Any:
    """Headline figure as a button that opens its provenance.

    Name, value and unit, strip with usual range, change against the period before and the year
    before, period and what must be said about it (late, partial, simulated, no data and why).
    `lead`: one of the few a phone shows first.
    """
    reading = card.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    side = strip.deviation(reading.value, card.band) if usable(reading) else 0
    bad = strip.is_bad(side, metric.better)
    words = formats.status_words(reading, tz, lang, now_utc)
    outside = strip.band_words(reading.value, card.band, metric.unit, metric.decimals, lang) if side else ""
    name = pick(metric.name_zh, metric.name_en, lang)
    foot: list[Any] = []
    if words:
        kind = "warn" if reading.status == "stale" else "plain"
        foot.append(mark(words[0], kind, title="；".join(words)))
    elif outside:
        foot.append(mark(outside, "alert" if bad else "plain"))
    else:
        # a card has little room: the ends of the interval, what they are as the title
        said, full = (" · ".join(filter(None, (
            formats.period_words(reading, tz, lang, now_utc, so_far=metric.is_additive, brief=brief),
            formats.interval_words(reading, lang, brief=brief)))) for brief in (True, False))  # fmt: skip
        foot.append(html.Span(said, className="kpi-period", title=full))
    return html.Button(
        [
            html.Span(html.Span(name, className="kpi-name-text", title=name), className="kpi-name"),
            html.Span([*number_children(value), *_class_mark(card, metric, lang)], className="kpi-value" if value.is_value else "kpi-value is-empty"),
            strip.strip(course(card, metric), now_value(card, metric), card.band, outside=bad, bands=course_bands(card, metric),
                        label=strip.band_label(card.band, metric.unit, metric.decimals, lang)),
            html.Span([*changes(card, metric, lang), *_deciders(card, metric, lang)], className="kpi-changes"),
            html.Span([html.Span(foot, className="kpi-words"), *_simulated(reading, lang)], className="kpi-foot"),
        ],
        id=live_id(region, metric.id),
        className=f"kpi {state_class(reading, bad)}{' is-lead' if lead else ''}",
        **figure_props(reading, name, value, lang),
    )  # fmt: skip


def figure_row(card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime, *, region: str = "row") -> Any:
    """One line of a panel: name, strip, value, one change; a second line only for what must be said.

    `region=""` gives a line without an id, for lists that are refreshed as a whole.
    """
    reading = card.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    side = strip.deviation(reading.value, card.band) if usable(reading) else 0
    bad = strip.is_bad(side, metric.better)
    words = formats.status_words(reading, tz, lang, now_utc)
    outside = strip.band_words(reading.value, card.band, metric.unit, metric.decimals, lang) if side else ""
    # a row has little room: short words, the full ones as its title
    if reading.status == "stale":
        note = t("state.stale_short", lang, age=formats.age(reading.late_s or 0, lang))
    elif words:
        note = words[0]
    elif side:
        note = t("band.short_above" if side > 0 else "band.short_below", lang)
    else:
        note = formats.period_words(reading, tz, lang, now_utc, so_far=metric.is_additive)
        note = " · ".join(w for w in (note, formats.interval_words(reading, lang)) if w)
    marks = _simulated(reading, lang)
    kind = "row-note"
    if reading.status == "stale":
        kind += " is-warn"
    elif not words and bad:
        kind += " is-alert"
    name = pick(metric.name_zh, metric.name_en, lang)
    return html.Button(
        [
            html.Span(
                [html.Span(name, className="row-name-text", title=name),
                 html.Span([html.Span(note, className="row-words", title="；".join(words) or outside or note), *([] if words or outside else changes(card, metric, lang)[:1]), *marks],
                           className=kind)],
                className="row-name",
            ),
            strip.strip(course(card, metric), now_value(card, metric), card.band, outside=bad, bands=course_bands(card, metric),
                        label=strip.band_label(card.band, metric.unit, metric.decimals, lang)),
            html.Span([*number_children(value), *_class_mark(card, metric, lang)], className="row-value" if value.is_value else "row-value is-empty"),
        ],
        **({"id": live_id(region, metric.id)} if region else {}),
        className=f"figure-row {state_class(reading, bad)}",
        **figure_props(reading, name, value, lang),
    )  # fmt: skip


def figure_block(card: Card, metric: Metric, tz: ZoneInfo, lang: Lang, now_utc: datetime, *, region: str) -> Any:
    """One figure with what it says: name, value, both changes, strip, and the metric's own sentence."""
    reading = card.reading
    value = formats.figure(reading.value, metric.unit, metric.decimals, lang)
    side = strip.deviation(reading.value, card.band) if usable(reading) else 0
    bad = strip.is_bad(side, metric.better)
    words = formats.status_words(reading, tz, lang, now_utc) or [
        formats.period_words(reading, tz, lang, now_utc, so_far=metric.is_additive, brief=True)]  # fmt: skip
    name = pick(metric.name_zh, metric.name_en, lang)
    says = pick(metric.says_zh, metric.says_en, lang)
    return html.Button(
        [
            html.Span(name, className="block-name"),
            html.Span(number_children(value), className="kpi-value" if value.is_value else "kpi-value is-empty"),
            strip.strip(course(card, metric), now_value(card, metric), card.band, outside=bad, bands=course_bands(card, metric),
                        label=strip.band_label(card.band, metric.unit, metric.decimals, lang)),
            html.Span([html.Span(words[0], className="kpi-words"), *_simulated(reading, lang)], className="kpi-foot"),
            html.Span(says, className="block-says", title=says),
        ],
        id=live_id(region),
        className=f"figure-block {state_class(reading, bad)}",
        **figure_props(reading, name, value, lang),
    )  # fmt: skip


def number_children(value: formats.Figure) -> list[Any]:
    """Number and unit as spans, the unit smaller."""
    children: list[Any] = [html.Span(value.number, className="num")]
    if value.unit:
        children.append(html.Span(value.unit, className="unit"))
    return children


def class_name(value: float | None, metric: Metric, lang: Lang) -> str:
    """The class of the metric's thresholds a value falls in; empty without value or classes."""
    named = [pick(step.zh, step.en, lang) for step in metric.thresholds if value is not None and value >= step.at_least]
    return named[-1] if named else ""


def class_words(card: Card, metric: Metric, lang: Lang) -> str:
    """The class a figure falls in and what decided it: "轻度污染 · 首要污染物 PM2.5"; empty where the metric has no classes."""
    if card.reading.value is None:
        return ""
    return " · ".join(w for w in (class_name(card.reading.value, metric, lang), decider_words(card, metric, lang)) if w)


def decider_words(card: Card, metric: Metric, lang: Lang) -> str:
    """What decided the class: "首要污染物 PM2.5"; empty where nothing did."""
    short = [pick(d.zh, d.en, lang) for d in metric.decided_by if d.metric in card.deciders]
    return f"{pick(metric.decider_zh, metric.decider_en, lang)} {('、' if lang == 'zh' else ', ').join(short)}" if short else ""


def _class_mark(card: Card, metric: Metric, lang: Lang) -> list[Any]:
    named = class_name(card.reading.value, metric, lang)
    return [html.Span(named, className="class-words", title=class_words(card, metric, lang))] if named else []


def _deciders(card: Card, metric: Metric, lang: Lang) -> list[Any]:
    words = decider_words(card, metric, lang)
    return [html.Span(words, className="change", title=words)] if words else []


def changes(card: Card, metric: Metric, lang: Lang) -> list[Any]:
    """Change against the period before and against the year before, those that are known."""
    found = []
    for key, item in (("previous", card.previous), ("year_ago", card.year_ago)):
        words = formats.change(item, metric.unit, metric.decimals, lang)
        if words is None:
            continue
        found.append(
            html.Span(
                [html.Span(t(f"change.{key}", lang), className="change-name"), f"{words.arrow} {words.amount}"],
                className="change",
                title=f"{t(f'change.{key}_long', lang)}{words.spoken}",
            )
        )
    return found


def course(card: Card, metric: Metric) -> Sequence[tuple[datetime, float | None]]:
    """The trend to draw: of a sum, the period that is not over is left out (it would always seem to fall)."""
    if card.reading.is_open and metric.is_additive and card.trend:
        return card.trend[:-1]
    return card.trend


def course_bands(card: Card, metric: Metric) -> Sequence[Band | None]:
    """Usual range of each point of `course`; empty where the card has none."""
    return card.trend_bands[: len(course(card, metric))]


def now_value(card: Card, metric: Metric) -> float | None:
    """The value to mark at the end of the trend; none for a sum whose period is not over."""
    return None if card.reading.is_open and metric.is_additive else card.reading.value


def usable(reading: Reading) -> bool:
    """Whether a judgement may rest on the reading: present, not late, not mostly unreported.

    A sum over a period that is not over has no usual range to be judged by (`Card.band` is None).
    """
    if reading.value is None or reading.status not in ("ok", "partial"):
        return False
    return reading.completeness is None or reading.completeness >= 0.75


def exception_rank(card: Card, metric: Metric) -> int | None:
    """0 outside its usual range on the bad side, 1 late, 2 without a value; None where there is nothing to say."""
    reading = card.reading
    if reading.value is None:
        return 2
    if reading.status == "stale":
        return 1
    side = strip.deviation(reading.value, card.band) if usable(reading) else 0
    return 0 if strip.is_bad(side, metric.better) else None


def state_class(reading: Reading, bad: bool = False) -> str:
    """Class that greys a late figure, marks a missing one and signals an exception."""
    if reading.value is None:
        return "is-missing"
    if reading.status == "stale":
        return "is-stale"
    return "is-bad" if bad else "is-plain"


def figure_props(reading: Reading, name: str, value: formats.Figure, lang: Lang) -> dict[str, Any]:
    """Properties that make any element open the provenance of `reading` by click and keyboard."""
    return {
        "data-figure": figure_key(reading),
        "aria-label": t("figure.open", lang, name=name, value=value.text),
        "aria-haspopup": "dialog",
    }


def _simulated(reading: Reading, lang: Lang) -> list[Any]:
    words = formats.simulated_words(reading.simulated_share, lang)
    return [mark(words, "simulated")] if words else []
