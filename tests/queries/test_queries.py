"""The door: what is asked, what is answered, and what is said when there is nothing to answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from query_town import Town

from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.ledger.known import ledger_areas
from data_pipeline.metrics import metric
from data_pipeline.queries import Queries, rows_for_output

# the clock stands at 12:00 local time on 3 April 2026
NOON = datetime(2026, 4, 3, 12)
MIDNIGHT = datetime(2026, 4, 3)


def utc(local: datetime) -> datetime:
    return local - timedelta(hours=8)


def stations(toy) -> None:
    toy.sites("charging_stations", {"a": "east", "b": "east", "c": "west"})


def test_an_empty_home_answers_no_data_and_never_zero(tmp_path) -> None:
    from toy import toy_pack

    queries = Queries.open(Home.of(tmp_path / "none"), {"toy": toy_pack()}, now=lambda: utc(NOON))
    reading = queries.latest("charging.energy_kwh", "toy")
    assert queries.snapshot() is None and not queries.has_data("toy")
    assert reading.value is None and reading.status == "missing" and reading.n == 0
    assert [v for _, v in queries.series("charging.energy_kwh", "toy", "hour", utc(MIDNIGHT), utc(NOON))] == [None] * 12
    queries.close()


def test_the_city_is_the_sum_of_its_districts_and_a_ratio_is_a_ratio_of_sums(town: Town) -> None:
    town.commit(stations, town.charge(datetime(2026, 4, 3, 10), {"a": 10.0, "b": 20.0, "c": 70.0}))
    q = town.queries
    assert q.latest("charging.energy_kwh", "toy").value == 100.0
    assert [(r.area, r.value) for r in q.by_area("charging.energy_kwh", "toy", "hour")] == [
        ("east", 30.0),
        ("west", 70.0),
    ]
    ratio = q.latest("charging.time_utilisation", "toy")
    assert (ratio.numerator, ratio.denominator, ratio.value) == (15.0, 30.0, 0.5)
    assert (ratio.children_reported, ratio.children_expected) == (2, 2)


def test_a_command_may_read_the_areas_it_speaks_of_alone(town: Town) -> None:
    town.commit(stations, town.charge(datetime(2026, 4, 3, 10), {"a": 10.0, "b": 20.0, "c": 70.0}))
    some = Queries.open(town.home, {"toy": town.pack}, now=lambda: town.clock, areas=["toy", "east"])
    assert [some.latest("charging.energy_kwh", area).value for area in ("toy", "east", "west")] == [100.0, 30.0, None]
    some.close()
    near = Queries.open(town.home, {"toy": town.pack}, now=lambda: town.clock, areas=ledger_areas(town.pack))
    assert near.latest("charging.energy_kwh", "toy") == town.queries.latest("charging.energy_kwh", "toy")
    assert near.by_area("charging.energy_kwh", "toy", "hour") == town.queries.by_area("charging.energy_kwh", "toy", "hour")
    near.close()


def test_a_missing_station_makes_the_figure_partial_and_says_how_many_reported(town: Town) -> None:
    town.clock = utc(NOON) + timedelta(hours=1)
    town.commit(stations, town.charge(datetime(2026, 4, 3, 11), {"a": 10.0, "c": 70.0}))
    reading = town.queries.latest("charging.energy_kwh", "toy", "hour")
    assert (reading.reported_n, reading.expected_n, reading.status) == (2, 3, "partial")
    assert reading.completeness == pytest.approx(2 / 3)


def test_a_gap_stays_missing_between_two_periods(town: Town) -> None:
    town.commit(town.charge(datetime(2026, 4, 3, 8), {"a": 1.0}), town.charge(datetime(2026, 4, 3, 10), {"a": 3.0}))
    found = town.queries.readings(
        "charging.energy_kwh", "toy", "hour", utc(datetime(2026, 4, 3, 8)), utc(datetime(2026, 4, 3, 11))
    )
    assert [(r.value, r.status == "missing") for r in found] == [(1.0, False), (None, True), (3.0, False)]


def test_a_late_source_makes_the_newest_reading_stale_without_a_commit_and_recovers_by_itself(town: Town) -> None:
    town.clock = utc(datetime(2026, 4, 3, 11, 5))
    town.commit(town.charge(datetime(2026, 4, 3, 9), {"a": 1.0}), town.charge(datetime(2026, 4, 3, 10), {"a": 2.0}))
    q = town.queries
    snapshot = q.snapshot()
    assert q.latest("charging.energy_kwh", "toy").status == "ok"
    # the hour to 11:00 is in; the next is due at 12:00 and half an hour of grace
    town.clock = utc(datetime(2026, 4, 3, 12, 31))
    late = q.latest("charging.energy_kwh", "toy")
    assert (late.status, late.late_s, q.snapshot()) == ("stale", 60, snapshot)
    assert q.reading("charging.energy_kwh", "toy", "hour", utc(datetime(2026, 4, 3, 9))).status == "ok"
    assert {s.dataset: s.status for s in q.sources("toy")}["charging_hourly"] == "late"
    town.commit(town.charge(datetime(2026, 4, 3, 11), {"a": 2.0}))
    assert q.latest("charging.energy_kwh", "toy").status == "ok"


def test_as_of_answers_with_what_was_known_then(town: Town) -> None:
    hour = datetime(2026, 4, 2, 10)
    town.commit(town.charge(hour, {"a": 10.0}, known_from=utc(datetime(2026, 4, 2, 11))))
    town.commit(town.charge(hour, {"a": 15.0}, known_from=utc(datetime(2026, 4, 2, 15))))
    q = town.queries
    at = {
        h: q.reading("charging.energy_kwh", "toy", "hour", utc(hour), as_of=utc(datetime(2026, 4, 2, h))).value
        for h in (10, 11, 14, 15)
    }
    assert at == {10: None, 11: 10.0, 14: 10.0, 15: 15.0}
    day = q.reading("charging.energy_kwh", "toy", "day", utc(hour), as_of=utc(datetime(2026, 4, 2, 14)))
    assert (day.value, q.reading("charging.energy_kwh", "toy", "day", utc(hour)).value) == (10.0, 15.0)


def test_a_correction_replaces_the_figure_and_a_follower_learns_what_is_gone(town: Town) -> None:
    hour = datetime(2026, 4, 3, 10)
    row = {"request_id": "r1", "area_id": "east", "created_at": hour, "status": "open"}
    town.commit(lambda toy: toy.deliver("service_requests", [row], town.clock))
    assert town.queries.latest("services.requests_n", "toy", "hour").period_start_utc == utc(hour)
    moved = row | {"created_at": hour - timedelta(hours=2)}
    town.commit(lambda toy: toy.deliver("service_requests", [moved], town.clock))
    q = town.queries
    assert q.reading("services.requests_n", "toy", "hour", utc(hour)).status == "missing"
    assert q.latest("services.requests_n", "toy", "hour").period_start_utc == utc(hour - timedelta(hours=2))


def test_a_district_without_a_request_counts_zero_where_the_city_reports_and_nothing_where_it_does_not(
    town: Town,
) -> None:
    row = {"request_id": "r1", "area_id": "east", "created_at": datetime(2026, 4, 3, 10), "status": "open"}
    town.commit(lambda toy: toy.deliver("service_requests", [row], town.clock))
    q = town.queries
    ten, nine = utc(datetime(2026, 4, 3, 10)), utc(datetime(2026, 4, 3, 9))
    assert [(r.value, r.status) for r in q.by_area("services.requests_n", "toy", "hour", ten)] == [
        (1.0, "ok"),
        (0.0, "ok"),
    ]
    assert [(r.value, r.status) for r in q.by_area("services.requests_n", "toy", "hour", nine)] == [
        (None, "missing")
    ] * 2


def test_a_stock_is_carried_forward_and_not_summed_over_days(town: Town) -> None:
    rows = [
        {"site_id": "x", "area_id": "east", "technology": "5G", "opened_on": datetime(2026, 1, 10).date()},
        {"site_id": "y", "area_id": "west", "technology": "5G", "opened_on": datetime(2026, 3, 20).date()},
    ]
    town.commit(lambda toy: toy.deliver("base_stations", rows, town.clock))
    q = town.queries
    months = q.readings("coverage.stations_5g", "toy", "month", utc(datetime(2025, 12, 1)), utc(datetime(2026, 5, 1)))
    assert [r.value for r in months] == [None, 1.0, 1.0, 2.0, 2.0]
    assert q.latest("coverage.stations_5g", "toy").value == 2.0
    assert q.latest("coverage.stations_5g_per_10k", "toy").value == pytest.approx(2 / 3)
    assert q.reading("coverage.stations_5g", "toy", "day", utc(datetime(2026, 4, 4))).value is None


def test_archived_days_stand_before_the_records_and_never_beside_them(town: Town) -> None:
    def figure(day: int, value: float, month: int = 4) -> dict:
        return {"metric_id": "charging.energy_kwh", "area_id": "toy", "grain": "day", "period_start": datetime(2026, month, day),
                "numerator": value, "n": 24}  # fmt: skip

    town.commit(
        lambda toy: toy.deliver("figures", [figure(30, 50.0, 3), figure(1, 100.0), figure(2, 200.0)], town.clock),
        town.charge(datetime(2026, 4, 2), {"a": 10.0}, hours=24),
    )
    q = town.queries
    days = q.readings("charging.energy_kwh", "toy", "day", utc(datetime(2026, 3, 30)), utc(MIDNIGHT))
    assert [r.value for r in days] == [50.0, None, 100.0, 240.0]
    assert q.latest("charging.energy_kwh", "toy", "month").value == 340.0
    week = q.reading("charging.energy_kwh", "toy", "week", utc(datetime(2026, 4, 1)))
    assert (week.period_start_utc, week.value, week.reported_n) == (utc(datetime(2026, 3, 30)), 390.0, 3)
    found = q.provenance("charging.energy_kwh", "toy", "day", utc(datetime(2026, 4, 1)))
    assert (found.dataset, found.records_n) == ("figures", 1)


def test_half_a_day_is_compared_with_the_same_half_of_the_day_before(town: Town) -> None:
    town.commit(town.charge(datetime(2026, 4, 2), {"a": 10.0}, hours=24), town.charge(MIDNIGHT, {"a": 15.0}, hours=12))
    card = town.queries.card("charging.energy_kwh", "toy", "day")
    assert card.reading.is_open and card.reading.value == 180.0
    assert card.previous is not None and (card.previous.before, card.previous.relative) == (120.0, 0.5)


def test_a_figure_of_whole_periods_is_not_shown_before_its_day_is_over(town: Town) -> None:
    row = {"request_id": "r1", "area_id": "east", "created_at": datetime(2026, 4, 2, 10), "status": "open",
           "due_at": datetime(2026, 4, 3, 18)}  # fmt: skip
    many = [row | {"request_id": f"r{i}"} for i in range(4)]
    town.commit(lambda toy: toy.deliver("service_requests", many, town.clock))
    assert town.queries.reading("services.on_time_share", "toy", "day", utc(MIDNIGHT)).status == "missing"
    town.clock = utc(datetime(2026, 4, 4, 1))
    reading = town.queries.latest("services.on_time_share", "toy")
    assert (reading.period_start_utc, reading.value) == (utc(MIDNIGHT), 0.0)


def test_small_numbers_are_suppressed(town: Town) -> None:
    row = {"request_id": "r1", "area_id": "east", "created_at": datetime(2026, 4, 2, 10), "closed_at": datetime(2026, 4, 2, 12),
           "status": "closed", "solved": True}  # fmt: skip
    town.commit(lambda toy: toy.deliver("service_requests", [row], town.clock))
    reading = town.queries.reading("services.solved_share", "toy", "day", utc(datetime(2026, 4, 2)))
    assert (reading.status, reading.value, reading.numerator, reading.n) == ("suppressed", None, None, 1)


def test_short_periods_older_than_three_days_come_from_the_store(town: Town) -> None:
    old = datetime(2026, 3, 20, 10)
    town.commit(town.charge(old, {"a": 7.0}), town.charge(datetime(2026, 4, 3, 10), {"a": 9.0}))
    fresh = Queries.open(town.home, {"toy": town.pack}, now=lambda: town.clock)
    assert fresh.reading("charging.energy_kwh", "toy", "hour", utc(old)).value == 7.0
    assert fresh.series("charging.energy_kwh", "toy", "hour", utc(old), utc(old + timedelta(hours=2))) == [
        (utc(old), 7.0), (utc(old + timedelta(hours=1)), None)
    ]  # fmt: skip
    fresh.close()


def test_a_follower_sees_a_commit_within_a_second(town: Town) -> None:
    import threading

    seen = threading.Event()
    town.queries.on_snapshot(lambda snapshot: seen.set())
    town.queries.follow(0.05)
    with town.lake.transaction("test"):
        town.charge(datetime(2026, 4, 3, 10), {"a": 9.0})(town.toy)
    assert seen.wait(20)
    assert town.queries.latest("charging.energy_kwh", "toy").value == 9.0


def test_what_is_unknown_is_refused_with_a_suggestion(town: Town) -> None:
    q = town.queries
    with pytest.raises(UnknownId, match="traffic.tti"):
        q.latest("traffic.tty", "toy")
    with pytest.raises(UnknownId, match="did you mean"):
        q.latest("traffic.tti", "eas")
    with pytest.raises(UnknownId, match="city"):
        q.sources("tooy")
    with pytest.raises(UsageError, match="allowed: day"):
        q.latest("environment.aqi_daily", "toy", "month")
    with pytest.raises(UsageError, match="before it starts"):
        q.readings("traffic.tti", "toy", "hour", utc(NOON), utc(MIDNIGHT))


def test_output_rows_carry_the_citys_offset_and_null_for_what_is_not_there(town: Town) -> None:
    town.commit(town.charge(datetime(2026, 4, 3, 10), {"a": 9.0}))
    readings = town.queries.readings("charging.energy_kwh", "toy", "hour", utc(datetime(2026, 4, 3, 10)), utc(NOON))
    rows = rows_for_output(readings, town.pack, metric("charging.energy_kwh"), town.queries.snapshot())
    assert rows[0]["period_start"] == "2026-04-03T10:00:00+08:00" and rows[0]["value"] == 9.0
    assert rows[1]["value"] is None and rows[1]["numerator"] is None and rows[1]["status"] == "missing"
    assert datetime.fromisoformat(rows[0]["data_as_of"]).astimezone(UTC).hour == 2
