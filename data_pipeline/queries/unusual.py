"""What is unusual in a city now: each newest figure against comparable past periods, with the false alarms kept in check.

Judged once a snapshot, away from the requests. Comparable are: for an hour the same hour on days of the
same kind (working day, weekend, public holiday) of the eight weeks before; for a day the days of the same
kind of those weeks; for a month the changes against the same month a year before. At least
`FEWEST_COMPARABLE` of them, each with enough reports; fewer judge nothing. The deviation is measured in
robust standard deviations (median and MAD; counts on Anscombe's scale), never less than what sampling
alone makes (1 on Anscombe's scale, √(p·(1-p)/n) of a share, else half the last digit shown), and
turned into the chance that noise alone makes one as large. Of the many tests those are believed that
Benjamini and Hochberg's rule leaves: days and months together at `FALSE_A_DAY` / 2, the hours of a
day together at the same (each hour at a 24th of it).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from data_pipeline.cities import Area, Pack
from data_pipeline.holidays import HOLIDAY, SPRING_FESTIVAL, day_kinds
from data_pipeline.metrics import Metric, metrics
from data_pipeline.queries.answers import Answers, breaks_between, starts_back, step_back, year_before
from data_pipeline.queries.following import Follower
from data_pipeline.queries.judged import Anomaly, Unusual
from data_pipeline.queries.series import EXPECTED, REPORTED, VALUE, N, Series, microseconds
from data_pipeline.queries.types import Reading
from data_pipeline.statistics import FEWEST_COMPARABLE, anscombe, benjamini_hochberg, robust_centre, tail_p
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, midnight_utc, period_start, to_local

EVERY_S = 10.0
METHOD = "robust-z-bh/1"
WEEKS = 8
MONTHS = 36
DAYS_KEPT = 2  # around midnight figures stand at either of two days
FALSE_A_DAY = 0.1  # expected at most in a city where nothing is unusual
LEAST_CHANGE_SHARE = 0.01  # a deviation below a hundredth of the usual is of no interest, however regular the figure
CHINA = ("Asia/Shanghai", "Asia/Urumqi")


@dataclass
class _Test:
    """One reading with its comparable past, before the verdict."""

    reading: Reading
    baseline: float
    scale: float
    z: float
    p: float
    n: int


def judged_grain(metric: Metric) -> Grain | None:
    """The period a figure is judged by: the hour, the day or the month; None for stocks and for what is rarer."""
    if metric.is_stock:
        return None
    if metric.base_grain in SUB_DAY_SECONDS:
        return "hour"
    return metric.base_grain if metric.base_grain in ("day", "month") else None


def comparable(metric: Metric, values: np.ndarray) -> np.ndarray:
    """Values on the scale on which they are compared: counts on Anscombe's, others as they are."""
    return anscombe(values) if is_count(metric) else values


def is_count(metric: Metric) -> bool:
    """Whether the figure counts cases."""
    return metric.unit in ("count", "persons") and metric.is_additive and metric.scale == 1


def floor_of(metric: Metric, reading: Reading) -> float:
    """The least standard deviation a reading can have, on the scale of `comparable`."""
    if is_count(metric):
        return 1.0
    digit: float = 0.5 * 10.0**-metric.decimals
    if metric.interval and reading.denominator:
        share = min(max(reading.value or 0.0, 0.5 / reading.denominator), 1 - 0.5 / reading.denominator)
        return max(digit, float(np.sqrt(share * (1 - share) / reading.denominator)))
    return digit


@dataclass
class Past:
    """Comparable periods of some readings: on the scale of `comparable` their median, spread and number; `usual`: the median itself."""

    centre: np.ndarray
    spread: np.ndarray
    n: np.ndarray
    usual: np.ndarray

    @classmethod
    def of(cls, metric: Metric, values: np.ndarray) -> Past:
        """From values, one row a reading, NaN where there is none."""
        centre, spread, n = robust_centre(comparable(metric, values))
        return cls(centre, spread, n, robust_centre(values)[0])


