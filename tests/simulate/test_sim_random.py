"""Random numbers that are functions of counters."""

from __future__ import annotations

import numpy as np

from data_pipeline.simulate.rng import bits, choose, key_of, normal, poisson, smooth, uniform


def test_the_first_output_for_a_key_is_that_of_splitmix64() -> None:
    # published test vector of SplitMix64 for seed 1234567 (first output)
    assert int(bits(1234567, 0)) == 6457827717110365317


def test_a_value_depends_on_key_and_counters_alone() -> None:
    grid = uniform(5, np.arange(6)[:, None], np.arange(100, 140)[None, :])
    assert grid[4, 17] == uniform(5, 4, 117)
    assert not np.array_equal(grid, uniform(6, np.arange(6)[:, None], np.arange(100, 140)[None, :]))
    assert key_of(1, "a") != key_of(1, "b")


def test_uniform_and_normal_numbers_have_their_moments() -> None:
    u, z = uniform(1, np.arange(200_000)), normal(2, np.arange(200_000))
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01


def test_slow_noise_is_the_same_on_a_grid_and_for_single_moments() -> None:
    t, sites = np.arange(0, 86400, 300), np.arange(5)
    grid = smooth(9, 7200, t[None, :], sites[:, None])
    flat = smooth(9, 7200, np.tile(t, 5), np.repeat(sites, t.size)).reshape(5, -1)
    np.testing.assert_allclose(grid, flat, rtol=0, atol=1e-12)
    assert np.abs(np.diff(grid, axis=1)).max() < 0.4


def test_counts_follow_their_means_and_choices_their_weights() -> None:
    for mean in (0.3, 5.0, 80.0):
        drawn = poisson(3, np.full(50_000, mean), np.arange(50_000))
        assert abs(drawn.mean() - mean) < 4 * np.sqrt(mean / 50_000) + 0.02
        assert abs(drawn.var() / mean - 1) < 0.05
    picked = np.bincount(choose(4, [1, 2, 7], np.arange(50_000)), minlength=3) / 50_000
    np.testing.assert_allclose(picked, [0.1, 0.2, 0.7], atol=0.01)
