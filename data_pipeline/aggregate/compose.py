"""From declarations to SQL: records filter → locality × base period → areas.

One statement answers several metrics of the same dataset and mart, so that their records are
read once. The SQL is DuckDB's, kept to the part that sqlglot turns into Spark SQL; every value is
a parameter (`?`), every identifier comes from a declaration. Offsets of the city's clock stand as numbers: they
come from the zone database.

Columns of every answer: `area_id`; `period` and `offset_s` for periods below a day (start in seconds
since 1970 UTC, offset of the local clock), else null; `local_day` for days and longer (first local
day of the period), else null; then for the i-th metric `num_i`, `den_i`, `n_i` (records behind the
figure), `sim_i` (simulated ones), for a metric with a filter also `rep_i` (records that reported: a filter
narrows the figure, not who has reported; elsewhere they are `n_i`), and `as_of`, `known_from` (latest event
and latest arrival behind it).

Besides the tables of the store a statement may read two small relations the engine provides:
`areas` (area_id, population, area_km2) and `counts_in` (locality_id, area_id).

A relation that is grouped is read once: DuckDB 1.5 waits for ever on a UNION whose branches both join one such relation
once it expects more than some 250,000 rows of it a thread (docs/decisions/0003-readings.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data_pipeline.aggregate.clock import clock_offset, counted_day, is_one_number
from data_pipeline.contracts import Contract, contract
from data_pipeline.metrics import MARTS, Metric
from data_pipeline.metrics.standards import standards
from data_pipeline.store.schema import known_at
from data_pipeline.times import GRAINS, SUB_DAY_SECONDS, Grain

# a ticket may be closed or fall due this long after it was received
LONGEST_CASE = timedelta(days=400)


@dataclass(frozen=True)
class Composed:
    """SQL with its parameters, for the metrics in the order of the numbered columns."""

    sql: str
    params: tuple[Any, ...]
    metrics: tuple[Metric, ...]
    grain: Grain


@dataclass(frozen=True)
class Window:
    """What to compute: a city, local days `from_day` (inclusive) to `to_day` (exclusive) of its clock `tz`.

    `as_of`: with the records known at that moment (naive UTC); None for the present ones.
    `areas`: only these areas; None for all.
    """

    city: str
    from_day: date
    to_day: date
    tz: ZoneInfo
    as_of: datetime | None = None
    areas: tuple[str, ...] | None = None


def group_key(metric: Metric) -> tuple:
    """Metrics with equal keys can share one statement."""
    if metric.over_area == "recompute":
        own = (metric.where, metric.n, metric.over_time, metric.base_grain, metric.coarsest, metric.looks_back)
        return ("recompute", metric.dataset, metric.mart, metric.period_on, *own)
    if metric.is_stock:
        return ("stock", metric.dataset, metric.counts_from, metric.counts_until)
    return ("sum", metric.dataset, metric.mart, metric.period_on, metric.looks_back)


def base_grain(metrics: list[Metric]) -> Grain:
    """The finest base grain of a group: its statement is composed at this grain."""
    return min((m.base_grain for m in metrics), key=GRAINS.index)


def grouped(metrics: list[Metric]) -> list[list[Metric]]:
    """The metrics in groups that share a statement, in order of first appearance."""
    groups: dict[tuple, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(group_key(metric), []).append(metric)
    return list(groups.values())


def compose(metrics: list[Metric], window: Window, grain: Grain | None = None) -> Composed:
    """The statement for metrics of one group.

    Parameters
    ----------
    metrics : list of Metric
        Of one group (`group_key`).
    window : Window
    grain : Grain, optional
        The group's finest base grain where not given; others only for `over_time = "recompute"`.

    Returns
    -------
    Composed
        One row for each area and period that has records; no row means no data. For a stock one
        row for each area and local day on which it changed, with the value after the change;
        the days of the window do not narrow it (they only say which changes of the clock matter).
    """
    if len({group_key(m) for m in metrics}) != 1:
        raise ValueError("metrics of different groups cannot share a statement")
    first = metrics[0]
    base = base_grain(metrics)
    if first.is_stock:
        return _stock(metrics, window)
    if first.over_area == "recompute" and (grain in (None, base) or first.over_time == "recompute"):
        return _recompute(metrics, window, grain or base)
    if grain not in (None, base):
        raise ValueError(f"{first.id} is composed at {base} and rolled up from there")
    return _sum(metrics, window, base)


def _sum(metrics: list[Metric], window: Window, grain: Grain) -> Composed:
    first = metrics[0]
    declared = contract(first.dataset)
    params: list[Any] = []
    head = _records(first, declared, window, params, join_areas=False) + _register(first, declared, window, params) + _standards(first)
    event, day, offset = _event(first, window)
    step = SUB_DAY_SECONDS.get(grain)
    if step is None:
        keys, marked_keys = ["local_day"], [f"{day} AS local_day"]
    else:
        # the local clock's slot and, where it changes, its offset: they say the day and the start, in small numbers
        changing = [] if is_one_number(offset) else ["utc_offset_s"]
        keys = ["slot", *changing]
        marked_keys = [*(f"{offset} AS {key}" for key in changing), f"CAST({_slot(event, step, offset)} AS INTEGER) AS slot"]
    sums, totals = [], []
    for i, metric in enumerate(metrics):
        sums += [
            f"sum(num_{i}) AS num_{i}", f"sum(den_{i}) AS den_{i}", f"count(num_{i}) AS n_{i}",
            f"count(CASE WHEN is_simulated THEN num_{i} END) AS sim_{i}",
            *([f"count(*) AS rep_{i}"] if metric.where else []),
        ]  # fmt: skip
        counts = ("n", "sim", "rep") if metric.where else ("n", "sim")
        totals += [f"sum(b.{c}_{i}) AS {c}_{i}" for c in ("num", "den")]
        totals += [f"CAST(sum(b.{c}_{i}) AS BIGINT) AS {c}_{i}" for c in counts]
    source, where = _source(first, window, params), ""
    if window.areas is not None:
        where = "WHERE list_contains(?, c.area_id)\n"
        params.append(list(window.areas))
    periods = ",\n  ".join(_answered_period(step, offset if is_one_number(offset) else "b.utc_offset_s"))
    sql = (
        f"WITH {head},\n"
        f"source AS (\n{source}\n),\n"
        "marked AS (\n"
        f"  SELECT locality_id, is_simulated, {event} AS event_at_utc, known_from_utc,\n    "
        + ",\n    ".join(marked_keys + _marks(metrics))
        + "\n  FROM source\n),\n"
        "by_locality AS (\n"
        f"  SELECT locality_id, {', '.join(keys)}, max(event_at_utc) AS as_of, max(known_from_utc) AS known_from,\n    "
        + ",\n    ".join(sums)
        + f"\n  FROM marked\n  GROUP BY locality_id, {', '.join(keys)}\n)\n"
        f"SELECT c.area_id, {periods},\n  "
        + ",\n  ".join(totals)
        + ",\n  max(b.as_of) AS as_of, max(b.known_from) AS known_from\n"
        f"FROM by_locality AS b JOIN counts_in AS c ON c.locality_id = b.locality_id\n{where}"
        f"GROUP BY c.area_id, {', '.join(f'b.{key}' for key in keys)}"
    )
    return Composed(sql, tuple(params), tuple(metrics), grain)


def _answered_period(step: int | None, offset: str) -> list[str]:
    """`local_day`, `period` and `offset_s` of an answer, out of the keys of `by_locality`."""
    if step is None:
        return ["b.local_day", "CAST(NULL AS BIGINT) AS period", "CAST(NULL AS INTEGER) AS offset_s"]
    return ["CAST(NULL AS DATE) AS local_day", f"CAST(b.slot AS BIGINT) * {step} - {offset} AS period", f"{offset} AS offset_s"]


def _recompute(metrics: list[Metric], window: Window, grain: Grain) -> Composed:
    first = metrics[0]
    declared = contract(first.dataset)
    params: list[Any] = []
    head = _records(first, declared, window, params, join_areas=True) + _register(first, declared, window, params) + _standards(first)
    event, day, offset = _event(first, window)
    step = SUB_DAY_SECONDS.get(grain)
    if step is None:
        if grain != "day":
            day = f"CAST(date_trunc('{grain}', {day}) AS DATE)"
        keys, period, offset = [day], "CAST(NULL AS BIGINT)", "CAST(NULL AS INTEGER)"
    else:
        day = "CAST(NULL AS DATE)"
        period = f"CAST({_slot(event, step, offset)} AS BIGINT) * {step} - {offset}"
        keys = [period, offset]
    figures = []
    for i, metric in enumerate(metrics):
        figures += [
            f"CAST({metric.numerator} AS DOUBLE) AS num_{i}", f"CAST({metric.denominator or 'NULL'} AS DOUBLE) AS den_{i}",
            f"CAST({metric.n} AS BIGINT) AS n_{i}",
            f"CAST(round({metric.n} * avg(CASE WHEN is_simulated THEN 1.0 ELSE 0.0 END)) AS BIGINT) AS sim_{i}",
        ]  # fmt: skip
    sql = (
        f"WITH {head},\n"
        f"source AS (\n{_source(first, window, params)}\n)\n"
        f"SELECT area_id, {day} AS local_day, {period} AS period, {offset} AS offset_s,\n  "
        + ",\n  ".join(figures)
        + f",\n  max({event}) AS as_of, max(known_from_utc) AS known_from\nFROM source\n"
        + (f"WHERE {first.where}\n" if first.where else "")
        + f"GROUP BY area_id, {', '.join(keys)}"
    )
    return Composed(sql, tuple(params), tuple(metrics), grain)


def _stock(metrics: list[Metric], window: Window) -> Composed:
    """Each entry counts from one local day to another; the figure is the running sum of the changes.

    A register says from when to when a site was in service (`opened_on`, `closed_on`), else it
    counts from the day it was first known. A case counts as its latest report says, from the day
    of that report until the next; with `counts_until` from its own day until the day of that column.
    """
    first = metrics[0]
    declared = contract(first.dataset)
    known, moments = known_at(window.as_of)
    key = ", ".join(f'"{name}"' for name in declared.key)
    params: list[Any] = [window.city, *moments]
    if declared.kind == "register":
        begin = "coalesce(v.opened_on, f.first_day)" if "opened_on" in declared.columns else "f.first_day"
        if first.counts_from:
            begin = f'v."{first.counts_from}"'
        counted = f'\n  WHERE v."{first.counts_from}" IS NOT NULL' if first.counts_from else ""
        end = "v.closed_on" if "closed_on" in declared.columns else "NULL"
        params = [window.city, *([window.as_of] if window.as_of else []), *params]
        condition = "known_from_utc <= ?" if window.as_of else "TRUE"
        head = (
            "first_known AS (\n"
            f'  SELECT site_id, min(local_day) AS first_day FROM "{declared.table}" WHERE city = ? AND {condition} GROUP BY site_id\n'
            "),\nrecords AS (\n"
            f"  SELECT v.*, CAST({begin} AS DATE) AS from_day, CAST({end} AS DATE) AS to_day\n"
            f'  FROM (SELECT * FROM "{declared.table}" WHERE city = ? AND {known}) AS v\n'
            f"  JOIN first_known AS f ON f.site_id = v.site_id{counted}\n)"
        )
    elif first.counts_until:
        # the latest report of a case says when it ended: what was open on a day follows from that for every past day
        end = counted_day(f'v."{first.counts_until}"', window.tz, window.from_day, window.to_day)
        head = (
            f"records AS (\n  SELECT v.*, v.local_day AS from_day, {end} AS to_day\n"
            f'  FROM (SELECT * FROM "{declared.table}" WHERE city = ? AND {known}) AS v\n)'
        )
    else:
        condition = "known_from_utc <= ?" if window.as_of else "TRUE"
        params = [window.city, *([window.as_of] if window.as_of else [])]
        head = (
            "records AS (\n"
            f"  SELECT v.*, local_day AS from_day, lead(local_day) OVER (PARTITION BY {key} ORDER BY event_at_utc, known_from_utc) AS to_day\n"
            f'  FROM (SELECT * FROM "{declared.table}" WHERE city = ? AND {condition}) AS v\n)'
        )
    signed: dict[str, list[str]] = {"": [], "-": []}
    nets = []
    running = []
    needs_areas = any(metric.denominator.startswith("area.") for metric in metrics)
    for i, metric in enumerate(metrics):
        area_bound = metric.denominator.startswith("area.")
        one = f"CASE WHEN num_{i} IS NOT NULL THEN 1 ELSE 0 END"
        simulated = f"CASE WHEN num_{i} IS NOT NULL AND is_simulated THEN 1 ELSE 0 END"
        for sign, parts in signed.items():
            parts += [
                f"{sign}num_{i} AS num_{i}", f"{sign}den_{i} AS den_{i}",
                f"{sign}({one}) AS n_{i}", f"{sign}({simulated}) AS sim_{i}",
            ]  # fmt: skip
        nets += [f"sum(c.{name}_{i}) AS {name}_{i}" for name in ("num", "den", "n", "sim")]
        nets += [f"-sum(least(c.{name}_{i}, 0)) AS ended_{name}_{i}" for name in ("n", "sim")]
        total = "sum({}) OVER (PARTITION BY n.area_id ORDER BY n.local_day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        # nothing is left: the entries that ended on the day stand behind the zero, which is a figure and not "no data"
        left = {"num": "0", "den": "0" if metric.denominator else "NULL", "n": f"n.ended_n_{i}", "sim": f"n.ended_sim_{i}"}
        none_left = f"{total.format(f'n.n_{i}')} = 0"
        for name, instead in left.items():
            found = f"CASE WHEN {none_left} THEN {instead} ELSE {total.format(f'n.{name}_{i}')} END"
            running.append(f"{metric.denominator if name == 'den' and area_bound else found} AS {name}_{i}")
    where = ""
    if window.areas is not None:
        where = "WHERE list_contains(?, l.area_id)\n  "
        params.append(list(window.areas))
    plus, minus = (",\n    ".join(parts) for parts in (signed[""], signed["-"]))
    common = "locality_id, {} AS local_day, event_at_utc, known_from_utc"
    latest = (
        "max({}) OVER (PARTITION BY n.area_id ORDER BY n.local_day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    sql = (
        f"WITH {head},\n"
        f"source AS (\n{_mart(first)}\n),\n"
        "marked AS (\n  SELECT locality_id, is_simulated, event_at_utc, known_from_utc, from_day, to_day,\n    "
        + ",\n    ".join(_marks(metrics))
        + "\n  FROM source\n),\n"
        f"changes AS (\n  SELECT {common.format('from_day')},\n    {plus}\n  FROM marked\n"
        f"  UNION ALL\n  SELECT {common.format('to_day')},\n    {minus}\n  FROM marked WHERE to_day IS NOT NULL\n),\n"
        "net AS (\n  SELECT l.area_id, c.local_day, max(c.event_at_utc) AS as_of, max(c.known_from_utc) AS known_from,\n    "
        + ",\n    ".join(nets)
        + "\n  FROM changes AS c JOIN counts_in AS l ON l.locality_id = c.locality_id\n"
        f"  {where}GROUP BY l.area_id, c.local_day\n)\n"
        "SELECT n.area_id, n.local_day, CAST(NULL AS BIGINT) AS period, CAST(NULL AS INTEGER) AS offset_s,\n  "
        + ",\n  ".join(running)
        + f",\n  {latest.format('n.as_of')} AS as_of, {latest.format('n.known_from')} AS known_from\n"
        "FROM net AS n" + ("\nLEFT JOIN areas AS area ON area.area_id = n.area_id" if needs_areas else "")
    )
    return Composed(sql, tuple(params), tuple(metrics), "day")


def _marks(metrics: list[Metric]) -> list[str]:
    """Row-level columns: the parts of each metric where the record counts, else null.

    A record counts where both parts are there and the filter holds; what is null of itself is not asked for again.
    """
    columns = []
    for i, metric in enumerate(metrics):
        own = metric.denominator and not metric.denominator.startswith("area.")
        filters = [f"({metric.where})"] if metric.where else []
        den_there = [f"({metric.denominator}) IS NOT NULL"] if own else []
        columns.append(f"{_where(metric.numerator, den_there + filters)} AS num_{i}")
        if own:
            columns.append(f"{_where(metric.denominator, [f'({metric.numerator}) IS NOT NULL', *filters])} AS den_{i}")
        else:
            columns.append(f"CAST(NULL AS DOUBLE) AS den_{i}")
    return columns


def _where(expression: str, conditions: list[str]) -> str:
    cast = f"CAST({expression} AS DOUBLE)"
    return f"CASE WHEN {' AND '.join(conditions)} THEN {cast} END" if conditions else cast


def _records(metric: Metric, declared: Contract, window: Window, params: list[Any], *, join_areas: bool) -> str:
    """The CTE `records`: the city's records of the days, as known; with `area_id` where asked."""
    known, moments = known_at(window.as_of)
    from_day = window.from_day - (LONGEST_CASE if metric.period_on else metric.looked_back(window.from_day))
    conditions = ["r.city = ?", "r.local_day >= ?", "r.local_day < ?", known]
    params += [window.city, from_day, window.to_day, *moments]
    if metric.period_on:
        # counted on another day than the event's: those days decide, the event's only bound the search
        day = _event(metric, window)[1]
        conditions += [f"{day} >= ?", f"{day} < ?"]
        params += [window.from_day, window.to_day]
    if not join_areas:
        return f'records AS (\n  SELECT r.* FROM "{declared.table}" AS r WHERE {" AND ".join(conditions)}\n)'
    if window.areas is not None:
        conditions.append("list_contains(?, l.area_id)")
        params.append(list(window.areas))
    # a dataset may have a column area_id of its own (as the supplier gave it): where it counts takes its place
    own = [f'r."{name}"' for name in declared.columns if name != "area_id"]
    own += [f"r.{name}" for name in ("local_day", "event_at_utc", "utc_offset_s", "is_simulated", "known_from_utc")]
    return (
        f"records AS (\n  SELECT {', '.join(own)}, l.area_id AS area_id\n"
        f'  FROM "{declared.table}" AS r JOIN counts_in AS l ON l.locality_id = r.locality_id\n'
        f"  WHERE {' AND '.join(conditions)}\n)"
    )