def deviations(metric: Metric, readings: Sequence[Reading], past: Past) -> list[_Test]:
    """Tests of readings against their comparable past; those with fewer than `FEWEST_COMPARABLE` periods are left out."""
    if not len(readings):
        return []
    values = np.array([r.value for r in readings], dtype=float)
    scale = np.maximum(past.spread, [floor_of(metric, r) for r in readings])
    with np.errstate(invalid="ignore"):
        z = (comparable(metric, values) - past.centre) / scale
        p = np.where(np.abs(values - past.usual) < LEAST_CHANGE_SHARE * np.abs(past.usual), 1.0, tail_p(z, past.n))
    return [
        _Test(r, float(past.usual[i]), float(scale[i]), float(z[i]), float(p[i]), int(past.n[i]))
        for i, r in enumerate(readings) if past.n[i] >= FEWEST_COMPARABLE
    ]  # fmt: skip


def verdict(tests: Sequence[_Test], q: float) -> list[Anomaly]:
    """The tests of one family that are believed at the share `q` of false ones."""
    believed = benjamini_hochberg(np.array([t.p for t in tests], dtype=float), q)
    return [Anomaly(t.reading, t.baseline, t.scale, t.z, t.p, t.n, METHOD) for t, b in zip(tests, believed, strict=True) if b]


NOT_YET = Unusual((), 0, FALSE_A_DAY)


class Judge:
    """Keeps what is unusual in each city up to date. One instance a door; `follow` looks in a thread of its own."""

    def __init__(self) -> None:
        self._found: dict[str, Unusual] = {}
        # (city, metric) → what the tests were made from, and the tests
        self._tests: dict[tuple[str, str], tuple[tuple[object, ...], list[_Test]]] = {}
        # city → its newest local days → (metric, area) → what was usual before the day
        self._hours: dict[str, dict[date, dict[tuple[str, str], np.ndarray]]] = {}
        self._guard = threading.Lock()
        self._follower: Follower | None = None

    def found(self, city: str) -> Unusual:
        """The newest verdict; nothing judged before the first."""
        return self._found.get(city, NOT_YET)

    def follow(self, look: Callable[[], object]) -> None:
        """Call `look` every `EVERY_S` until `join`, in a thread of its own, so that no snapshot waits for it."""
        self._follower = Follower(look, "judge-readings")
        self._follower.start(EVERY_S)

    def join(self) -> None:
        """End the thread and wait for it; harmless without one."""
        if self._follower is not None:
            self._follower.end()

    def look(self, answers: Answers, lake: Lake | None, metrics: Sequence[Metric]) -> Unusual:
        """Judge a city's newest figures; only those whose data changed are computed again."""
        city = answers.pack.id
        areas = [a for a in answers.pack.areas.values() if a.level != "township"]
        slow: list[_Test] = []
        hourly: list[_Test] = []
        with self._guard:
            for metric in metrics:
                if self._follower is not None and self._follower.stop.is_set():
                    return self.found(city)
                grain = judged_grain(metric)
                if grain is not None:
                    (hourly if grain == "hour" else slow).extend(self._of(answers, lake, metric, grain, areas))
            flagged = verdict(slow, FALSE_A_DAY / 2) + verdict(hourly, FALSE_A_DAY / 2 / 24)
            found = Unusual(tuple(sorted(flagged, key=lambda a: (a.p, -abs(a.z)))), len(slow) + len(hourly), FALSE_A_DAY)
            self._found[city] = found
        return found

    def _of(self, answers: Answers, lake: Lake | None, metric: Metric, grain: Grain, areas: Sequence[Area]) -> list[_Test]:
        start = newest_over(answers, metric, grain)
        late = answers.lateness(metric)
        # corrections further back count from the next period on
        rows = (answers.series_of(metric.id, a.id, grain).find(microseconds(start)) for a in areas)
        signature = (start, bool(late), *(None if row is None else row.tobytes() for row in rows))
        key = (answers.pack.id, metric.id)
        known = self._tests.get(key)
        if known is not None and known[0] == signature:
            return known[1]
        tests: list[_Test] = []
        if not late:
            judged = [r for a in areas if may_judge(metric, r := answers.reading(metric, a, grain, start))]
            if judged and grain == "hour":
                tests = self._hourly(answers, lake, metric, judged)
            elif judged:
                past = np.array([_days(answers, metric, r) if grain == "day" else _months(answers, metric, r) for r in judged])
                daily = grain == "day"
                tests = deviations(metric, judged, Past.of(metric, past)) if daily else _against_last_year(answers, metric, judged, past)
        self._tests[key] = (signature, tests)
        return tests

    def _hourly(self, answers: Answers, lake: Lake | None, metric: Metric, judged: Sequence[Reading]) -> list[_Test]:
        day = local_day(judged[0].period_start_utc, answers.tz)
        days = self._hours.setdefault(answers.pack.id, {})
        if lake is not None and day not in days:
            days[day] = _hours_before(lake, answers.pack, day)
            for old in sorted(days)[:-DAYS_KEPT]:
                del days[old]
        table = days.get(day, {})
        hour = to_local(judged[0].period_start_utc, answers.tz).hour
        kind = int(_kinds(np.array([day.toordinal()]), answers.pack)[0])
        with_past = [r for r in judged if (metric.id, r.area) in table]
        if not with_past:
            return []
        return deviations(metric, with_past, Past(*np.array([table[metric.id, r.area][:, hour, kind] for r in with_past]).T))


