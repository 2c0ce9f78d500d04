"""Counter-based random numbers: a value is a pure function of a key and counters, never of a call order.

The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood 2014; constants of Stafford's
variant 13), chained once for each counter. It runs vectorised over arrays of counters, so a single
record, an hour or sixty days of a data set give the same values whatever the borders of a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

_GOLD = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11, _S16 = (np.uint64(n) for n in (30, 27, 31, 11, 16))
_LOW16 = np.uint64(0xFFFF)
_TO_UNIT = 1.0 / (1 << 53)


def key_of(*parts: object) -> int:
    """64-bit key of any parts (seed, city, dataset, purpose); stable over runs and machines."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _mix(x: np.ndarray) -> np.ndarray:
    x = x ^ (x >> _S30)
    x *= _M1
    x ^= x >> _S27
    x *= _M2
    x ^= x >> _S31
    return x


def bits(key: int, *counters: np.ndarray | int) -> np.ndarray:
    """64 random bits for each combination of counters, which broadcast against each other.

    Parameters
    ----------
    key : int
        From `key_of`.
    counters : array of int
        For example site numbers of shape (n, 1) and times of shape (1, m).

    Returns
    -------
    numpy.ndarray of uint64, of the broadcast shape.
    """
    state = np.asarray(np.uint64(key))
    with np.errstate(over="ignore"):
        for counter in counters:
            count = np.asarray(counter).astype(np.int64).view(np.uint64)
            state = _mix((state ^ (count * _GOLD)) + _GOLD)
    return state


def uniform(key: int, *counters: np.ndarray | int) -> np.ndarray:
    """Uniform numbers in [0, 1), 53 bits."""
    return (bits(key, *counters) >> _S11).astype(np.float64) * _TO_UNIT


def normal(key: int, *counters: np.ndarray | int) -> np.ndarray:
    """Nearly normal numbers (mean 0, standard deviation 1, never beyond ±3.47): sum of four 16-bit parts."""
    x = bits(key, *counters)
    total = (x & _LOW16).astype(np.float64)
    for _ in range(3):
        x = x >> _S16
        total += (x & _LOW16).astype(np.float64)
    return (total * (1.0 / 65536.0) - 1.99997) * 1.7320508


def integers(key: int, low: int, high: int, *counters: np.ndarray | int) -> np.ndarray:
    """Whole numbers in [low, high)."""
    return (low + np.floor(uniform(key, *counters) * (high - low))).astype(np.int64)


def smooth(key: int, knot_s: int, t: np.ndarray, *counters: np.ndarray | int) -> np.ndarray:
    """Slowly moving noise (mean 0, standard deviation about 0.75) with one knot every `knot_s` seconds.

    Parameters
    ----------
    t : array of int
        Seconds since the epoch; its last axis is the axis of time when `counters` are of shape (n, 1).
    """
    knot = np.floor_divide(t, knot_s)
    part = (t - knot * knot_s) / knot_s
    part = part * part * (3.0 - 2.0 * part)
    if counters and knot.ndim == 2 and knot.shape[0] == 1 and knot.size > 3:
        # a grid of sites × times: draw each knot once, then pick
        first = int(knot.min())
        table = normal(key, *counters, np.arange(first, int(knot.max()) + 2)[None, :])
        at = (knot - first)[0]
        return table[:, at] * (1.0 - part) + table[:, at + 1] * part
    return normal(key, *counters, knot) * (1.0 - part) + normal(key, *counters, knot + 1) * part


def poisson(key: int, mean: np.ndarray, *counters: np.ndarray | int) -> np.ndarray:
    """Counts with the given means (inverse transform below 30, rounded normal above)."""
    mean = np.asarray(mean, dtype=np.float64)
    u = uniform(key, *counters)
    mean, u = np.broadcast_arrays(mean, u)
    big = np.maximum(0, np.rint(mean + np.sqrt(np.maximum(mean, 0)) * _probit(u)))
    small = np.zeros(u.shape)
    term = np.exp(-np.minimum(mean, 30.0))
    total = term.copy()
    for k in range(1, 80):
        above = u > total
        if not above.any():
            break
        small += above
        term = term * np.minimum(mean, 30.0) / k
        total = total + term
    return np.where(mean > 30.0, big, small).astype(np.int64)


def _probit(u: np.ndarray) -> np.ndarray:
    """Inverse normal distribution, to about 4.5e-4 (Abramowitz and Stegun 26.2.23)."""
    p = np.clip(np.minimum(u, 1.0 - u), 1e-12, 0.5)
    r = np.sqrt(-2.0 * np.log(p))
    z = r - (2.515517 + r * (0.802853 + r * 0.010328)) / (1 + r * (1.432788 + r * (0.189269 + r * 0.001308)))
    return np.where(u < 0.5, -z, z)


def choose(key: int, weights: Sequence[float] | np.ndarray, *counters: np.ndarray | int) -> np.ndarray:
    """Index into `weights`, drawn in proportion to them."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.minimum(np.searchsorted(edges, uniform(key, *counters) * edges[-1], side="right"), len(edges) - 1)
