"""The sentences of an alert, Chinese and English, built by rule from place, figure, bound and time."""

from __future__ import annotations

from datetime import timedelta

from data_pipeline.alerts.rules import Condition, Rule
from data_pipeline.metrics import Metric

_BEYOND = {">": ("高于", "above"), ">=": ("达到或高于", "at or above"), "<": ("低于", "below"), "<=": ("不高于", "at or below")}
_BAND = {"high": ("平时同期的上限", "the usual range"), "low": ("平时同期的下限", "the usual range")}
_UNITS: dict[str, tuple[str, str]] = {
    "share": ("%", "%"), "count": ("", ""), "ratio": ("", ""), "index": ("", ""), "per_10k": ("/万人", " per 10,000"),
    "kwh": (" kWh", " kWh"), "mwh": (" MWh", " MWh"), "kw": (" kW", " kW"), "mw": (" MW", " MW"), "km": (" 公里", " km"),
    "kmh": (" 公里/时", " km/h"), "minutes": (" 分钟", " min"), "hours": (" 小时", " h"), "days": (" 天", " days"),
    "ug_m3": (" 微克/立方米", " µg/m³"), "mg_m3": (" 毫克/立方米", " mg/m³"), "degc": (" ℃", " °C"), "mm": (" 毫米", " mm"),
    "m": (" 米", " m"), "m_s": (" 米/秒", " m/s"), "persons": (" 人次", " persons"), "times_per_day": (" 次/日", " a day"),
    "kbps": (" kbit/s", " kbit/s"), "yuan": (" 元", " yuan"), "usd": (" 美元", " US dollars"),
    "km2": (" 平方公里", " km²"), "db": (" 分贝", " dB"),
}  # fmt: skip


def number(value: float, metric: Metric, *, short: bool = False) -> tuple[str, str]:
    """A figure with its unit, Chinese and English; a share of 0–1 is written in per cent.

    `short` leaves out zeros at the end beyond the first decimal: bounds are round numbers.
    """
    share = metric.unit == "share"
    places = max(metric.decimals - 2, 0) if share else metric.decimals
    text = f"{value * 100 if share else value:,.{places}f}"
    if short and "." in text:
        whole, _, digits = text.partition(".")
        digits = digits.rstrip("0")
        text = f"{whole}.{digits or '0'}" if not share or digits else whole
    zh, en = _UNITS[metric.unit]
    return text + zh, text + en


def span(length: timedelta) -> tuple[str, str]:
    """A length of time in its largest fitting unit, minutes at least; the rest is cut off."""
    minutes = max(int(length.total_seconds() // 60), 0)
    if minutes < 120:
        return f"{minutes} 分钟", f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} 小时", f"{minutes // 60} h"
    return f"{minutes // 1440} 天", f"{minutes // 1440} days"


def bound(when: Condition, metric: Metric) -> tuple[str, str]:
    """The bound that was passed: `高于 2.0`, `above 2.0`."""
    beyond = _BEYOND[when.op]
    if when.value is None:
        return f"{beyond[0]}{_BAND[when.band or 'high'][0]}", f"{beyond[1]} {_BAND[when.band or 'high'][1]}"
    zh, en = number(when.value, metric, short=True)
    if when.band is None:
        return f"{beyond[0]} {zh}", f"{beyond[1]} {en}"
    return f"{beyond[0]} {zh} 及{_BAND[when.band][0]}", f"{beyond[1]} {en} and {_BAND[when.band][1]}"


def metric_title(rule: Rule, metric: Metric, area: tuple[str, str], value: float, lasted: timedelta) -> tuple[str, str]:
    """`鄂城区 道路行程时间比 2.3，高于 2.0 已持续 30 分钟` and the same in English. `area` is (zh, en)."""
    value_zh, value_en = number(value, metric)
    bound_zh, bound_en = bound(rule.when, metric)
    span_zh, span_en = span(lasted)
    return (
        f"{area[0]} {metric.name_zh} {value_zh}，{bound_zh} 已持续 {span_zh}",
        f"{area[1]}: {metric.name_en} {value_en}, {bound_en} for {span_en}",
    )


def cleared_title(metric: Metric, area: tuple[str, str], value: float) -> tuple[str, str]:
    """The sentence of a metric alert that has closed by itself."""
    value_zh, value_en = number(value, metric)
    return f"{area[0]} {metric.name_zh}已恢复，现为 {value_zh}", f"{area[1]}: {metric.name_en} has recovered, now {value_en}"


def late_title(area: tuple[str, str], source: tuple[str, str], late: timedelta) -> tuple[str, str]:
    """`鄂州市 空气质量小时值 数据已迟 2 小时` and the same in English."""
    zh, en = span(late)
    return f"{area[0]} {source[0]} 数据已迟 {zh}", f"{area[1]}: data of {source[1]} are {en} late"


def arrived_title(area: tuple[str, str], source: tuple[str, str]) -> tuple[str, str]:
    """The sentence of a freshness alert that has closed because data came."""
    return f"{area[0]} {source[0]} 数据已恢复", f"{area[1]}: data of {source[1]} have arrived"
