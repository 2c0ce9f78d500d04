"""Times as suppliers write them → naive UTC. Declared formats first; else what can only mean one thing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from data_pipeline.ingest.values import Converted, half_width, trimmed
from data_pipeline.times import offset_steps, service_start_utc

US = pl.Datetime("us")
EARLIEST, LATEST = datetime(1900, 1, 1), datetime(2200, 1, 1)
LOOKED_AT = timedelta(days=1000)  # over longer times than this it does not pay to look whether the offset ever changes
# tried on whole columns, in this order, before single texts are looked at
_LOCAL = (
    "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f",
)  # fmt: skip
_WITH_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
SERVICE_TIME = "service_time"  # a time format: the service day and its clock, as in timetables
_NUMERIC = {"unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
_DATE = (
    r"(?:(?P<y>\d{4})(?P<s1>[-/.年])(?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?"
    r"|(?P<a>\d{1,2})(?P<s2>[-/.])(?P<b>\d{1,2})(?P=s2)(?P<y2>\d{4})|(?P<c>\d{8}))"
)
_CLOCK = (
    r"(?:(?P<pre>上午|下午|中午)?\s*(?P<h>\d{1,2})[:时点](?P<mi>\d{2})分?"
    r"(?:[:]?(?P<sec>\d{2})秒?(?:[.,](?P<f>\d{1,9}))?)?"
    r"|(?P<hms>\d{4}(?:\d{2})?))?"
)
_HALF, _ZONE = r"(?P<ap>[AaPp]\.?[Mm]\.?)?", r"(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_MOMENT = re.compile(rf"{_DATE}(?:[T\s]*{_CLOCK})?\s*{_HALF}\s*{_ZONE}")


def to_utc(series: pl.Series, tz: ZoneInfo, formats: list[str], groups: list[pl.Series] | None = None) -> Converted:
    """Times as naive UTC, microseconds.

    A time without offset is local in `tz`. Of a local hour that comes twice (end of summer time)
    the first occurrence in the order of the rows is taken as the earlier and the second as the
    later, within rows that agree in `groups`; where it comes only once it is the earlier. A
    local time that does not exist is refused (`nonexistent_local_time`).

    Other rules: `impossible_time` (30 February), `ambiguous_time` (03/04/2024: April or March?),
    `bad_time` (anything else).
    """
    if series.dtype == pl.Null:
        return Converted(series.cast(US))
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
        return Converted(series.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(US))
    if isinstance(series.dtype, (pl.Datetime, pl.Date)):
        return _localize(
            Converted(pl.Series(series.name, [None], dtype=US).new_from_index(0, len(series))),
            series.cast(US),
            tz,
            groups,
            series,
        )
    if series.dtype.is_float():
        whole = series.is_finite() & (series == series.round()) & (series.abs() < 2**53)
        series = (
            series.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(False), series.cast(pl.String))
        )
    text = trimmed(series.cast(pl.String))
    if formats == [SERVICE_TIME]:
        utc, local, codes = _service_times(text, tz), _empty(len(text)), pl.Series(["bad_time"]).new_from_index(0, len(text))
    elif formats:
        utc, local, codes = _declared(text, formats)
    else:
        utc, local, codes = _found_out(text)
    done = Converted(utc)
    odd = text.is_not_null() & utc.is_null() & local.is_null()
    if odd.any():
        said = f" (declared: {', '.join(formats)})" if formats else ""
        done.refuse(
            odd & (codes == "impossible_time"), "impossible_time", "{} is a day or time that does not exist", text
        )
        done.refuse(
            odd & (codes == "ambiguous_time"),
            "ambiguous_time",
            "{} can be read as day/month or month/day; declare `time_formats` in the mapping",
            text,
        )
        done.refuse(odd & (codes == "bad_time"), "bad_time", f"{{}} is not a time that can be read{said}", text)
    return _localize(done, local, tz, groups, text)


def to_date(series: pl.Series, tz: ZoneInfo, formats: list[str]) -> Converted:
    """Days. A time of day is cut off after it has been brought to the local clock of `tz`."""
    if series.dtype == pl.Date:
        return Converted(series)
    if series.dtype == pl.Null:
        return Converted(series.cast(pl.Date))
    if isinstance(series.dtype, pl.Datetime) and not series.dtype.time_zone:
        return Converted(series.cast(pl.Date))
    if isinstance(series.dtype, pl.Datetime):
        return Converted(series.dt.convert_time_zone(tz.key).cast(pl.Date))
    if series.dtype.is_float():
        series = series.cast(pl.Int64, strict=False)
    text = trimmed(series.cast(pl.String))
    utc, local, codes = _declared(text, formats) if formats else _found_out(text)
    away = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(tz.key).dt.replace_time_zone(None)
    moments = local.zip_with(local.is_not_null(), away)
    done = Converted(moments.cast(pl.Date))
    odd = text.is_not_null() & moments.is_null()
    for rule, template in (
        ("impossible_time", "{} is a day that does not exist"),
        ("ambiguous_time", "{} can be read as day/month or month/day; declare `time_formats` in the mapping"),
        ("bad_time", "{} is not a day that can be read"),
    ):
        done.refuse(odd & (codes == rule), rule, template, text)
    return done


def _empty(n: int) -> pl.Series:
    return pl.Series([None], dtype=US).new_from_index(0, n)


def _sane(moments: pl.Series) -> pl.Series:
    """Null outside 1900–2200: a two-digit year read as the year 24 is no time."""
    return moments.set(~moments.is_between(EARLIEST, LATEST).fill_null(True), None)


def _service_times(text: pl.Series, tz: ZoneInfo) -> pl.Series:
    """`20261122 25:10:00` (a service day and a time on it that may pass 24) as naive UTC; null where it is not such a text."""
    parts = text.str.extract_groups(r"^(\d{4})-?(\d{2})-?(\d{2})[ T](\d{1,3}):([0-5]\d):([0-5]\d)$").struct.unnest()
    year, month, day, *clock = parts.columns
    dates = (parts[year] + parts[month] + parts[day]).str.to_date("%Y%m%d", strict=False)
    starts = {one: service_start_utc(one, tz) for one in dates.drop_nulls().unique()}
    begun = dates.replace_strict(list(starts), list(starts.values()), default=None, return_dtype=US) if starts else _empty(len(text))
    h, m, s = (parts[name].cast(pl.Int64) for name in clock)
    return begun + (h * 3600 + m * 60 + s).cast(pl.Duration("us")) * 1_000_000


def _declared(text: pl.Series, formats: list[str]) -> tuple[pl.Series, pl.Series, pl.Series]:
    utc, local = _empty(len(text)), _empty(len(text))
    for form in formats:
        open_rows = utc.is_null() & local.is_null()
        if form in _NUMERIC:
            micros = (text.cast(pl.Float64, strict=False) * _NUMERIC[form]).round()
            found = _sane(micros.set(~micros.is_between(-9e17, 9e17).fill_null(True), None).cast(pl.Int64).cast(US))
            utc = utc.zip_with(~open_rows, found)
        elif form == "excel":
            # days since 1899-12-30, whole seconds: a spreadsheet's fraction is never exact
            seconds = (text.cast(pl.Float64, strict=False) * 86400).round()
            seconds = seconds.set(~seconds.is_between(0, 9.5e9).fill_null(True), None)
            found = _sane(((seconds - 25569 * 86400).cast(pl.Int64) * 1_000_000).cast(US))
            local = local.zip_with(~open_rows, found)
        elif form == "iso":
            more_utc, more_local, _ = _found_out(text)
            utc, local = utc.zip_with(~open_rows, more_utc), local.zip_with(~open_rows, more_local)
        elif re.search(r"%[:#]*z", form):
            found = text.str.to_datetime(form, strict=False, time_unit="us")
            utc = utc.zip_with(~open_rows, _sane(found.dt.replace_time_zone(None).cast(US)))
        else:
            local = local.zip_with(~open_rows, _sane(_strptime(text, form)))
    # digits in the right places but no such day: said to be impossible rather than unreadable
    shape = text.str.contains(r"^\D*\d{1,4}\D\d{1,2}\D\d{1,4}").fill_null(False)
    codes = (
        pl.DataFrame({"s": shape})
        .select(pl.when("s").then(pl.lit("impossible_time")).otherwise(pl.lit("bad_time")))
        .to_series()
    )
    known = [form for form in formats if form not in _NUMERIC and form not in ("excel", "iso")]
    if known and codes.len():
        like = pl.Series(
            [_like(known, t) for t in text.filter(shape & utc.is_null() & local.is_null()).to_list()], dtype=pl.Boolean
        )
        index = (shape & utc.is_null() & local.is_null()).arg_true()
        codes = codes.scatter(index.filter(~like), "bad_time") if len(index) and not like.all() else codes
    return utc, local, codes


def _like(formats: list[str], text: str) -> bool:
    """Whether a text has the shape of one of the formats, be the day possible or not."""
    for form in formats:
        pattern = re.escape(form)
        for mark, digits in (("Y", r"\d{4}"), ("m", r"\d{1,2}"), ("d", r"\d{1,2}"), ("H", r"\d{1,2}"),
                             ("I", r"\d{1,2}"),
                             ("M", r"\d{1,2}"), ("S", r"\d{1,2}"), ("p", "[AaPp][Mm]"), ("y", r"\d{2}")):  # fmt: skip
            pattern = pattern.replace(f"%{mark}", digits)
        try:
            if re.fullmatch(pattern, text):
                return True
        except re.error:
            continue
    return False


def _strptime(text: pl.Series, form: str) -> pl.Series:
    if any(mark in form for mark in ("%H", "%I", "%T", "%R", "%s")):
        return text.str.to_datetime(form, strict=False, time_unit="us").cast(US)
    return text.str.to_date(form, strict=False).cast(US)


def _found_out(text: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    """(UTC, local, rule) of texts without declared format; whole-column formats first, odd texts one by one."""
    n = len(text)
    utc, local = _empty(n), _empty(n)
    codes = pl.Series(["bad_time"], dtype=pl.String).new_from_index(0, n)
    rows = text.is_not_null().arg_true()
    left = text.gather(rows)
    for form in (*_LOCAL, *_WITH_OFFSET):
        if not len(left):
            return utc, local, codes
        # a format none of the first texts has is not worth a pass over the column
        if _whole(left.head(20), form).null_count() == min(len(left), 20):
            continue
        found = _whole(left, form)
        hit = found.is_not_null()
        if form in _WITH_OFFSET:
            utc = utc.scatter(rows.filter(hit), found.filter(hit))
        else:
            local = local.scatter(rows.filter(hit), found.filter(hit))
        rows, left = rows.filter(~hit), left.filter(~hit)
    if not len(left):
        return utc, local, codes
    words = left.unique()
    read = [parse_moment(word) for word in words.to_list()]
    table = pl.DataFrame(
        {
            "w": words,
            "utc": pl.Series([r[0] for r in read], dtype=US),
            "local": pl.Series([r[1] for r in read], dtype=US),
            "code": [r[2] for r in read],
        }
    )
    looked = pl.DataFrame({"w": left}).join(table, on="w", how="left", maintain_order="left")
    return (
        utc.scatter(rows, looked["utc"]),
        local.scatter(rows, looked["local"]),
        codes.scatter(rows, looked["code"]),
    )


def _whole(text: pl.Series, form: str) -> pl.Series:
    if form in _WITH_OFFSET:
        return _sane(text.str.to_datetime(form, strict=False, time_unit="us").dt.replace_time_zone(None).cast(US))
    return _sane(_strptime(text, form))


def parse_moment(text: str) -> tuple[datetime | None, datetime | None, str]:
    """(UTC, None, "") with an offset, (None, local, "") without, or (None, None, rule).

    >>> parse_moment("2024年2月5日 8:30")
    (None, datetime.datetime(2024, 2, 5, 8, 30), '')
    >>> parse_moment("03/04/2024")[2], parse_moment("2024-02-30")[2]
    ('ambiguous_time', 'impossible_time')
    """
    match = _MOMENT.fullmatch(half_width(text))
    if not match:
        return None, None, "bad_time"
    got = match.groupdict()
    if got["y"]:
        year, month, day = int(got["y"]), int(got["m"]), int(got["d"])
    elif got["c"]:
        year, month, day = int(got["c"][:4]), int(got["c"][4:6]), int(got["c"][6:])
    else:
        first, second, year = int(got["a"]), int(got["b"]), int(got["y2"])
        if got["s2"] == "." or first > 12:  # dots: day first, everywhere they are used so
            day, month = first, second
        elif second > 12 or first == second:
            month, day = first, second
        else:
            return None, None, "ambiguous_time"
    hour, minute, second_, micro = _clock(got)
    if hour is None:
        return None, None, "impossible_time"
    next_day = hour == 24 and not (minute or second_ or micro)  # ISO 8601: 24:00 ends the day
    try:
        moment = datetime(year, month, day, 0 if next_day else hour, minute, second_, micro) + timedelta(days=next_day)
    except ValueError:
        return None, None, "impossible_time"
    if not EARLIEST <= moment <= LATEST:
        return None, None, "impossible_time"
    if not got["z"]:
        return None, moment, ""
    return moment - _offset(got["z"]), None, ""


def _clock(got: dict[str, str | None]) -> tuple[int | None, int, int, int]:
    if got["hms"]:
        digits = got["hms"]
        return int(digits[:2]), int(digits[2:4]), int(digits[4:6] or 0), 0
    hour, minute, second = int(got["h"] or 0), int(got["mi"] or 0), int(got["sec"] or 0)
    micro = int((got["f"] or "0").ljust(6, "0")[:6])
    half = (got["ap"] or got["pre"] or "").lower().replace(".", "")
    if half:
        if not 1 <= hour <= 12 and not (got["pre"] and hour <= 23):
            return None, 0, 0, 0
        if half in ("pm", "下午", "中午") and hour < 12:
            hour += 12 if half != "中午" or hour < 11 else 0
        elif half in ("am", "上午") and hour == 12:
            hour = 0
    return hour, minute, second, micro


def _offset(text: str) -> timedelta:
    if text in ("Z", "UTC", "GMT"):
        return timedelta()
    digits = text[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -size if text[0] == "-" else size


def _localize(
    done: Converted, local: pl.Series, tz: ZoneInfo, groups: list[pl.Series] | None, shown: pl.Series
) -> Converted:
    """Local moments to UTC into `done.values`, which holds those that already are UTC."""
    if local.null_count() == len(local):
        return done
    offset = _one_offset(local, tz)
    if offset is not None:  # no hour is missing or comes twice: most files by far
        early = local - offset
        done.values = done.values.zip_with(done.values.is_not_null(), early)
        return done
    zone = tz.key
    early = _as_utc(local, zone, "earliest")
    late = _as_utc(local, zone, "latest")
    missing = local.is_not_null() & early.is_null()
    if missing.any():
        template = f"{{}} does not exist in {zone}: the clock was put forward"
        done.refuse(missing, "nonexistent_local_time", template, shown.cast(pl.String))
    repeated = (early != late).fill_null(False)
    if repeated.any():
        second = _second_occurrence(local, early, repeated, groups or [])
        early = early.zip_with(~second, late)
    done.values = done.values.zip_with(done.values.is_not_null(), early)
    return done


def _one_offset(local: pl.Series, tz: ZoneInfo) -> timedelta | None:
    """The offset that holds at all these local moments; None where it changes among them or may."""
    first, last = local.min(), local.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime) or last - first > LOOKED_AT:
        return None
    _, offsets = offset_steps(tz, first - timedelta(days=2), last + timedelta(days=2))
    return timedelta(seconds=offsets[0]) if len(offsets) == 1 else None


def _as_utc(local: pl.Series, zone: str, which: str) -> pl.Series:
    aware = local.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")  # type: ignore[arg-type]
    return aware.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _second_occurrence(local: pl.Series, early: pl.Series, repeated: pl.Series, groups: list[pl.Series]) -> pl.Series:
    """Rows of a repeated local hour that belong to its second passage, in the order of the rows.

    A row is of the second passage once a local time has come before, or the clock has gone back.
    Files that run backwards in time are walked from their end.
    """
    plain = early.filter(~repeated & early.is_not_null())
    backwards = len(plain) > 1 and plain[0] > plain[-1]
    table = pl.DataFrame({"t": local, "i": pl.int_range(len(local), eager=True), "night": local.dt.date()})
    keys = [f"g{n}" for n in range(len(groups))]
    table = table.with_columns(group.alias(key) for key, group in zip(keys, groups, strict=True)).filter(repeated)
    table = table.sort("i", descending=backwards)
    over = [*keys, "night"]
    table = table.with_columns(
        (
            (pl.col("t").cum_count().over([*over, "t"]) > 1)
            | (pl.col("t").diff().over(over) < timedelta(0)).fill_null(False)
        ).alias("again")
    ).with_columns(pl.col("again").cast(pl.Int8).cum_max().over(over).cast(pl.Boolean).alias("second"))
    flags = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(local)).to_numpy().copy()
    flags[table["i"].to_numpy()] = table["second"].to_numpy()
    return pl.Series(flags)


def utc_of(text: str, tz: ZoneInfo) -> datetime:
    """One ISO time as naive UTC, without an offset local in `tz`; ValueError where it is none."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=tz)
    return aware.astimezone(UTC).replace(tzinfo=None)
