"""Metrics: one TOML block says what a figure is; the composer turns it into SQL."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data_pipeline.contracts import contracts
from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import DeclarationError, UnknownId, did_you_mean
from data_pipeline.metrics.standards import grades
from data_pipeline.times import GRAINS, Grain

FOLDER = Path(__file__).parent
MARTS = FOLDER / "marts"

Unit = Literal[
    "share", "count", "per_10k", "ratio", "index", "kwh", "mwh", "kw", "mw", "km", "kmh", "minutes", "hours", "days",
    "ug_m3", "mg_m3", "degc", "mm", "m", "m_s", "persons", "times_per_day", "kbps", "yuan", "usd", "tonnes",
    "points", "per_1k", "tce_per_10k_yuan", "m3", "tce", "gbps", "customer_hours", "km2", "db", "yuan_kwh",
]  # fmt: skip


class Threshold(Declared):
    """One class of a metric: values from `at_least` (inclusive) up to the next class.

    `level` says how it is drawn: `good`, `watch`, `bad`, `signal` or a standard's own class id. `verified`: its bounds
    were read in the standard's text; one that was not is marked where the standard is named.
    """

    at_least: float
    level: str
    zh: str
    en: str
    verified: bool = True


class Decider(Declared):
    """A figure that may decide another one, and its short name beside that."""

    metric: str
    zh: str
    en: str


class LookBack(Declared):
    """How far before a period its figure reads: a moving mean of 24 hours reads 23 hours before the hour it is told for.

    `until`: periods from that local day on read only themselves (the standard that looked back was replaced).
    """

    hours: int = Field(gt=0, le=24 * 31)
    until: date | None = None

    @property
    def most_days(self) -> int:
        """Whole local days that hold the hours; a day may have 23 of them."""
        return -(-self.hours // 23)

    def days(self, day: date) -> int:
        """Local days before `day` that hold what its periods read."""
        return self.most_days if self.until is None or day < self.until else 0

    def days_read_by(self, day: date) -> list[date]:
        """Later local days whose figures read records of `day`."""
        later = [day + timedelta(days=k) for k in range(1, self.most_days + 1)]
        return [d for d in later if self.days(d)]


class Break(Declared):
    """A day from which the figure is made otherwise: no change is reckoned across it."""

    on: date
    zh: str
    en: str


class Example(Declared):
    """A worked example that is also a test: rows of the dataset in, the reading out. `says`, `says_zh`: what it shows.

    Keys of a row that start with `_`: `_dataset` (a row of another dataset, such as the register),
    `_times` (so many copies; key columns are numbered), `_every_s` (seconds between the copies).
    The reading is the city's at `grain`, in the period that holds the first row, or `at` (local time).
    """

    says: str
    says_zh: str = ""
    rows: tuple[dict, ...]
    numerator: float | None = None
    denominator: float | None = None
    value: float | None = None
    source: str
    grain: Grain = "day"
    at: datetime | None = None
    population: int | None = None
    decimals: int = 4

    def shows(self, lang: str) -> str:
        """What it shows, in `lang` where it is told in it."""
        return self.says_zh if lang == "zh" and self.says_zh else self.says


class Metric(Declared):
    """One declared figure. `value = numerator / denominator * scale`; without denominator the numerator.

    Expressions are DuckDB SQL over the columns of the dataset's records, or of `mart`, a file in
    `marts/` that selects from the relation `records` (and from `register`, the dataset's register).

    `over_area = "sum"`: `numerator`, `denominator` and `where` speak about ONE record; the composer
    adds them up, so any area is a sum by construction. A record counts where `where` is true and
    neither expression is null. `over_area = "recompute"`: they are aggregates (`median(…)`,
    `count(DISTINCT …)`), run anew for each area; `records` then carries `area_id`.

    `over_time`: `sum` adds numerators and denominators; `last` is a stock (registers, cases): the
    value at the end of the period; `mean` averages the equal base periods, where a standard
    prescribes it; `recompute` runs the aggregate anew over the longer period.

    `period_on`: timestamp column that decides the period instead of the event time (a ticket
    counts on the day it was closed). A denominator that starts with `area.` is a property of the
    area (`area.population`, `area.area_km2`). `coarsest`: the longest period the figure is given for.
    `counts_from`: date column of a register from which an entry counts in a stock instead of `opened_on`
    (connected to the platform on …); entries without that date do not count.
    `counts_until`: timestamp column of a case from whose local day on it counts no more (closed on …): the stock is what
    was open at the end of a day.
    `whole_periods_only`: no figure before the period is over (half a day has no peak yet).
    `clause` is the place in the standard as Chinese writes it (表4, 附录A.1, 7.2.2.1); `clause_en` says it
    in English where that differs.
    `zero_where_city_reports`: a count of events; where the city's source reports and an area has
    none, the count is 0, not missing.
    `interval`: "wilson" for a share whose denominator counts independent cases: it is shown with its 95 % interval.
    `estimate_days`: with fewer days of records than this the figure is an estimate (status E).
    `breaks`: days on which the definition changed (a standard replaced by its successor).
    `grades`: id of a standard's grades (`standards/`), whose classes are then the `thresholds`.
    `looks_back`: the mart reads records of before the period too; late ones compute the later periods again.
    `decided_by`: figures of which this one is the largest; the one (or, at a tie, those) that reach it are named
    beside it as `decider_zh` / `decider_en`, where it is above `decided_above` (an AQI of at most 50 has no primary
    pollutant).
    """

    id: str = Field(pattern=r"[a-z][a-z0-9_]*\.[a-z0-9_]+")
    name_zh: str
    name_en: str
    says_zh: str
    says_en: str
    does_not_say_zh: str
    does_not_say_en: str
    domain: str
    dataset: str
    mart: str = ""
    where: str = ""
    numerator: str
    denominator: str = ""
    n: str = "count(*)"
    period_on: str = ""
    counts_from: str = ""
    counts_until: str = ""
    unit: Unit
    scale: float = 1.0
    decimals: int = Field(default=1, ge=0, le=6)
    better: Literal["higher", "lower", "neither"]
    kind: Literal["measured", "modelled", "reported"]
    base_grain: Grain
    coarsest: Grain = "year"
    over_area: Literal["sum", "recompute"]
    over_time: Literal["sum", "last", "mean", "recompute"]
    standard: str = ""
    clause: str = ""
    clause_en: str = ""
    assumption_zh: str = ""
    assumption_en: str = ""
    min_completeness: float = Field(default=0.75, ge=0, le=1)
    suppress_below_n: int = Field(default=0, ge=0)
    interval: Literal["", "wilson"] = ""
    estimate_days: int = Field(default=0, ge=0)
    breaks: tuple[Break, ...] = ()
    looks_back: LookBack | None = None
    headline: bool = False
    whole_periods_only: bool = False
    zero_where_city_reports: bool = False
    thresholds: tuple[Threshold, ...] = ()
    grades: str = ""
    decided_by: tuple[Decider, ...] = ()
    decider_zh: str = ""
    decider_en: str = ""
    decided_above: float = 0.0
    examples: tuple[Example, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _graded(cls, data: dict) -> dict:
        """The classes of the grades a metric names, as its thresholds."""
        name = data.get("grades")
        if not name or data.get("thresholds"):
            return data
        if name not in grades():
            near = did_you_mean(str(name), grades())
            raise ValueError(f"unknown grades {name!r}" + (f", did you mean {near[0]!r}?" if near else f"; allowed: {', '.join(grades())}"))
        steps = [{"at_least": c.low, "level": c.level, "zh": c.zh, "en": c.en, "verified": c.verified} for c in grades()[name].classes]
        return {**data, "thresholds": tuple(steps)}

    @model_validator(mode="after")
    def _consistent(self) -> Metric:
        problems = []
        if self.dataset not in contracts():
            near = did_you_mean(self.dataset, contracts())
            problems.append(f"unknown dataset {self.dataset!r}" + (f", did you mean {near[0]!r}?" if near else ""))
        if self.looks_back and (not self.mart or self.period_on or self.over_time == "last"):
            problems.append("looks_back needs a mart that counts on the day of the event: without one nothing reads an earlier record")
        if bool(self.decided_by) != bool(self.decider_zh and self.decider_en):
            problems.append("decided_by needs decider_zh and decider_en, what the deciding figure is called, and the other way round")
        if self.unit == "share" and not self.denominator and self.over_time != "recompute":
            problems.append("a share needs a denominator")
        if self.mart and not (MARTS / f"{self.mart}.sql").exists():
            problems.append(f"mart {self.mart!r}: no file marts/{self.mart}.sql")
        if self.interval and (self.unit != "share" or self.over_time != "sum" or not self.denominator):
            problems.append('interval "wilson" needs a share with a denominator of cases and over_time "sum"')
        if GRAINS.index(self.coarsest) < GRAINS.index(self.base_grain):
            problems.append("coarsest must not be finer than base_grain")
        if self.over_time == "recompute" and self.over_area != "recompute":
            problems.append('over_time "recompute" needs over_area "recompute"')
        if self.over_time == "last" and (self.over_area != "sum" or self.base_grain != "day"):
            problems.append('over_time "last" (a stock) needs over_area "sum" and base_grain "day"')
        if self.over_time == "last" and self.mart:
            problems.append('over_time "last" (a stock) takes no mart')
        if self.over_time == "last" and self.dataset in contracts() and not self.is_stock:
            problems.append('over_time "last" needs a register or a case dataset')
        if self.denominator.startswith("area.") and self.over_time != "last":
            problems.append("a denominator of the area needs over_time = last")
        if self.period_on and self.dataset in contracts():
            column = contracts()[self.dataset].columns.get(self.period_on)
            if column is None or column.type != "timestamp":
                problems.append(f"period_on {self.period_on!r} is not a timestamp column of {self.dataset}")
        if self.counts_from and self.dataset in contracts():
            column = contracts()[self.dataset].columns.get(self.counts_from)
            if not self.is_stock or column is None or column.type != "date":
                problems.append(f"counts_from {self.counts_from!r} is not a date column of a register whose stock is counted")
        if self.counts_until and self.dataset in contracts():
            column = contracts()[self.dataset].columns.get(self.counts_until)
            if not self.is_stock or contracts()[self.dataset].kind != "case" or column is None or column.type != "timestamp":
                problems.append(f"counts_until {self.counts_until!r} is not a timestamp column of a case dataset whose stock is counted")
        if not self.clause.isascii() and not self.clause_en:
            problems.append("a clause in Chinese needs clause_en")
        bounds = [t.at_least for t in self.thresholds]
        if bounds != sorted(bounds):
            problems.append("thresholds must rise")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def grains(self) -> tuple[Grain, ...]:
        """The base grain and every coarser one, up to `coarsest`."""
        return GRAINS[GRAINS.index(self.base_grain) : GRAINS.index(self.coarsest) + 1]

    @property
    def is_stock(self) -> bool:
        """A stock: what stands at the end of a period, known from a register or from cases."""
        return self.over_time == "last" and contracts()[self.dataset].kind in ("register", "case")

    @property
    def is_additive(self) -> bool:
        """A plain sum over time (no denominator): half a period holds about half of it."""
        return self.over_time == "sum" and not self.denominator

    def looked_back(self, day: date) -> timedelta:
        """How many whole days before a local day its figures read; none for most metrics."""
        return timedelta(days=self.looks_back.days(day) if self.looks_back else 0)

    @property
    def formula(self) -> str:
        """The formula as text, for people."""
        top = f"({self.numerator})" if self.over_area == "recompute" else f"Σ({self.numerator})"
        if not self.denominator:
            text = top
        elif self.over_area == "recompute" or self.denominator.startswith("area."):
            text = f"{top} / ({self.denominator})"
        else:
            text = f"{top} / Σ({self.denominator})"
        if self.scale != 1:
            text += f" × {self.scale:g}"
        return text + (f"  where {self.where}" if self.where else "")

    def value_of(self, numerator: float | None, denominator: float | None) -> float | None:
        """The figure from its parts at base grain; None where a part is missing or the denominator is 0."""
        if numerator is None:
            return None
        if not self.denominator:
            return numerator * self.scale
        return numerator / denominator * self.scale if denominator else None


class MetricFile(Declared):
    """A file of metrics: blocks `[[metric]]`."""

    metric: tuple[Metric, ...]


def load_metrics(paths: list[Path]) -> dict[str, Metric]:
    """All metrics in the given files by id; `DeclarationError` for the first bad file or a doubled id."""
    found: dict[str, Metric] = {}
    for path in paths:
        data = read_toml(path)
        try:
            read = validate(MetricFile, data, path.name).metric
        except DeclarationError as error:
            raise DeclarationError(path.name, [_with_id(text, data) for text in error.problems]) from None
        for metric in read:
            if metric.id in found:
                raise DeclarationError(path.name, [f"metric {metric.id!r} is declared twice"])
            found[metric.id] = metric
    return found


def _with_id(problem: str, data: dict) -> str:
    """A problem of the n-th block of a file, told with the id that stands in it."""
    place = re.search(r"\bmetric\.(\d+)\b", problem)
    blocks = data.get("metric")
    if place is None or not isinstance(blocks, list) or int(place[1]) >= len(blocks):
        return problem
    own = blocks[int(place[1])].get("id") if isinstance(blocks[int(place[1])], dict) else None
    return f"metric {own!r}: {problem.replace(f'{place[0]}.', '').replace(f'{place[0]}: ', '')}" if own else problem


def decider_problems(declared: dict[str, Metric]) -> list[str]:
    """Figures that `decided_by` names and that do not exist or stand in another unit or for other periods."""
    problems = []
    for metric in declared.values():
        for name in (decider.metric for decider in metric.decided_by):
            other = declared.get(name)
            if other is None:
                near = did_you_mean(name, declared)
                problems.append(f"{metric.id}: decided_by names no metric {name!r}" + (f", did you mean {near[0]!r}?" if near else ""))
            elif (other.unit, other.base_grain, other.scale) != (metric.unit, metric.base_grain, metric.scale):
                problems.append(f"{metric.id}: decided_by names {name!r}, which has another unit, scale or base grain and cannot be compared")
    return problems


@cache
def metrics() -> dict[str, Metric]:
    """The product's metrics by id, in the order of files and blocks."""
    found = load_metrics(sorted(FOLDER.glob("*.toml")))
    if problems := decider_problems(found):
        raise DeclarationError(FOLDER.name, problems)
    return found


def metric(metric_id: str) -> Metric:
    """One metric; `UnknownId` with "did you mean" where there is none."""
    try:
        return metrics()[metric_id]
    except KeyError:
        raise UnknownId("metric", metric_id, metrics()) from None
