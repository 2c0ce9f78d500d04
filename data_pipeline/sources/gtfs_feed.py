"""A GTFS zip as checked tables: what breaks the specification is told row by row, broken trips are left out whole.

A trip one of whose stop times is broken would be counted with a wrong length or a wrong headway, so
the trip goes out with it. Reference: gtfs.org/documentation/schedule/reference.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import polars as pl

from data_pipeline.errors import CityBrainError, DeliveryError, did_you_mean
from data_pipeline.sources.base import ROW, ReadOptions, as_json
from data_pipeline.sources.held import unpack, zip_members
from data_pipeline.sources.text import read_delimited
from data_pipeline.times import zone

NEEDED = ("agency.txt", "stops.txt", "routes.txt", "trips.txt", "stop_times.txt")
OPTIONAL = ("calendar.txt", "calendar_dates.txt", "frequencies.txt", "shapes.txt")
# columns without which a file says nothing
COLUMNS = {
    "agency.txt": ("agency_timezone",),
    "stops.txt": ("stop_id",),
    "routes.txt": ("route_id", "route_type"),
    "trips.txt": ("route_id", "service_id", "trip_id"),
    "stop_times.txt": ("trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence"),
    "calendar.txt": ("service_id", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "start_date", "end_date"),
    "calendar_dates.txt": ("service_id", "date", "exception_type"),
    "frequencies.txt": ("trip_id", "start_time", "end_time", "headway_secs"),
    "shapes.txt": ("shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"),
}  # fmt: skip
WEEKDAYS = COLUMNS["calendar.txt"][1:8]
LONGEST_CALENDAR = timedelta(days=3660)
_CLOCK = r"^\s*(\d{1,3}):([0-5]\d):([0-5]\d)\s*$"


@dataclass
class Feed:
    """The tables of one feed; `refused` collects (column, rule, reason, original) of rows left out.

    `stop_times` has `seq` (Int64), `arrive_s`, `depart_s` (seconds after the service day's noon minus 12 h,
    null where the feed leaves them blank) and `trip_id`; it is sorted by trip and sequence. `left_out` are trips
    refused as a whole: their stop times are not told again.
    """

    filename: str
    tz: ZoneInfo
    tables: dict[str, pl.DataFrame]
    refused: list[tuple[str, str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    def refuse(self, rows: pl.DataFrame, column: str, rule: str, reason: str, of: str) -> None:
        """Note rows of the file `of` as refused; `{}` in the reason stands for the value in `column`."""
        for row in rows.select(c for c in rows.columns if not c.startswith("_")).iter_rows(named=True):
            self.refused.append((column, rule, reason.format(row.get(column)), as_json({"_file": of, **row})))


def holds_feed(file: Path) -> bool:
    """Whether a zip holds a GTFS feed, be it a part of one: a required file at its top or in a folder."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(PurePosixPath(name).name in NEEDED for name in archive.namelist())


