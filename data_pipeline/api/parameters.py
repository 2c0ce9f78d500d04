"""Parameters of the API: their descriptions, and how times, boxes and spans are read and limited."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query

from data_pipeline.api.errors import BadParameter
from data_pipeline.cities import Pack
from data_pipeline.metrics import Metric
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, parse_time

MAX_READINGS = 20_000
MAX_SITES = 20_000
FIRST_YEAR, LAST_YEAR = 1970, 2100
_DAYS = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}
_TIME = "ISO 8601；不带时差按城市当地时间 · without an offset the city's local time"

CityParam = Annotated[str, Query(description="城市，见 /cities · city id", examples=["420700"])]
AreaParam = Annotated[str, Query(description="区域，见 /areas · area id or official code", examples=["420704"])]
MetricParam = Annotated[str, Query(alias="metric", description="指标，见 /metrics · metric id", examples=["traffic.tti"])]
GrainParam = Annotated[Grain, Query(description="时间粒度 · length of a period")]
FromParam = Annotated[str, Query(alias="from", description=f"开始（含）· start, inclusive; {_TIME}", examples=["2026-11-01"])]
ToParam = Annotated[str, Query(description=f"结束（不含）· end, exclusive; {_TIME}", examples=["2026-11-08"])]
AsOfParam = Annotated[str | None, Query(description=f"当时所知 · as known at that time; {_TIME}")]
PeriodParam = Annotated[
    str, Query(description=f"时段内任一时刻 · any moment of the period; {_TIME}", examples=["2026-11-01T08:00"])
]
FormatParam = Annotated[Literal["json", "csv", "parquet"], Query(description="格式 · format")]
DatasetParam = Annotated[str | None, Query(description="数据集 · dataset id")]
BboxParam = Annotated[
    str | None, Query(description="西,南,东,北（WGS84 度）· west,south,east,north in WGS84 degrees", examples=["114.6,30.2,115.0,30.5"])
]
LimitParam = Annotated[int, Query(ge=1, le=500, description="最多条数 · at most so many")]
OffsetParam = Annotated[int, Query(ge=0, description="跳过条数 · skip so many")]


def read_time(text: str, pack: Pack, name: str) -> datetime:
    """A time parameter as naive UTC.

    An unescaped `+` of the offset arrives as a blank; it is read as what was meant.
    """
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip())
    match = re.match(r"(\d{4})", text)
    if match and not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        raise BadParameter(name, f"{text!r} is outside {FIRST_YEAR}–{LAST_YEAR}")
    return parse_time(text, pack.tz, name)


def read_bbox(text: str | None) -> tuple[float, float, float, float] | None:
    """`west,south,east,north` in WGS84 degrees; None stays None."""
    if text is None:
        return None
    parts = text.split(",")
    hint = "west,south,east,north in degrees, for example 114.6,30.2,115.0,30.5"
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError:
        raise BadParameter("bbox", f"{text!r} is not four numbers", hint=hint) from None
    if not all(map(math.isfinite, (west, south, east, north))):
        raise BadParameter("bbox", f"{text!r} is not four finite numbers", hint=hint)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadParameter("bbox", f"{text!r} is not within ±180, ±90 with west ≤ east and south ≤ north", hint=hint)
    return west, south, east, north


def periods_between(start_utc: datetime, end_utc: datetime, grain: Grain, pack: Pack) -> int:
    """Upper bound of the number of periods of `grain` in a span, without listing them."""
    if grain in SUB_DAY_SECONDS:
        return math.ceil((end_utc - start_utc).total_seconds() / SUB_DAY_SECONDS[grain]) + 1
    days = (local_day(end_utc, pack.tz) - local_day(start_utc, pack.tz)).days
    return days // _DAYS[grain] + 1


def check_grain(grain: Grain, metric: Metric) -> None:
    """Refuse a grain finer than the metric's own."""
    if grain not in metric.grains:
        allowed = ", ".join(metric.grains)
        raise BadParameter("grain", f"{metric.id} has no {grain!r} readings", hint=f"one of: {allowed}")


def check_span(start_utc: datetime, end_utc: datetime, grain: Grain, pack: Pack, metric: Metric) -> None:
    """Refuse an empty span and one with too many periods; says how to narrow it."""
    if end_utc <= start_utc:
        raise BadParameter("to", "is not after from", hint="from is inclusive, to is exclusive")
    count = periods_between(start_utc, end_utc, grain, pack)
    if count > MAX_READINGS:
        coarser = [g for g in metric.grains[metric.grains.index(grain) + 1 :] if periods_between(start_utc, end_utc, g, pack) <= MAX_READINGS]
        other = f", or use grain={coarser[0]}" if coarser else ""
        raise BadParameter(
            "to",
            f"{count} periods of {grain} asked for, at most {MAX_READINGS} are answered at once",
            hint=f"narrow from and to{other}",
        )
