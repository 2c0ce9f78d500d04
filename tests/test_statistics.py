"""Formulas of statistics against worked examples of the standards and against simulation of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from data_pipeline.statistics import (
    anscombe,
    benjamini_hochberg,
    complementary,
    revealed,
    robust_centre,
    students_tail,
    tail_p,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"), [(178, 200, 0.8391, 0.9262), (9, 10, 0.5958, 0.9821), (0, 12, 0.0, 0.2425), (12, 12, 0.7575, 1.0)]
)
def test_wilson_intervals_equal_the_worked_examples(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert found is not None
    # the standards print 0.5958 for 0.59585: the digits they cut, not round
    assert found == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_without_cases_there_is_no_interval() -> None:
    assert wilson(0, 0) is None and wilson(5, 3) is None


def test_robust_deviations_equal_the_worked_examples_also_where_the_median_deviation_is_zero() -> None:
    past = np.array([[412, 398, 405, 430, 419, 401, 388, 410], [20, 20, 20, 20, 21, 20, 20, math.nan]], dtype=float)
    centre, spread, n = robust_centre(past)
    assert centre.tolist() == [407.5, 20.0] and n.tolist() == [8, 7]
    z = (np.array([505, 24]) - centre) / spread
    assert z.tolist() == [pytest.approx(8.22, abs=0.005), pytest.approx(22.34, abs=0.005)]
    assert robust_centre(np.full((1, 9), 3.0))[1].tolist() == [0.0]


def test_medians_of_rows_with_gaps_are_numpys_own() -> None:
    rng = np.random.default_rng(5)
    past = rng.normal(size=(200, 57))
    past[rng.random(past.shape) < 0.4] = math.nan
    past[7] = math.nan
    centre, spread, _ = robust_centre(past)
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(RuntimeWarning)
        expected = np.nanmedian(past, axis=1)
        away = 1.4826 * np.nanmedian(np.abs(past - expected[:, None]), axis=1)
    np.testing.assert_array_equal(centre, expected)
    np.testing.assert_array_equal(spread, away)


def test_anscombe_differences_of_counts_equal_the_worked_examples() -> None:
    pairs = ((9, 4, 1.94), (25, 16, 1.98), (14, 2, 4.50))
    assert [round(float(anscombe(np.array(a)) - anscombe(np.array(b))), 2) for a, b, _ in pairs] == [d for *_, d in pairs]


def test_benjamini_and_hochberg_reject_two_of_the_eight_of_the_worked_example() -> None:
    p = np.array([0.205, 0.001, 0.039, 0.008, 0.041, math.nan, 0.042, 0.06, 0.074])
    assert np.flatnonzero(benjamini_hochberg(p, 0.05)).tolist() == [1, 3]
    assert not benjamini_hochberg(np.array([math.nan]), 0.05).any()


@pytest.mark.parametrize("n", [8, 16, 40])
def test_noise_alone_is_called_unlikely_no_more_often_than_said(n: int) -> None:
    """Median and deviation by `sorted`, draw by draw, not by the code under test."""
    draws = np.random.default_rng(20261122 + n).standard_normal((200_000, n + 1))
    past = np.sort(draws[:, :n], axis=1)
    half = n // 2
    median = (past[:, half - 1] + past[:, half]) / 2
    away = np.sort(np.abs(past - median[:, None]), axis=1)
    sigma = 1.4826 * (away[:, half - 1] + away[:, half]) / 2
    p = tail_p((draws[:, n] - median) / sigma, np.full(len(draws), n))
    for said in (0.05, 0.01, 0.001):
        assert (p < said).mean() == pytest.approx(said, rel=0.2), said


def determined(sums: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hidden cells with only one possible value: those along which no solution can move (singular values, not elimination)."""
    unknown = np.flatnonzero(hidden)
    _, s, vt = np.linalg.svd(sums[:, unknown])
    free = vt[int((s > 1e-9).sum()) :]
    found = np.zeros(len(hidden), dtype=bool)
    found[unknown] = np.abs(free).max(axis=0, initial=0) < 1e-9
    return found


def tree(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A city of three districts of four townships each and a zone across two districts: sums and counts."""
    towns = rng.choice([0, 1, 2, 3, 5, 9, 20], size=12)
    districts = towns.reshape(3, 4).sum(axis=1)
    zone = towns[[1, 2, 5]].sum()
    counts = np.array([districts.sum(), *districts, zone, *towns], dtype=float)
    sums = np.zeros((5, 17))
    sums[0, 0], sums[0, 1:4] = 1, -1
    for d in range(3):
        sums[1 + d, 1 + d], sums[1 + d, 5 + 4 * d : 9 + 4 * d] = 1, -1
    sums[4, 4], sums[4, [6, 7, 10]] = 1, -1
    assert np.allclose(sums @ counts, 0)
    return sums, counts


def test_no_small_count_can_be_reckoned_from_what_is_shown_and_the_city_stays_shown() -> None:
    rng = np.random.default_rng(7)
    attacked = 0
    for _ in range(300):
        sums, counts = tree(rng)
        small = (counts > 0) & (counts < 3)
        attacked += bool((determined(sums, small) & small).any())
        hidden = complementary(sums, counts, small)
        assert not (determined(sums, hidden) & small).any(), counts
        assert hidden[small].all() and not hidden[counts == 0].any()
        assert not hidden[0] or counts[0] < 3
    assert attacked > 100, "primary suppression alone would have given away many"


def test_a_single_small_part_is_revealed_by_its_total_and_the_smallest_other_part_is_hidden_with_it() -> None:
    sums = np.array([[1.0, -1, -1, -1]])
    assert revealed(sums, np.array([False, True, False, False]), np.array([False, True, False, False])).tolist() == [False, True, False, False]
    assert complementary(sums, [62, 2, 40, 20], [False, True, False, False]).tolist() == [False, True, False, True]
    assert complementary(sums, [5, 2, 2, 1], [False, True, True, True]).tolist() == [False, True, True, True]


@pytest.mark.parametrize(("freedom", "t", "p"), [(1, 1.0, 0.5), (1, 12.706, 0.05), (10, 2.228, 0.05), (30, 2.750, 0.01), (5, 6.869, 0.001), (4, 0.0, 1.0)])
def test_the_tail_of_students_t_is_that_of_the_printed_tables(freedom: float, t: float, p: float) -> None:
    assert students_tail(np.array([freedom]), np.array([t]))[0] == pytest.approx(p, rel=2e-3)


def test_the_tail_of_students_t_agrees_with_another_library_and_is_unknown_where_its_input_is() -> None:
    special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(5)
    freedom, t = rng.uniform(0.6, 40, 3_000), np.abs(rng.standard_cauchy(3_000) * 2)
    assert students_tail(freedom, t) == pytest.approx(2 * special.stdtr(freedom, -t), rel=1e-10)
    assert np.isnan(students_tail(np.array([3.0, np.nan, 0.0]), np.array([np.nan, 1.0, 1.0]))).all()
