"""Numbers, changes, times and states as words, by unit and language. Nothing here knows a metric by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from components.i18n import Lang, t
from data_pipeline.queries.types import Change, Reading
from data_pipeline.times import to_local

# Units whose large values are told in 万 and 亿 (or million, billion).
SCALED_UNITS = frozenset({"count", "persons", "kwh", "mwh", "kw", "mw", "yuan", "usd", "km", "m3", "tonnes", "tce", "customer_hours"})
WIDE_INTERVAL = 0.05  # a share known no better than this says so beside it
SIGNED_ARROWS = {"up": "↑", "down": "↓", "flat": "→"}


@dataclass(frozen=True)
class Figure:
    """A number as words: `number` with its separators, `unit` after it, either may be empty.

    `is_value` is False where there is no value; `number` then says so in words.
    """

    number: str
    unit: str
    is_value: bool

    @property
    def text(self) -> str:
        """Number and unit in one string."""
        if not self.unit:
            return self.number
        return f"{self.number}{self.unit}" if self.unit == "%" else f"{self.number} {self.unit}"


def alike(values: Sequence[float | None], unit: str, decimals: int, lang: Lang) -> tuple[list[Figure], str]:
    """Figures side by side in one unit (万 for all or for none), and that unit.

    The largest decides; None becomes "no data".
    """
    top = max((abs(v) for v in values if v is not None), default=0.0)
    lead = figure(top, unit, decimals, lang)
    if lead.unit == t(f"unit.{unit}", lang):
        return [figure(v, unit, decimals, lang) for v in values], lead.unit
    factor = top / (_scale(top, lang)[0] if unit in SCALED_UNITS else top / 1000)
    digits = 2 if unit in SCALED_UNITS else 1
    shown = [figure(None, unit, decimals, lang) if v is None else Figure(number(v / factor, digits), lead.unit, True)
             for v in values]  # fmt: skip
    return shown, lead.unit


def percent_decimals(decimals: int, exact: bool = False) -> int:
    """Digits of a per cent figure from those of its share 0–1 (two fewer); at most one unless `exact`."""
    return max(decimals - 2, 0) if exact else min(max(decimals - 2, 0), 1)


def figure(value: float | None, unit: str, decimals: int, lang: Lang, *, exact: bool = False) -> Figure:
    """`value` in `unit` as shown on screen; None becomes "no data".

    `decimals` are those of the metric's declaration: of the share 0–1 where `unit` is `share`,
    which is shown as per cent. `exact` keeps every declared digit and does without 万 and 亿.
    """
    if value is None:
        return Figure(t("state.no_data", lang), "", False)
    suffix = t(f"unit.{unit}", lang)
    if unit == "share":
        return Figure(number(value, percent_decimals(decimals, exact), 100), suffix, True)
    if unit == "kbps" and abs(value) >= 1000 and not exact:
        return Figure(number(value / 1000, 1), t("unit.mbps", lang), True)
    if unit in SCALED_UNITS and not exact:
        scaled, name = _scale(value, lang)
        if name:
            return Figure(number(scaled, 2), f"{name}{suffix}" if lang == "zh" else f"{name} {suffix}".strip(), True)
    return Figure(number(value, decimals), suffix, True)


def number(value: float, decimals: int, factor: int = 1) -> str:
    """`value` × `factor` with thousands separators, rounded half up to `decimals`; never "-0".

    Decimal all the way: 0.8765 is 87.7 %, though 0.8765 × 100 in binary is a little less than 87.65.
    """
    rounded = (Decimal(repr(float(value))) * factor).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{abs(rounded) if rounded == 0 else rounded:,.{decimals}f}"


def share(value: float | None, lang: Lang, decimals: int = 0) -> str:
    """A share 0–1 as per cent with `decimals` digits; None as "no data"."""
    return figure(value, "share", decimals + 2, lang, exact=True).text


def _scale(value: float, lang: Lang) -> tuple[float, str]:
    steps = ((1e8, "亿"), (1e4, "万")) if lang == "zh" else ((1e9, "bn"), (1e6, "m"))
    for size, name in steps:
        if abs(value) >= size:
            return value / size, name
    return value, ""


@dataclass(frozen=True)
class ChangeWords:
    """A change as words: an arrow, the amount, and the whole for a screen reader."""

    arrow: str
    amount: str
    spoken: str


def change(item: Change | None, unit: str, decimals: int, lang: Lang) -> ChangeWords | None:
    """Change against an earlier period; shares in percentage points, others relative. None stays None.

    A change that rounds to nothing is "unchanged", without arrow up or down.
    """
    if item is None:
        return None
    if unit == "share":
        size, digits, text = item.points, percent_decimals(decimals), "change.points"
    else:
        size, digits, text = item.relative, 1, ""
    if size is None:
        return None
    amount = number(abs(size), digits, 100)
    direction = "flat" if not amount.strip("0.,") else "up" if size > 0 else "down"
    words = t(text, lang, value=amount) if text else f"{amount}%"
    if direction == "flat":
        return ChangeWords(SIGNED_ARROWS["flat"], t("change.flat", lang), t("change.flat", lang))
    return ChangeWords(SIGNED_ARROWS[direction], words, f"{t(f'change.{direction}', lang)} {words}")


def age(seconds: float, lang: Lang) -> str:
    """A duration in its largest whole unit: 2 小时, 3 d."""
    for size, key in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return t(f"time.{key}", lang, n=int(seconds // size))
    return t("time.seconds", lang, n=max(int(seconds), 0))


def moment(at_utc: datetime | None, tz: ZoneInfo, lang: Lang, now_utc: datetime | None = None) -> str:
    """A moment on the city's clock: `08:15` today, `11月21日 08:15` else; None is "no data"."""
    if at_utc is None:
        return t("state.no_data", lang)
    local = to_local(at_utc, tz)
    clock = f"{local:%H:%M}"
    if now_utc is not None and to_local(now_utc, tz).date() == local.date():
        return clock
    if now_utc is not None and to_local(now_utc, tz).year != local.year:
        return f"{t('time.date', lang, year=local.year, month=local.month, day=local.day)} {clock}"
    return f"{t('time.month_day', lang, month=local.month, day=local.day)} {clock}"