def newest_over(answers: Answers, metric: Metric, grain: Grain) -> datetime:
    """Start of the newest period that is over and whose reports are due."""
    source = answers.pack.sources.get(metric.dataset)
    moment = answers.now - timedelta(seconds=(source.grace_s or 0) if source else 0)
    return step_back(period_start(moment, grain, answers.tz), grain, answers.tz)


def may_judge(metric: Metric, reading: Reading) -> bool:
    """Whether a reading may be judged: over, present, not late, not withheld, its reports there (of sums all of them)."""
    if reading.value is None or reading.is_open or reading.is_break or reading.is_unreliable or reading.n == 0:
        return False
    return reading.status == "ok" or (reading.status == "partial" and not metric.is_additive)


def _values(metric: Metric, held: Series, starts: np.ndarray) -> np.ndarray:
    """Values at some starts, NaN where there is none that may be compared."""
    found = np.full(len(starts), np.nan)
    if not len(held):
        return found
    part = held.between(int(starts.min()), int(starts.max()) + 1)
    if not len(part.starts):
        return found
    data = part.data
    with np.errstate(invalid="ignore"):
        short = data[:, REPORTED] < data[:, EXPECTED] * (0.995 if metric.is_additive else metric.min_completeness)
    good = (data[:, N] >= max(metric.suppress_below_n, 1)) & np.isfinite(data[:, VALUE]) & ~short
    at = np.searchsorted(part.starts, starts)
    inside = at < len(part.starts)
    inside[inside] = part.starts[at[inside]] == starts[inside]
    inside[inside] = good[at[inside]]
    found[inside] = data[at[inside], VALUE]
    return found


def _days(answers: Answers, metric: Metric, reading: Reading) -> np.ndarray:
    """The days of the same kind in the weeks before; NaN elsewhere, so that all areas have the same width."""
    starts = starts_back(reading.period_start_utc, "day", WEEKS * 7 + 1, answers.tz)
    kinds = _kinds(np.array([local_day(s, answers.tz).toordinal() for s in starts]), answers.pack)
    held = answers.series_of(metric.id, reading.area, "day")
    values = _values(metric, held, np.array([microseconds(s) for s in starts[:-1]]))
    broken = np.array([breaks_between(metric, s, reading.period_start_utc, answers.tz) for s in starts[:-1]]) if metric.breaks else False
    return np.where((kinds[:-1] == kinds[-1]) & ~np.asarray(broken), values, np.nan)


def _months(answers: Answers, metric: Metric, reading: Reading) -> np.ndarray:
    """The months before, and at the end the same month a year before."""
    starts = starts_back(reading.period_start_utc, "month", MONTHS + 1, answers.tz)
    return _values(metric, answers.series_of(metric.id, reading.area, "month"), np.array([microseconds(s) for s in starts[:-1]]))