def load_feed(file: Path, filename: str, options: ReadOptions, wanted: Sequence[str] = ()) -> Feed:
    """Read and check a feed.

    Parameters
    ----------
    file : Path
        The zip, already a private copy.
    wanted : sequence of str
        Optional files to read; empty = all of `OPTIONAL`.

    Raises
    ------
    DeliveryError
        A file or column the specification requires is absent, no calendar says when anything runs,
        a calendar is unreadable, or agencies are in several time zones.
    """
    tables: dict[str, pl.DataFrame] = {}
    refused: list[tuple[str, str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="gtfs-", dir=file.parent) as folder:
        names = [*NEEDED, *(wanted or OPTIONAL)]
        infos = [i for i in zip_members(file, filename) if PurePosixPath(i.filename.replace("\\", "/")).name in names]
        for name, held in unpack(file, filename, infos, options, lambda n, _: Path(folder) / f"member-{n}"):
            short = PurePosixPath(name).name
            if held.stat().st_size == 0:
                continue
            raw = read_delimited(held, f"{filename}: {short}", "csv", _plain(options))
            tables[short] = _columns(raw.frame.drop(ROW), short, filename)
            refused += [(r["column_name"], r["rule"], f"{short}: {r['reason']}", r["original"]) for r in raw.refused.to_dicts()]
    missing = [name for name in NEEDED if name not in tables]
    if missing:
        raise DeliveryError(f"{filename}: no {', '.join(missing)} in it, so it is no GTFS feed", hint="deliver the whole feed")
    feed = Feed(filename, _zone_of(tables["agency.txt"], filename), tables, refused)
    _check_trips(feed)
    _check_stop_times(feed)
    return feed


def _plain(options: ReadOptions) -> ReadOptions:
    """A feed's files are comma separated with a header, whatever the mapping says of the zip."""
    limits = {name: getattr(options, name) for name in ("max_bytes", "max_text_bytes", "max_line_bytes", "max_ratio", "max_cells")}
    return replace(ReadOptions(delimiter=","), **limits)


def _columns(frame: pl.DataFrame, name: str, filename: str) -> pl.DataFrame:
    lacking = [column for column in COLUMNS[name] if column not in frame.columns]
    if lacking:
        near = did_you_mean(lacking[0], frame.columns)
        raise DeliveryError(
            f"{filename}: {name} has no column {', '.join(lacking)}; it has {', '.join(frame.columns)}",
            hint=f"did they mean {near[0]!r}?" if near else "ask the supplier for a feed after the GTFS reference",
        )
    trimmed = frame.with_columns(pl.col(pl.String).str.strip_chars())
    return trimmed.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)))


def _zone_of(agency: pl.DataFrame, filename: str) -> ZoneInfo:
    zones = agency["agency_timezone"].drop_nulls().unique().sort().to_list()
    if len(zones) != 1:
        raise DeliveryError(
            f"{filename}: agency.txt names {len(zones)} time zones ({', '.join(zones) or 'none'}); a feed has one",
            hint="ask the supplier; every agency of a feed must have the same agency_timezone",
        )
    try:
        return zone(zones[0])
    except CityBrainError as error:
        raise DeliveryError(f"{filename}: agency.txt: {error.message}", hint="an IANA name such as Asia/Shanghai") from None


# ---------------------------------------------------------------------- when a service runs


def service_days(feed: Feed, first: date | None = None, last: date | None = None) -> pl.DataFrame:
    """Days on which each service runs: `service_id`, `day` (Date), of the days `first` to `last` (inclusive).

    `calendar.txt` gives the weeks, `calendar_dates.txt` adds (1) and removes (2) days.

    Raises
    ------
    DeliveryError
        Neither file is there, or one holds a date, a day flag or an exception that cannot be read.
    """
    calendar, extra = feed.tables.get("calendar.txt"), feed.tables.get("calendar_dates.txt")
    if calendar is None and extra is None:
        raise DeliveryError(
            f"{feed.filename}: neither calendar.txt nor calendar_dates.txt says on which days trips run",
            hint="a feed without calendar cannot be counted; ask for the whole feed",
        )
    schema = {"service_id": pl.String, "day": pl.Date}
    days = pl.DataFrame(schema=schema)
    if calendar is not None and calendar.height:
        days = _weeks(calendar, feed.filename)
    if extra is not None and extra.height:
        days = _with_exceptions(days, extra, feed.filename)
    if first is not None:
        days = days.filter(pl.col("day") >= first)
    if last is not None:
        days = days.filter(pl.col("day") <= last)
    return days.unique().sort("service_id", "day")