def _register(metric: Metric, declared: Contract, window: Window, params: list[Any]) -> str:
    """The CTE `register` where the mart uses it: the sites' attributes as known."""
    if declared.register_dataset is None or "register" not in _mart(metric):
        return ""
    known, moments = known_at(window.as_of)
    params += [window.city, *moments]
    table = contract(declared.register_dataset).table
    return f',\nregister AS (\n  SELECT * FROM "{table}" WHERE city = ? AND {known}\n)'


def _standards(metric: Metric) -> str:
    """A CTE for each table of a standard the mart speaks of by its id."""
    if not metric.mart:
        return ""
    spoken = set(re.findall(r"[a-z][a-z0-9_]*", _mart(metric)))
    return "".join(f",\n{name} AS (\n{table.relation()}\n)" for name, table in standards().items() if name in spoken)


def _source(metric: Metric, window: Window, params: list[Any]) -> str:
    """The mart, without what it says of days before the window that it only looked back on."""
    if not metric.looked_back(window.from_day):
        return _mart(metric)
    params.append(window.from_day)
    return f"  SELECT * FROM (\n{_mart(metric)}\n  ) AS m WHERE m.local_day >= ?"


def _mart(metric: Metric) -> str:
    if not metric.mart:
        return "  SELECT * FROM records"
    lines = (MARTS / f"{metric.mart}.sql").read_text(encoding="utf-8").strip().splitlines()
    return "\n".join("  " + line for line in lines if not line.lstrip().startswith("--"))


def _event(metric: Metric, window: Window) -> tuple[str, str, str]:
    """(moment, local day, offset of the clock in seconds) that decide the period, as SQL."""
    moment, span = metric.period_on or "event_at_utc", (window.tz, window.from_day, window.to_day)
    offset = clock_offset(moment, *span)
    if metric.period_on:
        return moment, counted_day(moment, *span), offset
    return moment, "local_day", offset if is_one_number(offset) else "utc_offset_s"


def _slot(event: str, step: int, offset: str) -> str:
    """Number of the period below a day since 1970 by the local clock, with the offset in force at the event."""
    return f"floor((epoch({event}) + {offset}) / {step})"
