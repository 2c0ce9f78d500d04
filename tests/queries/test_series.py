"""Readings in memory: held in little room without losing a digit."""

from __future__ import annotations

import numpy as np
import polars as pl

from data_pipeline.queries.series import COLUMNS, EXPECTED, HELD, MOST_ROWS, NEWEST_ROWS, VALUE, Fold, N, Series, split

HOUR = 3_600_000_000


def _plain(n: int = 50, count: float = 12.0) -> Series:
    rng = np.random.default_rng(3)
    data = rng.uniform(0, 1e9, (n, len(COLUMNS)))
    data[:, N : N + 4] = count
    data[::7, EXPECTED] = np.nan
    data[::5, VALUE] = np.nan
    data[:, 7:9] = np.floor(rng.uniform(1.6e15, 1.8e15, (n, 2)))  # microseconds since 1970
    data[:, 9] = np.arange(n) % 2
    return Series(np.arange(n, dtype=np.int64) * HOUR, data)


def test_a_packed_series_answers_exactly_as_the_plain_one_does() -> None:
    plain = _plain()
    packed = plain.packed()
    assert packed._rows.dtype == HELD and packed._rows.nbytes < 0.75 * plain.data.nbytes
    assert np.array_equal(packed.data, plain.data, equal_nan=True)
    for moment in (0, 7 * HOUR, 49 * HOUR):
        assert np.array_equal(packed.find(moment), plain.find(moment), equal_nan=True)
    assert packed.find(HOUR + 1) is None
    assert np.array_equal(packed.between(3 * HOUR, 9 * HOUR).data, plain.data[3:9], equal_nan=True)
    rows, there = packed.rows(np.array([4, 1, 70]) * HOUR)
    assert np.array_equal(rows[:2], plain.data[[4, 1]], equal_nan=True) and there.tolist() == [True, True, False]
    assert packed.newest_value(46 * HOUR) == 44 * HOUR  # the value of hour 45 is null
    assert packed.last_before(10 * HOUR)[0] == 9 * HOUR
    assert np.array_equal(packed.since(40 * HOUR).data, plain.data[40:], equal_nan=True)


def test_counts_too_large_for_the_little_room_keep_the_plain_table() -> None:
    plain = _plain(count=2.0**24 + 1)
    assert plain.packed()._rows.dtype == np.float64
    assert plain.packed().data[0, N] == 2**24 + 1


def test_newer_rows_replace_those_of_the_same_period_and_are_put_behind_the_others() -> None:
    old, newer = _plain(4).packed(), _plain(3, count=99.0)
    moved = Series(newer.starts + 2 * HOUR, newer.data)
    merged = old.merged(moved)
    assert merged.starts.tolist() == [h * HOUR for h in range(5)]
    assert merged.data[:, N].tolist() == [12.0, 12.0, 99.0, 99.0, 99.0]
    assert merged._rows.dtype == HELD


def _same(one: Series, other: Series) -> bool:
    return one.starts.tolist() == other.starts.tolist() and np.array_equal(one.data, other.data, equal_nan=True)


def test_a_folded_series_answers_exactly_as_the_plain_one_does() -> None:
    plain = _plain(400)
    plain.data[:200, 2] = plain.data[:200, 0] / plain.data[:200, 1] * 100.0  # a value as it is worked out, and others
    plain.data[3, 0] = np.nan
    plain.data[5, 7] = np.nan
    folded = plain.folded()
    assert len(folded) == 400 and len(folded._starts) == NEWEST_ROWS
    assert _same(folded, plain) and folded.data.view(np.int64).tolist() == plain.data.view(np.int64).tolist()
    for hour in (0, 7, 391, 392, 399):
        assert np.array_equal(folded.find(hour * HOUR), plain.find(hour * HOUR), equal_nan=True)
    assert folded.find(HOUR + 1) is None and folded.find(-HOUR) is None and folded.find(400 * HOUR) is None
    for a, b in ((0, 400), (10, 20), (380, 395), (393, 396), (500, 600)):
        assert _same(folded.between(a * HOUR, b * HOUR), plain.between(a * HOUR, b * HOUR))
    wanted = np.array([399, 2, 777]) * HOUR
    assert np.array_equal(folded.rows(wanted)[0][:2], plain.data[[399, 2]], equal_nan=True)
    assert folded.rows(wanted)[1].tolist() == [True, True, False]
    assert (folded.first_us, folded.last_us) == (0, 399 * HOUR)
    assert folded.newest_value(301 * HOUR) == plain.newest_value(301 * HOUR) == 299 * HOUR
    assert folded.last_before(10 * HOUR)[0] == 9 * HOUR
    assert _same(folded.since(390 * HOUR), plain.since(390 * HOUR)) and _same(folded.since(40 * HOUR), plain.since(40 * HOUR))


def test_newer_and_late_rows_reach_a_folded_series_and_the_fold_takes_what_grows_old() -> None:
    plain = _plain(100)
    folded, known = plain.folded(), plain
    for hour in range(95, 95 + 3 * MOST_ROWS):
        newer = Series(np.array([hour * HOUR]), np.full((1, len(COLUMNS)), float(hour)))
        folded, known = folded.merged(newer), known.merged(newer)
        assert len(folded._starts) <= MOST_ROWS
    assert _same(folded, known)
    late = Series(np.array([5 * HOUR, 7 * HOUR + 1]), np.full((2, len(COLUMNS)), 1.0))
    assert _same(folded.merged(late), known.merged(late))


def test_a_fold_takes_an_eighth_of_the_open_rows_where_days_resemble_each_other() -> None:
    starts = np.arange(850, dtype=np.int64) * 86_400_000_000
    data = np.zeros((850, len(COLUMNS)))
    data[:, 0], data[:, 1] = np.random.default_rng(1).integers(0, 500, 850), 500
    data[:, VALUE], data[:, N] = data[:, 0] / data[:, 1], 24
    data[:, 7] = data[:, 8] = 1.7e15 + starts
    assert len(Fold(starts, data).compressed) < 850 * HELD.itemsize / 8


def test_rows_of_a_query_become_series_whose_old_days_are_folded() -> None:
    n = 60
    frame = pl.DataFrame({"metric": "m", "area_id": ["b"] * n + ["a"] * n, "grain": "day", "start_us": [*range(n), *range(n)]}).with_columns(
        *(pl.lit(float(i)).alias(name) for i, name in enumerate(COLUMNS[:-1])), pl.lit(1).alias(COLUMNS[-1])
    )
    found = dict(split(pl.concat([frame, frame.head(1).with_columns(pl.lit(77.0).alias("value"))])))
    assert list(found) == [("m", "a", "day"), ("m", "b", "day")]
    assert {len(series) for series in found.values()} == {n} and {len(series._starts) for series in found.values()} == {NEWEST_ROWS}
    assert found["m", "b", "day"].find(0)[VALUE] == 77.0 and found["m", "a", "day"].find(0)[VALUE] == 2.0