def _weeks(calendar: pl.DataFrame, filename: str) -> pl.DataFrame:
    _only(calendar, WEEKDAYS, ("0", "1"), "calendar.txt", filename)
    dated = calendar.with_columns(_day("start_date"), _day("end_date"))
    _dates_read(calendar, dated, ("start_date", "end_date"), "calendar.txt", filename)
    long = dated.filter(pl.col("end_date") - pl.col("start_date") > LONGEST_CALENDAR)
    if long.height:
        raise DeliveryError(f"{filename}: calendar.txt: service {long['service_id'][0]!r} runs for more than ten years")
    back = dated.filter(pl.col("end_date") < pl.col("start_date"))
    if back.height:
        raise DeliveryError(f"{filename}: calendar.txt: service {back['service_id'][0]!r} ends before it starts")
    ranges = dated.with_columns(day=pl.date_ranges("start_date", "end_date")).explode("day")
    flags = pl.concat_list([pl.col(name) == "1" for name in WEEKDAYS])
    runs = ranges.with_columns(_runs=flags.list.get(pl.col("day").dt.weekday() - 1))
    return runs.filter("_runs").select("service_id", "day")


def _with_exceptions(days: pl.DataFrame, extra: pl.DataFrame, filename: str) -> pl.DataFrame:
    _only(extra, ("exception_type",), ("1", "2"), "calendar_dates.txt", filename)
    dated = extra.with_columns(_day("date"))
    _dates_read(extra, dated, ("date",), "calendar_dates.txt", filename)
    named = dated.select("service_id", pl.col("date").alias("day"), "exception_type")
    removed = named.filter(pl.col("exception_type") == "2")
    added = named.filter(pl.col("exception_type") == "1").select("service_id", "day")
    return pl.concat([days.join(removed, on=["service_id", "day"], how="anti"), added])


def _day(name: str) -> pl.Expr:
    return pl.col(name).str.to_date("%Y%m%d", strict=False)


def _dates_read(before: pl.DataFrame, after: pl.DataFrame, names: tuple[str, ...], file: str, filename: str) -> None:
    for name in names:
        bad = before.filter(after[name].is_null())
        if bad.height:
            raise DeliveryError(f"{filename}: {file}: {name} {bad[name][0]!r} is not a day such as 20261122")


def _only(frame: pl.DataFrame, names: Sequence[str], allowed: tuple[str, ...], file: str, filename: str) -> None:
    for name in names:
        bad = frame.filter(~pl.col(name).is_in(allowed).fill_null(False))
        if bad.height:
            raise DeliveryError(f"{filename}: {file}: {name} is {bad[name][0]!r}; allowed: {', '.join(allowed)}")


# ---------------------------------------------------------------------- trips and their stop times


def _check_trips(feed: Feed) -> None:
    trips, routes = feed.tables["trips.txt"], feed.tables["routes.txt"]
    twice = trips["trip_id"].is_duplicated() & ~trips["trip_id"].is_first_distinct()
    feed.refuse(trips.filter(twice), "trip_id", "repeated_trip", "trip {} stands twice in trips.txt; the first is taken", "trips.txt")
    trips = trips.filter(~twice)
    lost = ~trips["route_id"].is_in(routes["route_id"].implode()).fill_null(False)
    feed.refuse(trips.filter(lost), "route_id", "unknown_route", "route {} is not in routes.txt", "trips.txt")
    feed.left_out |= set(trips.filter(lost)["trip_id"])
    trips = trips.filter(~lost)
    services = {s for name in ("calendar.txt", "calendar_dates.txt") if name in feed.tables for s in feed.tables[name]["service_id"]}
    if services:
        never = ~trips["service_id"].is_in(list(services)).fill_null(False)
        feed.refuse(trips.filter(never), "service_id", "unknown_service", "no calendar says when service {} runs", "trips.txt")
        feed.left_out |= set(trips.filter(never)["trip_id"])
        trips = trips.filter(~never)
    feed.tables["trips.txt"] = trips


def clock_seconds(name: str) -> pl.Expr:
    """`H:MM:SS` with hours that may pass 24 as seconds; null where it is not such a time."""
    parts = pl.col(name).str.extract_groups(_CLOCK).struct
    return parts.field("1").cast(pl.Int64) * 3600 + parts.field("2").cast(pl.Int64) * 60 + parts.field("3").cast(pl.Int64)