def _against_last_year(answers: Answers, metric: Metric, judged: Sequence[Reading], past: np.ndarray) -> list[_Test]:
    """Months: this one's change against the same month a year before, beside the like changes of the months before."""
    every: np.ndarray = np.column_stack([past, np.array([r.value for r in judged], dtype=float)])
    changes = comparable(metric, every[:, 12:]) - comparable(metric, every[:, :-12])
    centre, spread, n = robust_centre(changes[:, :-1])
    # two readings differ, so sampling counts twice
    scale = np.maximum(spread, np.sqrt(2) * np.array([floor_of(metric, r) for r in judged]))
    with np.errstate(invalid="ignore"):
        z = (changes[:, -1] - centre) / scale
        p = tail_p(z, n)
    year_ago = every[:, -13]
    return [
        _Test(r, float(year_ago[i]), float(scale[i]), float(z[i]), float(p[i]), int(n[i]))
        for i, r in enumerate(judged)
        if n[i] >= FEWEST_COMPARABLE and np.isfinite(z[i]) and year_before(r.period_start_utc, "month", answers.tz) is not None
        and abs((r.value or 0) - year_ago[i]) >= LEAST_CHANGE_SHARE * abs(year_ago[i])
    ]  # fmt: skip


def _hours_before(lake: Lake, pack: Pack, day: date) -> dict[tuple[str, str], np.ndarray]:
    """What was usual in the weeks before a local day: (metric, area) → array (the fields of `Past`, 24 hours, 3 kinds of day).

    All figures judged by the hour at once: each alone takes as long as all together.
    """
    until = midnight_utc(day, pack.tz)
    areas = [a.id for a in pack.areas.values() if a.level != "township"]
    judged = {m.id: m for m in metrics().values() if judged_grain(m) == "hour"}
    enough = pl.DataFrame(
        [(m.id, max(m.suppress_below_n, 1), 0.995 if m.is_additive else m.min_completeness) for m in judged.values()],
        schema={"metric": pl.String, "fewest": pl.Int64, "gate": pl.Float64}, orient="row",
    )  # fmt: skip
    with lake.shown("enough_reports", enough):
        rows = lake.frame(
            "SELECT r.metric, r.area_id, r.period_start_utc, r.value FROM readings AS r JOIN enough_reports AS e ON e.metric = r.metric"
            " WHERE r.city = ? AND r.grain = 'hour' AND r.value IS NOT NULL AND list_contains(?, r.area_id)"
            " AND r.period_start_utc >= ? AND r.period_start_utc < ? AND r.n >= e.fewest"
            " AND (r.expected_n IS NULL OR r.reported_n IS NULL OR r.reported_n >= r.expected_n * e.gate)",
            [pack.id, areas, until - timedelta(weeks=WEEKS), until],
        )
    if rows.is_empty():
        return {}
    local = rows["period_start_utc"].dt.replace_time_zone("UTC").dt.convert_time_zone(pack.timezone)
    ordinals = local.dt.date().cast(pl.Int32).to_numpy() + date(1970, 1, 1).toordinal()
    rows = rows.select(
        "metric", "area_id", "value", hour=local.dt.hour(), kind=pl.Series(_kinds(ordinals, pack)), back=pl.Series(day.toordinal() - 1 - ordinals)
    )
    found: dict[tuple[str, str], np.ndarray] = {}
    for (metric, area), own in rows.group_by("metric", "area_id"):
        table = np.full((24, 3, WEEKS * 7), np.nan)
        table[own["hour"].to_numpy(), own["kind"].to_numpy(), own["back"].to_numpy()] = own["value"].to_numpy()
        past = Past.of(judged[str(metric)], table.reshape(72, -1))
        found[str(metric), str(area)] = np.array([past.centre, past.spread, past.n, past.usual]).reshape(4, 24, 3)
    return found


def _kinds(ordinals: np.ndarray, pack: Pack) -> np.ndarray:
    """0 working day, 1 weekend, 2 public holiday."""
    kinds = day_kinds(ordinals, pack.timezone in CHINA)
    return np.where(kinds == SPRING_FESTIVAL, HOLIDAY, kinds)
