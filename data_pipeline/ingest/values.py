"""Text as suppliers write it → numbers, whole numbers, yes/no, words. What is not plain is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from data_pipeline.contracts import Column

# full-width forms U+FF01–FF5E are the ASCII ones shifted; U+3000 is a blank, U+2212 a minus
FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x3000: " ",
    0x2212: "-",
    0xA0: " ",
    0x202F: " ",
}
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}([, '’])\d{3}(?:\1\d{3})*(\.\d+)?")
_WITH_UNIT = re.compile(r"([+-]?[\d.,'’ ]*\d[\d.]*(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-].*)")
_COMMA_DECIMAL = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
# how people write the units of the contracts besides the sign itself
_UNIT_WORDS = {
    "%": {"%", "percent"}, "degC": {"degc", "°c", "℃"},
    "ug/m3": {"ug/m3", "µg/m3", "μg/m3", "ug/m³", "µg/m³", "μg/m³"},
    "mg/m3": {"mg/m3", "mg/m³"}, "m3/s": {"m3/s", "m³/s"}, "deg": {"deg", "°"}, "kWh": {"kwh", "kw·h", "度"},
}  # fmt: skip
TRUE = {"true", "t", "yes", "y", "1", "是", "有", "真"}
FALSE = {"false", "f", "no", "n", "0", "否", "无", "假"}


@dataclass
class Converted:
    """A column in its contract's type, and for each rule the rows that broke it (with their values)."""

    values: pl.Series
    broken: list[tuple[pl.Series, str, str, pl.Series]] = field(default_factory=list)

    def refuse(self, mask: pl.Series, rule: str, template: str, shown: pl.Series) -> None:
        """Remember rows where `mask` is true; `{}` in `template` becomes the row's value of `shown`."""
        if mask.any():
            self.broken.append((mask, rule, template, shown))


def half_width(text: str) -> str:
    """`text` with full-width digits, letters, signs and blanks as ordinary ones."""
    return text.translate(FULL_WIDTH).strip()


def parse_number(text: str, unit: str = "") -> tuple[float | None, str]:
    """A number as people write it, and the rule it breaks ("" where it is plain).

    Taken: blanks around it, full-width digits, thousands separators in groups of three (comma,
    blank, apostrophe), the contract's own `unit` behind it. Refused: another unit
    (`unit_in_number`), anything else (`not_a_number`).

    >>> parse_number("１，２３４．５")
    (1234.5, '')
    >>> parse_number("12 kWh", "kWh"), parse_number("12 MWh", "kWh")
    ((12.0, ''), (None, 'unit_in_number'))
    """
    plain = half_width(text)
    if _PLAIN.fullmatch(plain):
        return float(plain), ""
    if match := _GROUPED.fullmatch(plain):
        return float(plain.replace(match[1], "")), ""
    if match := _WITH_UNIT.fullmatch(plain):
        number, _ = parse_number(match[1])
        if number is not None:
            if unit and _same_unit(match[2], unit):
                return number, ""
            return None, "unit_in_number"
    return None, "not_a_number"


def _same_unit(written: str, unit: str) -> bool:
    # the case of a prefix letter matters (mW, MW), so only known words are compared without it
    return written == unit or written.lower() in _UNIT_WORDS.get(unit, ())


def trimmed(series: pl.Series) -> pl.Series:
    """Text without blanks around it; empty text is null."""
    clean = series.str.strip_chars()
    return clean.set(clean == "", None)


def to_float(
    series: pl.Series,
    column: Column,
    *,
    decimal_comma: bool = False,
    special: Callable[[str], float | None] | None = None,
) -> Converted:
    """Numbers as Float64.

    Parameters
    ----------
    special : callable, optional
        Another reading of a text that is no number (degrees and minutes); None = not that either.
    """
    if series.dtype.is_numeric() and not series.dtype.is_decimal():
        return _finite(Converted(series.cast(pl.Float64)), series)
    if series.dtype == pl.Null:
        return Converted(series.cast(pl.Float64))
    text = trimmed(series.cast(pl.String))
    if decimal_comma:
        german = text.str.contains(_COMMA_DECIMAL).fill_null(False)
        pointed = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        text = pointed.zip_with(german, text)
    numbers = text.cast(pl.Float64, strict=False)
    done = Converted(numbers)
    odd = text.is_not_null() & numbers.is_null()
    if odd.any():
        words = text.filter(odd).unique()
        read = [_odd(word, column.unit, special) for word in words.to_list()]
        table = pl.DataFrame(
            {"w": words, "n": pl.Series([r[0] for r in read], dtype=pl.Float64), "r": [r[1] for r in read]}
        )
        looked = pl.DataFrame({"w": text}).join(table, on="w", how="left", maintain_order="left")
        done.values = numbers.zip_with(~odd, looked["n"])
        unit = column.unit or "no unit"
        other_unit = f"{{}} carries a unit that is not the contract's ({unit}); see the mapping's `units`"
        done.refuse(odd & (looked["r"] == "unit_in_number").fill_null(False), "unit_in_number", other_unit, text)
        done.refuse(odd & (looked["r"] == "not_a_number").fill_null(False), "not_a_number", "{} is not a number", text)
    return _finite(done, text)


