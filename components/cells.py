"""Cells of records and registers as words: by the contract's column, never by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from components import formats
from components.i18n import Lang, has, pick, t
from data_pipeline.contracts import Column, Contract

# where a record is and what it is called stands beside its other columns
PLACE_COLUMNS = frozenset({"site_id", "name", "name_en", "lon", "lat", "area_id", "township_code"})
CHART_TYPES = frozenset({"integer", "float"})


def label(name: str, contract: Contract | None, lang: Lang) -> str:
    """Heading of a column: the contract's words with the unit, else the catalogue's, else the name itself."""
    column = contract.columns.get(name) if contract else None
    if column is not None:
        unit = unit_words(column.unit, lang)
        words = pick(column.zh, column.en, lang)
        if not unit or unit in words:
            return words
        return f"{words}（{unit}）" if lang == "zh" else f"{words} ({unit})"
    key = f"record.{name}"
    return t(key, lang) if has(key, lang) else name


def unit_words(unit: str, lang: Lang) -> str:
    """The word for a contract's unit; empty for counts and degrees, an unknown one as it is."""
    key = f"column_unit.{unit}"
    return t(key, lang) if has(key, lang) else unit


def unit_after(unit: str, lang: Lang) -> str:
    """The word for a contract's unit as it stands behind a number, with the space it needs."""
    words = unit_words(unit, lang)
    return words if words in ("", "%") else f" {words}"


def cell(value: Any, column: Column | None, tz: ZoneInfo, lang: Lang, now_utc: datetime | None = None) -> str:
    """One value as text; None is an em dash. Moments are told on the city's clock."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return t("cell.yes" if value else "cell.no", lang)
    if isinstance(value, datetime):
        return formats.full_moment(value, tz, lang) if now_utc is None else formats.moment(value, tz, lang, now_utc)
    if isinstance(value, date):
        return t("time.date", lang, year=value.year, month=value.month, day=value.day)
    if column is not None and column.type in ("date", "timestamp") and isinstance(value, str):
        return _moment_text(value, column, tz, lang, now_utc)
    if isinstance(value, (int, float)):
        return formats.number(value, _digits(value))
    text = str(value)
    if column is not None and text in column.values:
        key = f"value.{text}"
        return t(key, lang) if has(key, lang) else text
    return text


def as_delivered(value: Any, text: str, column: Column | None, lang: Lang) -> Any:
    """`text`, marked with its own language where a supplier wrote it in Chinese and the page is in another language."""
    own_words = isinstance(value, str) and (column is None or value not in column.values)
    if lang != "zh" and own_words and any(0x4E00 <= ord(c) <= 0x9FFF for c in text):
        return html.Span(text, lang="zh-CN")
    return text


def office(name: str, names: Mapping[str, str], lang: Lang) -> Any:
    """An office or supplier in the language of the page (`names`: as printed → name in `lang`); where it has none, as printed."""
    return names.get(name) or as_delivered(name, name, None, lang)


def attributes(values: Mapping[str, Any], contract: Contract, tz: ZoneInfo, lang: Lang) -> list[tuple[str, Any]]:
    """(label, words) of every filled column of a register but its name and place, in the contract's order."""
    found = []
    for name, column in contract.columns.items():
        if name in PLACE_COLUMNS or values.get(name) in (None, ""):
            continue
        words = f"{cell(values[name], column, tz, lang)}{unit_after(column.unit, lang)}"
        found.append((pick(column.zh, column.en, lang), as_delivered(values[name], words, column, lang)))
    return found


def chart_columns(contract: Contract, columns: Sequence[str]) -> list[str]:
    """Columns of a contract that can be drawn over time: numbers other than coordinates and lengths of time."""
    return [
        name
        for name, column in contract.columns.items()
        if name in columns and column.type in CHART_TYPES and name not in PLACE_COLUMNS and name != "interval_s"
    ]


def _digits(value: float) -> int:
    if isinstance(value, int) or value == int(value):
        return 0
    return 3 if abs(value) < 1 else 2 if abs(value) < 100 else 1


def _moment_text(text: str, column: Column, tz: ZoneInfo, lang: Lang, now_utc: datetime | None) -> str:
    """Attributes of sites are kept as JSON, so their days and moments come as ISO text (moments in UTC)."""
    try:
        if column.type == "date":
            return cell(date.fromisoformat(text[:10]), None, tz, lang)
        return cell(datetime.fromisoformat(text.removesuffix("Z")), None, tz, lang, now_utc)
    except ValueError:
        return text
