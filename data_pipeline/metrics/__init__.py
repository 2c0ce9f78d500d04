"""Metrics: one TOML block says what a figure is; the composer turns it into SQL."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data_pipeline.contracts import contracts
from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import DeclarationError, UnknownId, did_you_mean
from data_pipeline.times import GRAINS, Grain

FOLDER = Path(__file__).parent
MARTS = FOLDER / "marts"

Unit = Literal[
    "share", "count", "per_10k", "ratio", "index", "kwh", "mwh", "kw", "mw", "km", "kmh", "minutes", "hours", "days",
    "ug_m3", "mg_m3", "degc", "mm", "m", "m_s", "persons", "times_per_day", "kbps", "yuan", "usd",
]  # fmt: skip


class Threshold(Declared):
    """One class of a metric: values from `at_least` (inclusive) up to the next class.

    `level` says how it is drawn: `good`, `watch`, `bad`, `signal` or a standard's own class id.
    """

    at_least: float
    level: str
    zh: str
    en: str


class Example(Declared):
    """A worked example that is also a test: rows of the dataset in, the reading out."""

    says: str
    rows: tuple[dict, ...]
    numerator: float | None = None
    denominator: float | None = None
    value: float | None
    source: str


class Metric(Declared):
    """One declared figure. `value = numerator / denominator * scale`; without denominator the numerator.

    `numerator`, `denominator`, `where` are DuckDB SQL over the columns of the dataset's records
    (or of `mart`, a file in `marts/`). `over_area` and `over_time` say how the figure behaves:
    `sum` adds numerators and denominators, `last` takes the last value of a stock in the
    period, `mean` averages equal periods where a standard prescribes it, `recompute` runs the
    expression anew at each level (percentiles, distinct counts).
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
    unit: Unit
    scale: float = 1.0
    decimals: int = Field(default=1, ge=0, le=6)
    better: Literal["higher", "lower", "neither"]
    kind: Literal["measured", "modelled", "reported"]
    base_grain: Grain
    over_area: Literal["sum", "recompute"]
    over_time: Literal["sum", "last", "mean", "recompute"]
    standard: str = ""
    clause: str = ""
    assumption_zh: str = ""
    assumption_en: str = ""
    min_completeness: float = Field(default=0.75, ge=0, le=1)
    suppress_below_n: int = Field(default=0, ge=0)
    headline: bool = False
    thresholds: tuple[Threshold, ...] = ()
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Metric:
        problems = []
        if self.dataset not in contracts():
            near = did_you_mean(self.dataset, contracts())
            problems.append(f"unknown dataset {self.dataset!r}" + (f", did you mean {near[0]!r}?" if near else ""))
        if self.unit == "share" and not self.denominator and self.over_time != "recompute":
            problems.append("a share needs a denominator")
        if self.mart and not (MARTS / f"{self.mart}.sql").exists():
            problems.append(f"mart {self.mart!r}: no file marts/{self.mart}.sql")
        bounds = [t.at_least for t in self.thresholds]
        if bounds != sorted(bounds):
            problems.append("thresholds must rise")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def grains(self) -> tuple[Grain, ...]:
        """The base grain and every coarser one."""
        return GRAINS[GRAINS.index(self.base_grain) :]


class MetricFile(Declared):
    """A file of metrics: blocks `[[metric]]`."""

    metric: tuple[Metric, ...]


def load_metrics(paths: list[Path]) -> dict[str, Metric]:
    """All metrics in the given files by id; `DeclarationError` for the first bad file or a doubled id."""
    found: dict[str, Metric] = {}
    for path in paths:
        for metric in validate(MetricFile, read_toml(path), path.name).metric:
            if metric.id in found:
                raise DeclarationError(path.name, [f"metric {metric.id!r} is declared twice"])
            found[metric.id] = metric
    return found


@cache
def metrics() -> dict[str, Metric]:
    """The product's metrics by id, in the order of files and blocks."""
    return load_metrics(sorted(FOLDER.glob("*.toml")))


def metric(metric_id: str) -> Metric:
    """One metric; `UnknownId` with "did you mean" where there is none."""
    try:
        return metrics()[metric_id]
    except KeyError:
        raise UnknownId("metric", metric_id, metrics()) from None