def _check_stop_times(feed: Feed) -> None:
    times, trips, stops = feed.tables["stop_times.txt"], feed.tables["trips.txt"], feed.tables["stops.txt"]
    times = times.with_columns(
        seq=pl.col("stop_sequence").cast(pl.Int64, strict=False), arrive_s=clock_seconds("arrival_time"), depart_s=clock_seconds("departure_time")
    )
    strange = ~times["trip_id"].is_in(trips["trip_id"].implode()).fill_null(False)
    told = times.filter(strange & ~times["trip_id"].is_in(list(feed.left_out)).fill_null(False))
    feed.refuse(told.drop("seq", "arrive_s", "depart_s"), "trip_id", "unknown_trip", "trip {} is not in trips.txt", "stop_times.txt")
    times = times.filter(~strange).sort("trip_id", "seq", maintain_order=True, nulls_last=True)

    # a time may be blank between two given ones; one of the pair stands for both
    arrive, depart = pl.coalesce("arrive_s", "depart_s"), pl.coalesce("depart_s", "arrive_s")
    unread = (pl.col("arrival_time").is_not_null() & pl.col("arrive_s").is_null()) | (
        pl.col("departure_time").is_not_null() & pl.col("depart_s").is_null()
    )
    latest = pl.col("_d").cum_max().shift(1).over("trip_id")
    judged = times.with_columns(_a=arrive, _d=depart).with_columns(
        _rule=pl.when(pl.col("seq").is_null()).then(pl.lit("bad_sequence"))
        .when(pl.struct("trip_id", "seq").is_duplicated()).then(pl.lit("repeated_sequence"))
        .when(~pl.col("stop_id").is_in(stops["stop_id"].implode()).fill_null(False)).then(pl.lit("unknown_stop"))
        .when(unread).then(pl.lit("bad_time"))
        .when((pl.col("_d") < pl.col("_a")) | (pl.col("_a") < latest)).then(pl.lit("time_goes_back"))
        .when((pl.col("trip_id").is_first_distinct() | pl.col("trip_id").is_last_distinct()) & pl.col("_a").is_null())
        .then(pl.lit("no_end_time"))
    )  # fmt: skip
    for rule, column, reason in _BREACHES:
        feed.refuse(judged.filter(pl.col("_rule") == rule).drop("seq", "arrive_s", "depart_s"), column, rule, reason, "stop_times.txt")
    broken = judged.filter(pl.col("_rule").is_not_null())["trip_id"].unique()
    feed.tables["stop_times.txt"] = (
        judged.filter(~pl.col("trip_id").is_in(broken.implode()))
        .with_columns(arrive_s=pl.col("_a"), depart_s=pl.col("_d")).drop("_a", "_d", "_rule")
    )  # fmt: skip
    left = feed.tables["stop_times.txt"]["trip_id"].unique().implode()
    silent = trips.filter(~pl.col("trip_id").is_in(broken.implode()) & ~pl.col("trip_id").is_in(left))
    feed.refuse(silent, "trip_id", "no_stop_times", "trip {} has no stop times", "trips.txt")
    feed.tables["trips.txt"] = trips.filter(pl.col("trip_id").is_in(left))
    if broken.len():
        feed.notes.append(f"{broken.len()} trips with a broken stop time are left out whole")


_BREACHES = (
    ("bad_sequence", "stop_sequence", "stop_sequence {} is no whole number; the trip is left out"),
    ("repeated_sequence", "stop_sequence", "stop_sequence {} stands twice in the trip; the trip is left out"),
    ("unknown_stop", "stop_id", "stop {} is not in stops.txt; the trip is left out"),
    ("bad_time", "arrival_time", "the times are not of the form 25:10:00 (arrival {}); the trip is left out"),
    ("time_goes_back", "arrival_time", "the trip would run backwards in time here (arrival {}); the trip is left out"),
    ("no_end_time", "arrival_time", "the first and last stop of a trip need a time; the trip is left out"),
)
