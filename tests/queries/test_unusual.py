"""What is unusual: false alarms no more often than stated on clean seasonal noise, real shifts found, doubtful readings never judged."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from held import Row, answers, plain, series
from query_town import Town

from data_pipeline.cities import load_packs
from data_pipeline.metrics import metric, metrics
from data_pipeline.queries.answers import Answers
from data_pipeline.queries.series import microseconds
from data_pipeline.queries.unusual import FALSE_A_DAY, Judge

PACK = load_packs()["420700"]
AREAS = [a.id for a in PACK.areas.values() if a.level != "township"]
# a spring without public holidays before it, for the working days and weekends to be enough
LAST = date(2026, 8, 28)
NOW = datetime(2026, 8, 29, 12)
DAYS = 70


def daily_metrics() -> list[Any]:
    """Daily figures of every make-up: counts, sums, shares, ratios."""
    own = [m for m in metrics().values() if m.base_grain == "day" and not (m.is_stock or m.suppress_below_n or m.zero_where_city_reports)]
    prompt = {d for d, source in PACK.sources.items() if (source.grace_s or 0) <= 43_200}
    by_unit: dict[str, list[Any]] = {}
    for m in own:
        if m.dataset in prompt:
            by_unit.setdefault(m.unit, []).append(m)
    return [m for same in by_unit.values() for m in same[:5]]


def noise(rng: np.random.Generator, m: Any) -> list[float]:
    """A figure's days: a level, a weekend of its own, normal noise (Poisson for counts)."""
    days = [LAST - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
    weekend = rng.uniform(0.5, 1.5)
    level = np.array([weekend if d.weekday() >= 5 else 1.0 for d in days])
    if m.unit in ("count", "persons") and m.is_additive:
        return rng.poisson(rng.uniform(2, 400) * level).astype(float).tolist()
    size = 0.4 if m.unit == "share" else 50.0
    return (size * level * (1 + rng.uniform(0.02, 0.1) * rng.standard_normal(DAYS))).tolist()


def held_noise(rng: np.random.Generator, changed: dict[tuple[str, str], float] | None = None) -> dict:
    """Series of the daily figures in every area; `changed`: factor of the last day of some."""
    starts = np.array([microseconds(datetime.combine(LAST - timedelta(days=n), datetime.min.time()) - timedelta(hours=8)) for n in range(DAYS - 1, -1, -1)])
    found = {}
    for m in daily_metrics():
        for area in AREAS:
            values = np.array(noise(rng, m))
            values[-1] *= (changed or {}).get((m.id, area), 1.0)
            found[m.id, area, "day"] = plain(starts, values)
    return found


def test_clean_seasonal_noise_raises_no_more_false_alarms_than_stated() -> None:
    rng = np.random.default_rng(11)
    rounds, flagged, judged = 25, 0, 0
    for _ in range(rounds):
        verdict = Judge().look(answers(PACK, held_noise(rng), NOW), None, daily_metrics())
        flagged, judged = flagged + bool(verdict.flagged), judged + verdict.judged
    assert judged >= rounds * 150
    # days have half of the stated rate; 25 days at 0.05 give 1.25 on average, and more than 5 once in 400 such tests
    assert flagged <= 5
    assert FALSE_A_DAY == 0.1


def test_shifts_among_much_noise_are_found_and_little_else() -> None:
    rng = np.random.default_rng(12)
    chosen = [m.id for m in daily_metrics()[::3]]
    shifts = {(m, AREAS[0]): 2.5 for m in chosen}
    verdict = Judge().look(answers(PACK, held_noise(rng, shifts), NOW), None, daily_metrics())
    found = {(a.reading.metric, a.reading.area) for a in verdict.flagged}
    strong = {k for k in shifts if metric(k[0]).unit not in ("count", "persons")}
    assert len(found & strong) >= 0.9 * len(strong)
    assert len(found - set(shifts)) <= 0.2 * len(found)
    first = verdict.flagged[0]
    assert first.n >= 8 and first.side == 1 and first.reading.value == pytest.approx(first.baseline * 2.5, rel=0.4)


def one(changes: Row, *, now: datetime = NOW, keep: slice = slice(None), metric_id: str = "health.bed_occupancy") -> list:
    """Verdict on one figure of the city whose last day is fifty times its like, with its last row changed."""
    rng = np.random.default_rng(5)
    starts = [datetime.combine(LAST - timedelta(days=n), datetime.min.time()) - timedelta(hours=8) for n in range(DAYS - 1, -1, -1)]
    rows: list[dict[str, float]] = [
        {"numerator": v, "denominator": 100.0, "value": v / 100, "n": 9, "reported_n": 9, "expected_n": 9} for v in rng.normal(50, 1, DAYS)
    ]
    rows[-1] |= {"numerator": 90.0, "value": 0.9}
    rows[-1] |= changes
    m = metric(metric_id)
    held = {(m.id, PACK.city_area.id, "day"): series(starts[keep], rows[keep])}
    return list(Judge().look(answers(PACK, held, now), None, [m]).flagged)


def test_a_reading_far_from_its_like_is_flagged_unless_it_is_incomplete_missing_old_or_has_too_little_past() -> None:
    assert len(one({})) == 1
    assert one({"reported_n": 4}) == []  # fewer reports than its gate
    assert one({"value": np.nan}) == [] and one({"n": 0}) == []
    assert one({}, now=NOW + timedelta(days=1)) == []  # the newest day over has no reading
    assert one({}, keep=slice(-8, None)) == []  # fewer than eight days of the same kind
    assert one({"numerator": 50.3, "value": 0.503}) == []


def test_a_sum_with_a_report_lacking_is_never_judged_but_a_share_is() -> None:
    assert len(one({"reported_n": 8})) == 1
    assert one({"reported_n": 8, "numerator": 900.0, "value": 900.0, "denominator": np.nan}, metric_id="health.visits_n") == []


class LateAnswers(Answers):
    """The source has been silent for two hours."""

    def lateness(self, metric: Any) -> int | None:
        return 7200


def test_a_late_source_is_not_judged() -> None:
    rng = np.random.default_rng(13)
    asked = answers(PACK, held_noise(rng, {(daily_metrics()[0].id, AREAS[0]): 50.0}), NOW)
    late = LateAnswers(asked.state, PACK, NOW)
    assert Judge().look(late, None, daily_metrics()).judged == 0


def test_months_are_judged_by_their_change_against_the_same_month_a_year_before() -> None:
    m = next(m for m in metrics().values() if m.base_grain == "month" and m.unit == "yuan")
    starts, values = [], []
    for i in range(30):  # a strong season, growing by a tenth a year with a little noise
        year, month = divmod(2024 * 12 + i, 12)
        starts.append(datetime(year, month + 1, 1) - timedelta(hours=8))
        values.append((100 + 80 * (month == 11)) * 1.1 ** (i / 12) + (i * 7 % 5) / 5)

    def verdict(factor: float) -> int:
        own = [*values[:-1], values[-1] * factor]
        held = {(m.id, PACK.city_area.id, "month"): series(starts, [{"numerator": v, "value": v} for v in own])}
        return len(Judge().look(answers(PACK, held, datetime(2026, 7, 30)), None, [m]).flagged)

    assert (verdict(1.0), verdict(0.5)) == (0, 1)


def test_an_hour_is_compared_with_the_same_hour_on_days_of_its_kind_in_the_store(town: Town) -> None:
    rows = []
    for n in range(60, -1, -1):
        for hour in (9, 10):
            at = datetime(2026, 4, 3, hour) - timedelta(days=n)
            usual = 0.2 if at.weekday() >= 5 else 0.5
            share = 0.95 if n == 0 and hour == 10 else usual + (n * 13 % 7 - 3) / 200
            rows.append({"site_id": "a", "area_id": "east", "start_at": at, "guns": 10.0, "energy_kwh": 50.0, "charging_gun_hours": 10 * share})
    town.commit(lambda toy: toy.sites("charging_stations", {"a": "east"}), lambda toy: toy.deliver("charging_hourly", rows, town.clock, now=town.clock))
    town.clock = datetime(2026, 4, 3, 3, 40)  # 11:40, the hour from 10 is due
    flagged = [a for a in town.queries.unusual("toy").flagged if a.reading.metric == "charging.time_utilisation"]
    assert {a.reading.area for a in flagged} == {"toy", "east"}
    assert flagged[0].reading.period_start_utc == datetime(2026, 4, 3, 2)
    # the Friday's like are the working days of eight weeks but for the holidays of the Spring Festival
    assert flagged[0].baseline == pytest.approx(0.5, abs=0.011)  # noise of up to 0.015
    assert 30 <= flagged[0].n <= 40, flagged[0]
