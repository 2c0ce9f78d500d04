"""Map matching: the road sections a vehicle most likely drove, and how long it took on each.

A hidden Markov model after Newson & Krumm (2009): a fix is drawn from a section with
`exp(-d²/2σ²)/(σ√2π)`, two fixes follow each other with `exp(-|route - straight|/β)/β` (standards 2.3), the
likeliest sequence is Viterbi's. Everything is in metres of a metric CRS; nothing here knows of records.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

# GPS noise: 4.07 m as in Newson & Krumm and Valhalla's Meili; in streets between houses 5-8 m is seen
SIGMA_M = 4.07
# tolerated difference of driven and straight way between two fixes, as in Meili
BETA_M = 3.0
# beyond this two fixes say nothing about the way between them (Meili: breakage distance)
BREAKAGE_M = 2000.0
# a way longer than this many times the straight one was not driven (Meili: max route distance factor)
DETOUR = 5.0
CANDIDATES = 8
_ON_SECTION = 1e-6


@dataclass(frozen=True)
class Roads:
    """A road net: section n is a line from node `ends[n][0]` to `ends[n][1]`.

    Attributes
    ----------
    lines : tuple of shapely.LineString
        In a metric CRS.
    ends : tuple of (int, int)
    one_way : tuple of bool
        Driven from the first to the last point only.
    lengths_m : NDArray
    """

    lines: tuple[shapely.LineString, ...]
    ends: tuple[tuple[int, int], ...]
    one_way: tuple[bool, ...]
    lengths_m: NDArray[np.float64]
    tree: shapely.STRtree = field(repr=False)
    leaving: tuple[tuple[tuple[int, int], ...], ...] = field(repr=False)


@dataclass(frozen=True)
class Matched:
    """Where each fix of a track was put.

    Attributes
    ----------
    section : NDArray of int
        Number of the section, -1 where no section is near enough.
    along_m : NDArray
        Distance from the section's first point, NaN where there is none.
    off_m : NDArray
        Distance of the fix from that place, NaN where there is none.
    piece : NDArray of int
        Counts up where the track breaks (a gap, a way that cannot be driven): nothing is known between pieces.
    routes : tuple
        For each fix the (section, from_m, to_m) driven since the fix before, in order; empty at a break.
    """

    section: NDArray[np.int64]
    along_m: NDArray[np.float64]
    off_m: NDArray[np.float64]
    piece: NDArray[np.int64]
    routes: tuple[tuple[tuple[int, float, float], ...], ...]


def make_roads(lines: Sequence[shapely.LineString], one_way: Sequence[bool] | None = None, join_m: float = 1.0) -> Roads:
    """A net of lines; ends nearer than `join_m` to each other (on a grid of that size) are one node.

    Raises
    ------
    ValueError
        A line is empty or no line, or `one_way` has another length.
    """
    flags = [False] * len(lines) if one_way is None else list(one_way)
    if len(flags) != len(lines):
        raise ValueError(f"{len(lines)} lines but {len(flags)} values of one_way")
    nodes: dict[tuple[int, int], int] = {}
    ends = []
    for n, line in enumerate(lines):
        if line.is_empty or line.geom_type != "LineString" or line.length == 0:
            raise ValueError(f"section {n} is no line: {line.wkt[:60]}")
        pair = [(round(x / join_m), round(y / join_m)) for x, y in (line.coords[0][:2], line.coords[-1][:2])]
        ends.append((nodes.setdefault(pair[0], len(nodes)), nodes.setdefault(pair[1], len(nodes))))
    leaving: list[list[tuple[int, int]]] = [[] for _ in nodes]
    for n, (a, b) in enumerate(ends):
        leaving[a].append((n, b))
        if not flags[n]:
            leaving[b].append((n, a))
    lengths = np.array([line.length for line in lines], dtype=np.float64)
    return Roads(tuple(lines), tuple(ends), tuple(flags), lengths, shapely.STRtree(list(lines)), tuple(map(tuple, leaving)))


def emission(distance_m: ArrayLike, sigma_m: float = SIGMA_M) -> NDArray[np.float64]:
    """Likelihood of a fix `distance_m` off its road: a normal density, 1/m."""
    d = np.asarray(distance_m, dtype=np.float64)
    return np.exp(-(d**2) / (2 * sigma_m**2)) / (sigma_m * math.sqrt(2 * math.pi))


def transition(difference_m: ArrayLike, beta_m: float = BETA_M) -> NDArray[np.float64]:
    """Likelihood of two fixes whose driven and straight way differ by `difference_m`: an exponential density, 1/m."""
    return np.exp(-np.abs(np.asarray(difference_m, dtype=np.float64)) / beta_m) / beta_m


def match(
    roads: Roads, x_m: ArrayLike, y_m: ArrayLike, t_s: ArrayLike | None = None, *, sigma_m: float = SIGMA_M, beta_m: float = BETA_M,
    radius_m: float | None = None, breakage_m: float = BREAKAGE_M, fastest_m_s: float = 50.0,
) -> Matched:  # fmt: skip
    """Put the fixes of one vehicle, in the order of time, on roads.

    Parameters
    ----------
    roads : Roads
    x_m, y_m : array of float
        Fixes in the CRS of the roads.
    t_s : array of float, optional
        Seconds of the fixes; a way that would need more than `fastest_m_s` was not driven.
    radius_m : float, optional
        Farthest road looked at; default six sigma, at least 30 m.
    breakage_m : float
        Fixes further apart belong to different pieces.

    Returns
    -------
    Matched
        Arrays of the length of the track (an empty one for an empty track). A fix without road in reach is
        passed over: the track goes on from the fix before it, if that is near enough.
    """
    x, y = (np.asarray(v, dtype=np.float64) for v in (x_m, y_m))
    t = None if t_s is None else np.asarray(t_s, dtype=np.float64)
    if x.shape != y.shape or (t is not None and t.shape != x.shape):
        raise ValueError(f"coordinates and times differ in length: {x.shape}, {y.shape}, {None if t is None else t.shape}")
    reach = radius_m if radius_m is not None else max(6 * sigma_m, 30.0)
    near = _near(roads, x, y, reach)
    section, along, off = np.full(x.size, -1, dtype=np.int64), np.full(x.size, np.nan), np.full(x.size, np.nan)
    piece = np.zeros(x.size, dtype=np.int64)
    routes: list[_Way] = [()] * x.size
    chances = _Chances(sigma_m, beta_m, breakage_m, fastest_m_s)
    for number, steps in enumerate(_pieces(roads, near, x, y, t, chances)):
        for at, (n, way, away), driven in steps:
            section[at], along[at], off[at], piece[at], routes[at] = n, way, away, number, driven
    for at in range(1, x.size):
        if section[at] < 0:
            piece[at] = piece[at - 1]
    return Matched(section, along, off, piece, tuple(routes))


def section_times(matched: Matched, t_s: ArrayLike, lengths_m: ArrayLike) -> list[tuple[int, float, float, float]]:
    """Time spent on each section between fixes: (section, metres driven, seconds, second at its middle).

    The seconds between two fixes are divided over the sections by the metres on each (the speed between two fixes is
    even, which is all they tell). Metres of one passage over several fixes are put together.
    """
    t = np.asarray(t_s, dtype=np.float64)
    lengths = np.asarray(lengths_m, dtype=np.float64)
    found: list[tuple[int, float, float, float]] = []
    last: tuple[int, float] | None = None  # section and moment up to which its passage is known
    before = -1
    for at in range(t.size):
        if matched.section[at] < 0:
            continue
        driven = matched.routes[at]
        if not driven or before < 0 or matched.piece[before] != matched.piece[at]:
            before, last = at, None
            continue
        metres = np.array([abs(b - a) for _, a, b in driven])
        total, seconds, begun = float(metres.sum()), float(t[at] - t[before]), float(t[before])
        for (n, _, _), m in zip(driven, metres, strict=True):
            # standing still on one section is time on it, too
            part = seconds * (m / total if total > 0 else 1 / len(driven))
            if last is not None and last[0] == n and found and abs(last[1] - begun) < 1e-6 and found[-1][1] + m <= lengths[n] * 1.02:
                whole, held = found[-1][1] + m, found[-1][2] + part
                found[-1] = (n, whole, held, begun + part - held / 2)
            else:
                found.append((n, float(m), part, begun + part / 2))
            begun += part
            last = (n, begun)
        before = at
    return found


# ---------------------------------------------------------------------- inside

_Candidate = tuple[int, float, float]
_Way = tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class _Chances:
    """The numbers of the model; see `match`."""

    sigma_m: float
    beta_m: float
    breakage_m: float
    fastest_m_s: float


@dataclass
class _Layer:
    """One fix: for each candidate the best score so far, the candidate before it and the way driven from there."""

    at: int
    scores: list[float]
    back: list[int]
    ways: list[_Way]


def _near(roads: Roads, x: NDArray, y: NDArray, reach: float) -> list[list[_Candidate]]:
    """(section, along, off) within reach of each fix, nearest first, at most `CANDIDATES`."""
    found: list[list[_Candidate]] = [[] for _ in range(x.size)]
    usable = np.isfinite(x) & np.isfinite(y)
    if not usable.any():
        return found
    places = np.flatnonzero(usable)
    points = shapely.points(x[usable], y[usable])
    which, lines = roads.tree.query(points, predicate="dwithin", distance=reach)
    if not which.size:
        return found
    geometry = np.array(roads.lines, dtype=object)[lines]
    along = shapely.line_locate_point(geometry, points[which])
    off = shapely.distance(geometry, points[which])
    for p, n, a, d in zip(places[which].tolist(), lines.tolist(), along.tolist(), off.tolist(), strict=True):
        found[p].append((n, a, d))
    return [sorted(options, key=lambda c: c[2])[:CANDIDATES] for options in found]


def _pieces(
    roads: Roads, near: list[list[_Candidate]], x: NDArray, y: NDArray, t: NDArray | None, chances: _Chances
) -> Iterator[list[tuple[int, _Candidate, _Way]]]:
    """Each unbroken piece as a list of (fix, candidate, way driven since the fix before)."""
    layers: list[_Layer] = []
    for at in range(x.size):
        if not near[at]:
            continue
        if layers:
            held = layers[-1].at
            straight = math.hypot(x[at] - x[held], y[at] - y[held])
            limit = straight * DETOUR + 12 * chances.sigma_m
            if t is not None:
                limit = min(limit, max(float(t[at] - t[held]), 0.0) * chances.fastest_m_s + 12 * chances.sigma_m)
            step = _step(roads, near, layers[-1], at, straight, limit, chances) if straight <= chances.breakage_m else None
            if step is not None:
                layers.append(step)
                continue
            yield _back(near, layers)
        scores = [_score(c, chances) for c in near[at]]
        layers = [_Layer(at, scores, [-1] * len(scores), [()] * len(scores))]
    if layers:
        yield _back(near, layers)


def _score(candidate: _Candidate, chances: _Chances) -> float:
    """Logarithm of the emission, less what is the same for all."""
    return -(candidate[2] ** 2) / (2 * chances.sigma_m**2)


def _step(
    roads: Roads, near: list[list[_Candidate]], before: _Layer, at: int, straight: float, limit: float, chances: _Chances
) -> _Layer | None:
    """The layer of the next fix; None where none of its candidates can be driven to."""
    n = len(near[at])
    step = _Layer(at, [-math.inf] * n, [-1] * n, [()] * n)
    for i, start in enumerate(near[before.at]):
        if before.scores[i] == -math.inf:
            continue
        for j, (metres, way) in _reach(roads, start, near[at], limit, chances.sigma_m).items():
            score = before.scores[i] + _score(near[at][j], chances) - abs(metres - straight) / chances.beta_m
            if score > step.scores[j]:
                step.scores[j], step.back[j], step.ways[j] = score, i, way
    return None if max(step.scores) == -math.inf else step


def _reach(roads: Roads, start: _Candidate, goals: list[_Candidate], limit: float, sigma_m: float) -> dict[int, tuple[float, _Way]]:
    """Shortest ways from a place on a section to others: goal number → (metres, ((section, from, to), …))."""
    n, along, _ = start
    found: dict[int, tuple[float, _Way]] = {}
    for j, (m, goal, _) in enumerate(goals):
        # a fix may fall a little behind the one before although the car stood: noise, no turning round
        if m == n and (not roads.one_way[n] or goal >= along - 2 * sigma_m):
            found[j] = (abs(goal - along), ((n, along, goal),))
    first, last = roads.ends[n]
    queue: list[tuple[float, int, int, _Way]] = [(roads.lengths_m[n] - along, 0, last, ((n, along, float(roads.lengths_m[n])),))]
    if not roads.one_way[n]:
        queue.append((along, 1, first, ((n, along, 0.0),)))
    heapq.heapify(queue)
    done: set[int] = set()
    wanted: dict[int, list[int]] = {}
    for j, (m, _, _) in enumerate(goals):
        for node in {roads.ends[m][0], *(() if roads.one_way[m] else (roads.ends[m][1],))}:
            wanted.setdefault(node, []).append(j)
    tie = 2
    while queue:
        metres, _, node, way = heapq.heappop(queue)
        if metres > limit:
            break
        if node in done:
            continue
        done.add(node)
        for j in wanted.get(node, ()):
            m, goal, _ = goals[j]
            length = float(roads.lengths_m[m])
            into = [(goal, (m, 0.0, goal))] if roads.ends[m][0] == node else []
            into += [(length - goal, (m, length, goal))] if roads.ends[m][1] == node and not roads.one_way[m] else []
            for more, leg in into:
                if metres + more <= limit and (j not in found or metres + more < found[j][0]):
                    found[j] = (metres + more, (*way, leg))
        for m, other in roads.leaving[node]:
            if other not in done:
                length = float(roads.lengths_m[m])
                leg = (m, 0.0, length) if roads.ends[m][0] == node else (m, length, 0.0)
                heapq.heappush(queue, (metres + length, tie, other, (*way, leg)))
                tie += 1
    return {j: (metres, tuple(leg for leg in way if abs(leg[2] - leg[1]) > _ON_SECTION) or way[-1:]) for j, (metres, way) in found.items()}


def _back(near: list[list[_Candidate]], layers: list[_Layer]) -> list[tuple[int, _Candidate, _Way]]:
    """The likeliest sequence, found from its end."""
    i = int(np.argmax(layers[-1].scores))
    steps = []
    for layer in reversed(layers):
        steps.append((layer.at, near[layer.at][i], layer.ways[i]))
        i = layer.back[i]
    return steps[::-1]
