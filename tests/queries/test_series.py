"""Readings in memory: held in little room without losing a digit."""

from __future__ import annotations

import numpy as np

from data_pipeline.queries.series import COLUMNS, EXPECTED, HELD, VALUE, N, Series

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
    assert np.array_equal(packed.rows(np.array([4, 1])), plain.data[[4, 1]], equal_nan=True)
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
