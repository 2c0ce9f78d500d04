"""Readings of a real city pack put straight into memory: what queries say of them, without a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from data_pipeline.cities import Pack
from data_pipeline.queries.answers import Answers
from data_pipeline.queries.mirror import State
from data_pipeline.queries.series import COLUMNS, Series, microseconds

Row = Mapping[str, float]


def series(starts: Sequence[datetime], rows: Sequence[Row]) -> Series:
    """Rows (column → value; the value is numerator ÷ denominator where not given) by the start of their period."""
    data = np.full((len(rows), len(COLUMNS)), np.nan)
    for i, row in enumerate(rows):
        full: dict[str, float] = {"n": 1, "simulated_n": 0, "from_figures": 0, "data_as_of_us": microseconds(starts[i]), "known_from_us": microseconds(starts[i])}
        full |= row
        if "value" not in full and full.get("denominator"):
            full["value"] = full["numerator"] / full["denominator"]
        for name, value in full.items():
            data[i, COLUMNS.index(name)] = value
    return Series(np.array([microseconds(s) for s in starts], dtype=np.int64), data)


def plain(starts_us: np.ndarray, values: np.ndarray, n: int = 50) -> Series:
    """A series of figures with as many records each, quickly."""
    data = np.full((len(values), len(COLUMNS)), np.nan)
    for name, column in {"numerator": values, "denominator": 1.0, "value": values, "n": n, "simulated_n": 0, "from_figures": 0,
                         "data_as_of_us": starts_us, "known_from_us": starts_us}.items():  # fmt: skip
        data[:, COLUMNS.index(name)] = column
    return Series(starts_us, data)


def answers(pack: Pack, held: Mapping[tuple[str, str, str], Series], now: datetime) -> Answers:
    """Answers of one city from such series at a moment."""
    return Answers(State(series=dict(held), cities=frozenset([pack.id])), pack, now)