def full_moment(at_utc: datetime | None, tz: ZoneInfo, lang: Lang) -> str:
    """Date and clock with seconds in the city's time; None is "no data"."""
    if at_utc is None:
        return t("state.no_data", lang)
    local = to_local(at_utc, tz)
    return f"{t('time.date', lang, year=local.year, month=local.month, day=local.day)} {local:%H:%M:%S}"


def period(reading: Reading, tz: ZoneInfo, lang: Lang, now_utc: datetime | None = None, *, brief: bool = False) -> str:
    """The period of a reading: `08:00–08:05`, `11月21日`, `2026年10月`.

    `brief`: of an hour or less on another day only its beginning, `11月21日 23:40`, for where both do not fit.
    """
    start, end = to_local(reading.period_start_utc, tz), to_local(reading.period_end_utc, tz)
    grain = reading.grain
    if grain in ("5min", "15min", "hour"):
        day = ""
        if now_utc is None or to_local(now_utc, tz).date() != start.date():
            day = t("time.month_day", lang, month=start.month, day=start.day) + " "
        return f"{day}{start:%H:%M}" if brief and day else f"{day}{start:%H:%M}–{end:%H:%M}"
    if grain == "day":
        if now_utc is not None and to_local(now_utc, tz).year != start.year:
            return t("time.date", lang, year=start.year, month=start.month, day=start.day)
        return t("time.month_day", lang, month=start.month, day=start.day)
    if grain == "week":
        iso = start.isocalendar()
        return t("time.week", lang, year=iso.year, week=iso.week)
    if grain == "quarter":
        return t("time.quarter", lang, year=start.year, quarter=(start.month - 1) // 3 + 1)
    return t(f"time.{grain}", lang, year=start.year, month=start.month)


def period_words(reading: Reading, tz: ZoneInfo, lang: Lang, now_utc: datetime | None = None, *, so_far: bool = False, brief: bool = False) -> str:
    """The period, and for one that is not over that it is not; `brief` as in `period`.

    `so_far`: the figure adds up over the period, so an open one tells what has come together until now.
    """
    if reading.is_open and so_far:
        return t("state.so_far_today" if reading.grain == "day" else "state.so_far", lang)
    return period(reading, tz, lang, now_utc, brief=brief)


def status_words(reading: Reading, tz: ZoneInfo, lang: Lang, now_utc: datetime | None = None) -> list[str]:
    """What must be said beside a figure, most important first; empty for a plain good one."""
    words = []
    if reading.is_being_built:
        words.append(t("nav.building", lang))
    elif reading.status in ("missing", "suppressed"):
        words.append(t(f"state.{reading.status}", lang))
    elif reading.status == "stale":
        late = age(reading.late_s or 0, lang)
        as_of = moment(reading.data_as_of_utc, tz, lang, now_utc)
        words.append(t("state.stale", lang, time=as_of, age=late))
        words.append(children_words(reading, lang))
    elif reading.status == "partial" and not reading.is_open:
        words.append(partial_words(reading, lang))
    elif not reading.is_open:
        words.append(children_words(reading, lang))
    if reading.place_approximate:
        words.append(t("state.approximate", lang))
    return [word for word in words if word]


def children_words(reading: Reading, lang: Lang) -> str:
    """"12/14 districts reported" where an area below lacks a value it usually has; else empty."""
    reported, expected = reading.children_reported, reading.children_expected
    if not expected or reported is None or reported >= expected:
        return ""
    key = f"state.partial_{reading.children_level}" if reading.children_level else "state.partial_children"
    return t(key, lang, reported=reported, expected=expected)


def partial_words(reading: Reading, lang: Lang) -> str:
    """"12/14 reported" where areas report, else the share of reports received; empty where unknown."""
    of_areas = children_words(reading, lang)
    if of_areas:
        return of_areas
    if reading.completeness is None:
        return ""
    # rounding up to 100 % would deny what is missing
    received = min(reading.completeness, 0.999) if reading.completeness < 1 else 1.0
    return t("state.partial", lang, share=share(received, lang, 1 if received > 0.99 else 0))


def interval_words(reading: Reading, lang: Lang, *, brief: bool = False) -> str:
    """"95% interval 84–93%" where a share rests on so few cases that its interval spans `WIDE_INTERVAL` and more; else empty.

    `brief`: the two ends alone, for a card too narrow for more; the full words are then its title.
    """
    if reading.interval is None or reading.interval[1] - reading.interval[0] < WIDE_INTERVAL:
        return ""
    low, high = reading.interval
    return t("statistics.interval_brief" if brief else "statistics.interval_short", lang, low=number(low, 0, 100), high=number(high, 0, 100))


def simulated_words(simulated_share: float | None, lang: Lang) -> str:
    """"simulated", "35% simulated", or empty where nothing is (or nothing is known)."""
    if not simulated_share:
        return ""
    if simulated_share >= 1:
        return t("state.simulated", lang)
    return t("state.part_simulated", lang, share=share(max(simulated_share, 0.01), lang))
