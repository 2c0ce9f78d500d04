"""What is said about readings beyond their value: that one is unusual, and what it was taken for earlier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data_pipeline.queries.types import Change, Delivery, Reading, Snapshot


@dataclass(frozen=True)
class Anomaly:
    """A reading that noise does not explain, with what it was judged by.

    `baseline`: median of the `n` comparable past periods; `z`: robust deviation from it (of counts on
    Anscombe's scale); `p`: chance of one as large by noise alone. `method` names the rule and its version.
    """

    reading: Reading
    baseline: float
    scale: float
    z: float
    p: float
    n: int
    method: str

    @property
    def side(self) -> int:
        """1 above, -1 below."""
        return 1 if self.z > 0 else -1


@dataclass(frozen=True)
class Unusual:
    """What is unusual in a city now: flagged readings, the least likely first, of `judged` ones.

    `false_a_day`: false flags to expect a day in the city where nothing at all is unusual, at most.
    """

    flagged: tuple[Anomaly, ...]
    judged: int
    false_a_day: float

    def of(self, metric: str, area: str) -> Anomaly | None:
        """The flagged reading of a figure in an area; None where there is none."""
        return next((a for a in self.flagged if a.reading.metric == metric and a.reading.area == area), None)


@dataclass(frozen=True)
class Vintage:
    """A figure as it was known from `known_at_utc` on; `known_at_utc` is when the delivery that changed it arrived."""

    known_at_utc: datetime
    reading: Reading


@dataclass(frozen=True)
class Provenance:
    """Everything behind one reading: definition, formula, period, completeness, files and rows."""

    reading: Reading
    metric_id: str
    name_zh: str
    name_en: str
    says_zh: str
    says_en: str
    does_not_say_zh: str
    does_not_say_en: str
    standard: str
    clause: str
    kind: str
    formula: str
    sql: str
    dataset: str
    deliveries: tuple[Delivery, ...] = ()
    records_n: int = 0
    sample_columns: tuple[str, ...] = ()
    sample_rows: tuple[tuple, ...] = ()
    snapshot: Snapshot | None = None
    clause_en: str = ""
    previous: Change | None = None
    year_ago: Change | None = None
    vintages: tuple[Vintage, ...] = ()
