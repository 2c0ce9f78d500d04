"""Local days, repeated hours, reports due, archives: cases worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from toy import NOW, toy_city, toy_pack

from data_pipeline.aggregate.status import due_n
from data_pipeline.store.lake import Lake
from data_pipeline.times import to_local


def test_a_record_counts_on_the_local_day_not_the_utc_day(empty_lake: Lake) -> None:
    with toy_city(empty_lake) as toy:
        row = {
            "site_id": "a",
            "area_id": "east",
            "start_at": datetime(2026, 3, 2, 0, 30),
            "guns": 1.0,
            "energy_kwh": 5.0,
        }
        toy.deliver("charging_hourly", [row])
        day = toy.value("charging.energy_kwh", "toy", "day", datetime(2026, 3, 1, 16))
        assert day is not None and day["numerator"] == 5.0
        assert toy.value("charging.energy_kwh", "toy", "day", datetime(2026, 3, 2, 16)) is None


def test_a_repeated_local_hour_stays_two_hours_and_its_day_has_25(empty_lake: Lake) -> None:
    with toy_city(empty_lake, toy_pack(timezone="Europe/Berlin")) as toy:
        toy.sites("charging_stations", {"a": "east"})
        start = datetime(2025, 10, 25, 22, tzinfo=UTC)  # 26 October 2025 begins at 22:00 UTC in Berlin and has 25 hours
        rows = [
            {"site_id": "a", "area_id": "east", "start_at": start + timedelta(hours=h), "guns": 1.0, "energy_kwh": 1.0}
            for h in range(25)
        ]
        toy.deliver("charging_hourly", rows)
        hours = toy.readings().filter(metric="charging.energy_kwh", grain="hour", area_id="toy")
        assert hours.height == 25
        day = toy.value("charging.energy_kwh", "toy", "day", datetime(2025, 10, 25, 22))
        assert day is not None and (day["numerator"], day["reported_n"], day["expected_n"]) == (25.0, 25, 25)


NEW_YORK = "America/New_York"
# closed in the last hour of the day clocks went back, and in the first hour of the day after they went forward
CLOSED = {
    "autumn": (datetime(2025, 11, 1, 12), datetime(2025, 11, 2, 23, 30), date(2025, 11, 2)),
    "spring": (datetime(2025, 3, 8, 12), datetime(2025, 3, 10, 0, 30), date(2025, 3, 10)),
    "between": (datetime(2025, 6, 1, 12), datetime(2025, 6, 2, 0, 30), date(2025, 6, 2)),
}


@pytest.mark.parametrize(("received", "closed", "counts_on"), CLOSED.values(), ids=CLOSED)
def test_a_case_counts_on_the_local_day_it_was_closed_also_across_a_change_of_clocks(
    empty_lake: Lake, received: datetime, closed: datetime, counts_on: date
) -> None:
    tz = ZoneInfo(NEW_YORK)
    with toy_city(empty_lake, toy_pack(timezone=NEW_YORK)) as toy:
        row = {"request_id": "r", "area_id": "east", "created_at": received, "status": "open"}
        toy.deliver("service_requests", [row])
        done = row | {"closed_at": closed, "due_at": closed, "responded": True, "status": "closed"}
        toy.deliver("service_requests", [done], NOW + timedelta(hours=1))
        found = toy.readings().filter(pl.col("grain") == "day", pl.col("area_id") == "toy")
        days = {metric: [to_local(start, tz).date() for start in part["period_start_utc"]]
                for (metric,), part in found.group_by("metric")}  # fmt: skip
        assert days["services.median_close_hours"] == [counts_on]  # computed anew
        assert days["services.responded_share"] == [counts_on]  # sums
        assert days["services.on_time_share"] == [counts_on]  # by the day due
        backlog = toy.lake.frame(
            "SELECT period_start_utc, numerator FROM readings WHERE metric = 'services.backlog_n' AND area_id = 'toy'"
            " ORDER BY period_start_utc"
        )
        assert [(to_local(at, tz).date(), n) for at, n in backlog.rows()] == [(received.date(), 1.0), (counts_on, 0.0)]


def test_reports_are_expected_only_from_sites_in_service_on_the_day(empty_lake: Lake) -> None:
    with toy_city(empty_lake) as toy:
        toy.sites("charging_stations", {"a": "east"})
        toy.sites("charging_stations", {"b": "east"}, opened_on=date(2026, 3, 3))
        rows = [
            {"site_id": "a", "area_id": "east", "start_at": datetime(2026, 3, d, 8), "guns": 1.0, "energy_kwh": 1.0}
            for d in (2, 3)
        ]
        toy.deliver("charging_hourly", rows)
        found = [toy.value("charging.energy_kwh", "east", "day", datetime(2026, 3, d, 16)) for d in (1, 2)]
        assert [(r["reported_n"], r["expected_n"], r["status"]) for r in found if r] == [
            (1, 24, "partial"),
            (1, 48, "partial"),
        ]


def test_an_open_day_owes_only_what_could_have_come() -> None:
    start = datetime(2026, 3, 1, 16)
    day = (start, start + timedelta(days=1), "charging_hourly")
    # 14 sites × 24 hours; three hours and a grace of half an hour after the start only two hours are due
    assert due_n(336, *day, 1800, start + timedelta(hours=3)) == 28
    assert due_n(336, *day, 1800, start + timedelta(hours=24)) == 322
    assert due_n(336, *day, 1800, start + timedelta(hours=24.5)) == 336
    assert due_n(336, *day, 1800, start) == 0
    assert due_n(None, *day, 1800, start) is None


def test_a_month_rests_on_days_and_an_archived_month_only_where_there_are_none(empty_lake: Lake) -> None:
    def figure(metric: str, grain: str, start: datetime, **more: object) -> dict:
        return {"metric_id": metric, "area_id": "toy", "grain": grain, "period_start": start, "n": 10} | more

    with toy_city(empty_lake) as toy:
        toy.deliver(
            "figures",
            [
                figure("charging.energy_kwh", "month", datetime(2026, 1, 1), numerator=3100.0),
                figure("charging.energy_kwh", "day", datetime(2026, 1, 5), numerator=7.0),
                *[figure("charging.energy_kwh", "day", datetime(2026, 2, d), numerator=2.0) for d in range(1, 29)],
                figure("charging.energy_kwh", "month", datetime(2026, 2, 1), numerator=999.0),
                figure("services.p90_close_hours", "month", datetime(2026, 1, 1), value=40.5),
            ],
        )
        january, february = datetime(2025, 12, 31, 16), datetime(2026, 1, 31, 16)
        months = [toy.value("charging.energy_kwh", "toy", "month", s) for s in (january, february)]
        assert [m["value"] for m in months if m] == [3100.0, 56.0]
        p90 = toy.value("services.p90_close_hours", "toy", "month", january)
        assert p90 is not None and (p90["value"], p90["numerator"], p90["origin"]) == (40.5, None, "figures")


def test_records_take_the_place_of_archived_days(empty_lake: Lake) -> None:
    with toy_city(empty_lake) as toy:
        rows = [
            {
                "metric_id": "charging.energy_kwh",
                "area_id": "toy",
                "grain": "day",
                "period_start": datetime(2026, 2, d),
                "numerator": 2.0,
            }
            for d in (1, 2)
        ]
        toy.deliver("figures", rows)
        first, second = datetime(2026, 1, 31, 16), datetime(2026, 2, 1, 16)
        assert [toy.value("charging.energy_kwh", "toy", "day", s)["origin"] for s in (first, second)] == ["figures"] * 2
        row = {"site_id": "a", "area_id": "east", "start_at": datetime(2026, 2, 2, 8), "guns": 1.0, "energy_kwh": 9.0}
        toy.deliver("charging_hourly", [row], NOW + timedelta(minutes=1))
        found = [toy.value("charging.energy_kwh", "toy", "day", s) for s in (first, second)]
        assert [(r["value"], r["origin"]) for r in found if r] == [(2.0, "figures"), (9.0, "records")]
        month = toy.value("charging.energy_kwh", "toy", "month", first)
        assert month is not None and month["value"] == 11.0


def test_only_what_differs_is_written_again(empty_lake: Lake) -> None:
    with toy_city(empty_lake) as toy:
        rows = [
            {"site_id": "a", "area_id": "east", "start_at": datetime(2026, 2, 2, h), "guns": 1.0, "energy_kwh": 1.0}
            for h in range(24)
        ]
        toy.deliver("charging_hourly", rows)
        before = toy.lake.value("SELECT count(*) FROM readings")
        assert toy.refresh({("toy", "charging_hourly"): {date(2026, 2, 2)}}) == 0
        toy.deliver("charging_hourly", [rows[3] | {"energy_kwh": 4.0}], NOW + timedelta(minutes=1))
        changed = toy.lake.frame(
            "SELECT DISTINCT grain, period_start_utc FROM readings WHERE commit_seq = ?", [toy.seq]
        )
        assert sorted(changed["grain"].to_list()) == ["day", "hour", "month"]
        assert toy.lake.value("SELECT count(*) FROM readings") == before


def test_simulated_records_mark_the_reading_with_their_share(empty_lake: Lake) -> None:
    with toy_city(empty_lake) as toy:
        row = {"site_id": "a", "area_id": "east", "start_at": datetime(2026, 2, 2, 8), "guns": 1.0, "energy_kwh": 9.0}
        toy.deliver("charging_hourly", [row])
        toy.deliver("charging_hourly", [row | {"site_id": "c", "area_id": "west"}], is_simulated=True)
        found = toy.value("charging.energy_kwh", "toy", "hour", datetime(2026, 2, 2, 0))
        assert found is not None and (found["n"], found["simulated_n"]) == (2, 1)


def test_a_figure_is_kept_for_the_periods_it_is_declared_for_whatever_it_shares_its_statement_with(empty_lake: Lake) -> None:
    # vehicles in the area are a number of a day; alarms and trips of the same returns add up over months
    rows = [
        {"area_id": "east", "start_at": datetime(2026, 3, day), "vehicles_n": 5, "trips_n": 10, "alarms_n": day} for day in (2, 3)
    ]
    with toy_city(empty_lake) as toy:
        toy.deliver("hazmat_days", rows)
        city = toy.readings().filter(area_id="toy")
        grains = {metric: set(part["grain"]) for (metric,), part in city.group_by("metric")}
        assert grains["emergency.hazmat_vehicles_n"] == {"day"}
        assert grains["emergency.hazmat_alarms_n"] == grains["emergency.hazmat_alarm_share"] == {"day", "month"}
        month = city.filter(metric="emergency.hazmat_alarm_share", grain="month").row(0, named=True)
        assert (month["numerator"], month["denominator"], month["value"]) == (5.0, 20.0, 0.25)
