"""Values no real thing could reach from the one before: a car that leaps, a gauge that jumps a metre in a minute.

A contract declares for a series (a vehicle, a gauge) how fast its position or a number may change at
most. Each row is compared with the last believable one before it, in the delivery or in the store. The
longer ago that was, the more change is believable, so a series whose first row was wrong mends itself.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from data_pipeline.contracts import Contract, Step
from data_pipeline.store.lake import Lake
from geo.distance import geodesic_m

REMEMBERED = timedelta(days=1)  # what was measured longer ago says nothing about now
_SCHEMA = {"row_number": pl.Int64(), "column_name": pl.String(), "rule": pl.String(), "reason": pl.String()}
_Value = tuple[float, ...]


def rows_before(lake: Lake, rules: Contract, city: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The newest present record of each series before its first row in `rows`, of the day before at most."""
    if not rules.steps or rows.is_empty():
        return rows.head(0)
    at, by = rules.event_time or "", list(dict.fromkeys(name for step in rules.steps for name in step.by))
    columns = list(dict.fromkeys([*by, at, *(name for step in rules.steps for name in step.columns)]))
    firsts = rows.group_by(by).agg(pl.col(at).min().alias("first_at"))
    same = " AND ".join(f'r."{name}" IS NOT DISTINCT FROM f."{name}"' for name in by)
    names, series = (", ".join(f'r."{name}"' for name in listed) for listed in (columns, by))
    days = rows["local_day"]
    with lake.shown("first_rows", firsts):
        return lake.frame(
            f'SELECT {names} FROM "{rules.table}" r JOIN first_rows f ON {same} AND r."{at}" < f.first_at'
            f' AND r."{at}" >= f.first_at - INTERVAL 1 SECOND * ? WHERE r.city = ? AND r.known_to_utc IS NULL'
            f' AND r.local_day BETWEEN ? AND ? QUALIFY row_number() OVER (PARTITION BY {series} ORDER BY r."{at}" DESC) = 1',
            [int(REMEMBERED.total_seconds()), city, days.min() - REMEMBERED, days.max()],  # type: ignore[operator]
        )


def impossible_steps(rows: pl.DataFrame, rules: Contract, before: pl.DataFrame) -> pl.DataFrame:
    """Rows that cannot follow on the believable row before them: `row_number, column_name, rule, reason`.

    Parameters
    ----------
    rows : the contract's columns and `row_number`; in any order
    before : the series' own columns of `rows_before`; may be empty

    Returns
    -------
    DataFrame
        One row a refused row, of the first rule it breaks. Rows of the same moment, and rows
        without a value, are not judged.
    """
    found = [
        {"row_number": number, "column_name": step.columns[0] if step.column else "", "rule": step.name, "reason": reason}
        for step in rules.steps
        for number, reason in _of_step(step, rules, rows, before)
    ]
    return pl.DataFrame(found, schema=_SCHEMA).unique("row_number", keep="first", maintain_order=True)


def _of_step(step: Step, rules: Contract, rows: pl.DataFrame, before: pl.DataFrame) -> list[tuple[int, str]]:
    at, by = rules.event_time or "", list(step.by)
    wanted = [*by, at, *step.columns]
    own = rows.select(*wanted, "row_number")
    held = before.select(wanted).with_columns(row_number=pl.lit(None, pl.Int64)) if before.height else own.head(0)
    every = pl.concat([held, own]).drop_nulls([at, *step.columns]).sort(*by, at, "row_number", nulls_last=False)
    if every.height < 2:
        return []
    # one look at all neighbours; only series with a leap between any two of them are walked through
    shifted = every.select(pl.col(at, *step.columns).shift(1).over(by).name.prefix("_"), (pl.col(at) - pl.col(at).shift(1).over(by)).dt.total_microseconds().alias("_us"))
    size = _sizes(step, shifted.select(f"_{name}" for name in step.columns), every.select(step.columns))
    hours = shifted["_us"] / 3.6e9
    leaps = every.filter((hours > 0) & (size > step.free) & (size > step.most_per_h * hours))
    if leaps.is_empty():
        return []
    unit = "km" if not step.column else rules.columns[step.column].unit
    walked = every.join(leaps.select(by).unique(), on=by, how="semi", maintain_order="left")
    return [bad for _, series in walked.group_by(by, maintain_order=True) for bad in _walk(step, series, at, unit)]


def _walk(step: Step, series: pl.DataFrame, at: str, unit: str) -> list[tuple[int, str]]:
    """Row number and reason of the rows of one series that do not follow on the last believable one."""
    bad: list[tuple[int, str]] = []
    last: tuple[object, _Value] | None = None
    for number, moment, *value in series.select("row_number", at, *step.columns).iter_rows():
        if last is not None and moment != last[0]:
            hours = (moment - last[0]) / timedelta(hours=1)
            size = _size(step, last[1], tuple(value))
            if number is not None and size > step.free and size > step.most_per_h * hours:
                rate = f"{size / hours:,.0f} {unit} an hour, at most {step.most_per_h:g} are possible"
                bad.append((number, f"{size:,.1f} {unit} from the row before in {hours * 3600:,.0f} s: {rate}"))
                continue
        if last is None or moment != last[0]:
            last = (moment, tuple(value))
    return bad


def _sizes(step: Step, old: pl.DataFrame, new: pl.DataFrame) -> pl.Series:
    """How far each value lies from the one before it: km for positions, else the column's own unit; null where there is none."""
    a, b = old.to_numpy(), new.to_numpy()
    if step.column:
        return pl.Series(abs(b[:, 0] - a[:, 0]), nan_to_null=True)
    return pl.Series(geodesic_m(a[:, 0], a[:, 1], b[:, 0], b[:, 1]) / 1000, nan_to_null=True)


def _size(step: Step, old: _Value, new: _Value) -> float:
    return abs(new[0] - old[0]) if step.column else float(geodesic_m(*old, *new)) / 1000
