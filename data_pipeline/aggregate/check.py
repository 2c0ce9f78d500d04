"""Metrics proved: what can be seen in a declaration, what the database says of its SQL, and its worked examples."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import polars as pl

from data_pipeline.aggregate.compose import Window, compose, grouped
from data_pipeline.aggregate.examples import CITY, check_examples
from data_pipeline.contracts import contract, duration
from data_pipeline.errors import CityBrainError, DeclarationError, did_you_mean
from data_pipeline.metrics import Metric, load_metrics
from data_pipeline.store.lake import Lake
from data_pipeline.times import GRAINS, zone

# a contract's unit → the metric units a plain column in it may give, with the scale that takes one to the other
COLUMN_UNITS: dict[str, dict[str, float]] = {
    "count": {"count": 1, "persons": 1, "index": 1, "ratio": 1, "points": 1, "times_per_day": 1, "customer_hours": 1},
    "kWh": {"kwh": 1, "mwh": 0.001}, "MW": {"mw": 1, "kw": 1000}, "kW": {"kw": 1, "mw": 0.001}, "km": {"km": 1}, "km/h": {"kmh": 1},
    "km2": {"km2": 1}, "m3": {"m3": 1}, "t": {"tonnes": 1}, "kg": {"tonnes": 0.001}, "tce": {"tce": 1}, "mm": {"mm": 1}, "m": {"m": 1},
    "degC": {"degc": 1}, "m/s": {"m_s": 1}, "ug/m3": {"ug_m3": 1}, "mg/m3": {"mg_m3": 1}, "kbit/s": {"kbps": 1}, "Gbps": {"gbps": 1},
    "points": {"points": 1}, "wan_yuan": {"yuan": 10_000}, "亿元": {"yuan": 100_000_000}, "dB": {"db": 1}, "CNY/kWh": {"yuan_kwh": 1},
    "min": {"minutes": 1, "hours": 1 / 60}, "h": {"hours": 1, "minutes": 60, "days": 1 / 24}, "s": {"minutes": 1 / 60, "hours": 1 / 3600},
}  # fmt: skip
GRAIN_SECONDS = dict(zip(GRAINS, (300, 900, 3600, 86_400, 604_800, 2_419_200, 7_776_000, 31_536_000), strict=True))
# what stands under a division: a number, a guard (nullif, greatest), or something else
_DIVISOR = re.compile(r"/\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<guard>nullif|greatest)\s*\(|(?P<name>[a-z_][a-z0-9_.]*\(?)|(?P<other>\S))", re.IGNORECASE)


def read_metrics(paths: list[Path]) -> tuple[dict[str, Metric], dict[str, str], list[str]]:
    """The metrics of several files by id, the name of the file of each, and what is wrong with files that cannot be read.

    A bad file does not hide the others.
    """
    found: dict[str, Metric] = {}
    files: dict[str, str] = {}
    problems: list[str] = []
    for path in paths:
        try:
            own = load_metrics([path])
        except DeclarationError as error:
            problems += [f"{path.name}: {text}" for text in error.problems]
            continue
        problems += [f"{path.name}: metric {m!r} is declared in another file too" for m in own if m in found]
        found |= own
        files |= dict.fromkeys(own, path.name)
    return found, files, problems


def check_metrics(lake: Lake, declared: list[Metric], *, examples: bool = True) -> dict[str, list[str]]:
    """Everything wrong with each metric, by id: declaration, SQL against an empty store, worked examples. Empty lists where nothing is.

    `examples=False` leaves the examples out: they take nearly all of the time.
    """
    refused = explain(lake, declared)
    found: dict[str, list[str]] = {}
    for metric in declared:
        problems = unit_problems(metric) + division_problems(metric) + grain_problems(metric)
        if metric.id in refused:
            # its examples would only say the same again
            problems.append(f"its SQL is refused: {refused[metric.id]}{_meant(metric, refused[metric.id])}")
        elif examples:
            try:
                problems += check_examples(lake, metric)
            except CityBrainError as error:
                problems.append(str(error))
        elif not metric.examples:
            problems.append("has no worked example")
        found[metric.id] = problems
    return found


def _meant(metric: Metric, objection: str) -> str:
    """The columns of the dataset that may have been meant by one that does not exist; "" for other objections."""
    asked = re.search(r'Referenced column "([^"]+)" not found', objection)
    if asked is None:
        return ""
    columns = contract(metric.dataset).columns
    near = did_you_mean(asked[1], columns)
    return f"; dataset {metric.dataset} has no column {asked[1]!r}" + (f", did you mean {near[0]!r}?" if near else f"; allowed: {', '.join(columns)}")


def explain(lake: Lake, declared: list[Metric]) -> dict[str, str]:
    """What the database objects to in composed SQL (a column that does not exist, types that do not fit), by metric; the good are absent.

    Metrics that share a statement are explained together, and one by one only where it is refused.
    """
    window = Window(CITY, date(2026, 3, 1), date(2026, 3, 2), zone("Asia/Shanghai"))
    areas = pl.DataFrame(schema={"area_id": pl.String, "population": pl.Int64, "area_km2": pl.Float64})
    counts = pl.DataFrame(schema={"locality_id": pl.Int64, "area_id": pl.String})

    def objection(metrics: list[Metric]) -> str:
        composed = compose(metrics, window)
        return lake.objection(composed.sql, composed.params)

    refused: dict[str, str] = {}
    with lake.shown("areas", areas), lake.shown("counts_in", counts):
        for group in grouped(declared):
            if objection(group):
                refused |= {metric.id: said for metric in group if (said := objection([metric]))}
    return refused


def unit_problems(metric: Metric) -> list[str]:
    """A unit that does not fit: a share with a scale or with values above 1, a column in another unit than the figure."""
    found = []
    if metric.unit == "share":
        if metric.scale != 1:
            found.append(f"unit share is 0–1, so scale must be 1, got {metric.scale:g} (screens show per cent by themselves)")
        found += [f"threshold {c.at_least:g} of a share is above 1" for c in metric.thresholds if c.at_least > 1]
    for unit, size in (("per_10k", 10_000), ("per_1k", 1000)):
        if metric.unit == unit and metric.scale != size and str(size) not in metric.denominator:
            found.append(f"unit {unit} needs scale {size} or a denominator in {size}, got scale {metric.scale:g}")
    column = contract(metric.dataset).columns.get(metric.numerator.strip())
    if column is None or metric.mart or metric.denominator not in ("", "1"):
        return found
    allowed = COLUMN_UNITS.get(column.unit)
    if allowed is None or not column.unit:
        return found
    if metric.unit not in allowed:
        found.append(f"column {metric.numerator!r} is in {column.unit!r}, which cannot be told in {metric.unit!r}; allowed: {', '.join(allowed)}")
    elif abs(metric.scale / allowed[metric.unit] - 1) > 1e-9:
        found.append(f"column {metric.numerator!r} is in {column.unit!r}: for {metric.unit!r} scale must be {allowed[metric.unit]:g}, got {metric.scale:g}")
    return found


def division_problems(metric: Metric) -> list[str]:
    """Divisions inside the expressions whose divisor may be 0: only a number, `nullif(…, 0)`, `greatest(…)` or a column above 0 is safe.

    The metric's own denominator needs none of it: where it is 0 there is no reading (`Metric.value_of`).
    """
    columns = contract(metric.dataset).columns
    found = []
    for what, text in (("numerator", metric.numerator), ("denominator", metric.denominator), ("where", metric.where), ("n", metric.n)):
        for match in _DIVISOR.finditer(text):
            if match["guard"] or (match["number"] and float(match["number"]) != 0):
                continue
            column = columns.get(match["name"] or "")
            if column is not None and column.min is not None and column.min > 0:
                continue
            divisor = match["number"] or match["name"] or match["other"]
            found.append(f"{what}: divides by {divisor!r}, which can be 0; write nullif({divisor.rstrip('(')}…, 0) or make it the denominator")
    return found


def grain_problems(metric: Metric) -> list[str]:
    """A period finer than the data: records of a dataset that come once a day cannot say anything of an hour."""
    cadence = contract(metric.dataset).cadence
    if cadence is None or metric.is_stock:
        return []
    seconds = duration(cadence).total_seconds()
    if GRAIN_SECONDS[metric.base_grain] >= seconds:
        return []
    fit = next((g for g in GRAINS if GRAIN_SECONDS[g] >= seconds), GRAINS[-1])
    return [f"base_grain {metric.base_grain!r} is finer than its data: {metric.dataset} has a record every {cadence}; allowed: {fit!r} or coarser"]