def _odd(word: str, unit: str, special: Callable[[str], float | None] | None) -> tuple[float | None, str]:
    if special is not None and (value := special(word)) is not None:
        return value, ""
    return parse_number(word, unit)


def _finite(done: Converted, shown: pl.Series) -> Converted:
    bad = done.values.is_not_null() & ~done.values.is_finite()
    if bad.any():
        done.refuse(bad, "not_finite", "{} is not a finite number", shown.cast(pl.String))
        done.values = done.values.set(bad, None)
    return done


def to_integer(
    series: pl.Series, column: Column, factor: float = 1.0, offset: float = 0.0, *, decimal_comma: bool = False
) -> Converted:
    """Whole numbers as Int64; `12.0` is one, `12.5` is not (`not_an_integer`)."""
    plain = (factor, offset) == (1.0, 0.0)
    if plain and series.dtype.is_integer() and series.dtype not in (pl.UInt64, pl.Int128):
        return Converted(series.cast(pl.Int64))
    if plain and series.dtype == pl.String and not decimal_comma:
        text = trimmed(series)
        whole = text.cast(pl.Int64, strict=False)
        if whole.null_count() == text.null_count():
            return Converted(whole)
    done = scaled(to_float(series, column, decimal_comma=decimal_comma), factor, offset)
    numbers = done.values
    # beyond 2**53 a float no longer tells neighbouring whole numbers apart
    bad = numbers.is_not_null() & (((numbers - numbers.round()).abs() > 1e-6) | (numbers.abs() >= 2**53))
    done.refuse(bad, "not_an_integer", "{} is not a whole number", series.cast(pl.String))
    done.values = numbers.set(bad, None).round().cast(pl.Int64)
    return done


def scaled(done: Converted, factor: float, offset: float) -> Converted:
    """The same with each value times `factor` plus `offset`."""
    if (factor, offset) != (1.0, 0.0):
        done.values = done.values * factor + offset
    return done


def to_boolean(series: pl.Series, column: Column) -> Converted:
    """Yes or no, in the words of `TRUE` and `FALSE` (any case); others are `not_a_boolean`."""
    if series.dtype == pl.Boolean:
        return Converted(series)
    if series.dtype.is_float():
        series = (
            series.cast(pl.Int64, strict=False)
            .cast(pl.String)
            .zip_with(series == series.round(), series.cast(pl.String))
        )
    text = trimmed(series.cast(pl.String))
    low = text.str.to_lowercase()
    values = pl.DataFrame({"t": low}).select(
        pl.when(pl.col("t").is_in(sorted(TRUE))).then(True).when(pl.col("t").is_in(sorted(FALSE))).then(False)
    ).to_series()  # fmt: skip
    done = Converted(values)
    done.refuse(text.is_not_null() & values.is_null(), "not_a_boolean", "{} is neither yes nor no", text)
    return done


def to_text(series: pl.Series, column: Column) -> Converted:
    """Words without blanks around them; whole numbers lose the ".0" a spreadsheet gives them."""
    if series.dtype == pl.String:
        return Converted(trimmed(series))
    if series.dtype.is_float():
        whole = series.is_finite() & (series == series.round()) & (series.abs() < 2**53)
        return Converted(
            series.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(False), series.cast(pl.String))
        )
    if series.dtype.is_nested():
        return Converted(series.to_frame("v").select(pl.struct("v").struct.json_encode()).to_series())
    return Converted(series.cast(pl.String))


def without_sentinels(values: pl.Series, sentinels: list[float]) -> pl.Series:
    """Null where a value is one of the numbers a supplier writes for "no value"."""
    for sentinel in sentinels:
        near = (values - sentinel).abs() <= max(1e-9, abs(sentinel) * 1e-9)
        values = values.set(near.fill_null(False), None)
    return values


def degrees(text: str) -> float | None:
    """Decimal degrees of an angle in degrees, minutes and seconds; None where it is not written so.

    >>> degrees("30°15'36\\"N"), degrees("114°30.6′ E"), degrees("30.5")
    (30.26, 114.51, None)
    """
    match = _ANGLE.fullmatch(half_width(text).replace("''", '"'))
    if not match:
        return None
    before, sign, whole, minutes, seconds, after = match.groups()
    if before and after:
        return None
    minute, second = float(minutes or 0), float(seconds or 0)
    if minute >= 60 or second >= 60:
        return None
    value = float(whole) + minute / 60 + second / 3600
    south_or_west = (before or after or "") in ("S", "W", "s", "w", "南", "西", "南纬", "西经")
    return round(-value if (sign == "-") != south_or_west else value, 12)


_SIDE = r"[NSEWnsew]|[北南]纬?|[东西]经?"
_ANGLE = re.compile(
    rf"({_SIDE})?\s*([+-])?(\d{{1,3}}(?:\.\d+)?)\s*[°度º]\s*(?:(\d{{1,2}}(?:\.\d+)?)\s*['′’分]\s*)?"
    rf"(?:(\d{{1,2}}(?:\.\d+)?)\s*[\"″”秒]\s*)?({_SIDE})?"
)
