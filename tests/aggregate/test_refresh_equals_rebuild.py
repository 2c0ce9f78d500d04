"""Incremental aggregation: whatever order deliveries arrive in, the readings equal a full rebuild."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from toy import NOW, Toy, toy_city

from data_pipeline.aggregate.refresh import rebuild
from data_pipeline.metrics import metrics
from data_pipeline.store.lake import Lake

START = datetime(2026, 3, 29, 20)  # local time; three days and a half over the end of a month
HOURS = st.integers(0, 84)
# a store answers in milliseconds, not microseconds: few examples, and no minutes spent on making a failing one smaller
LIMITS = settings(
    max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

charging = st.tuples(
    st.sampled_from(["a", "b", "c"]), HOURS, st.integers(0, 50), st.one_of(st.none(), st.integers(0, 8))
)
charging_deliveries = st.lists(st.lists(charging, min_size=1, max_size=8), min_size=1, max_size=5)
# hours around two midnights before the change of HJ 633 and the one of the change itself
air = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 79), st.one_of(st.none(), st.integers(100, 500)))
air_deliveries = st.lists(st.lists(air, min_size=1, max_size=12), min_size=1, max_size=5)
tickets = st.tuples(st.integers(1, 6), HOURS, st.one_of(st.none(), st.integers(0, 60)), st.booleans())
ticket_deliveries = st.lists(st.lists(tickets, min_size=1, max_size=6), min_size=1, max_size=4)
PLACES = {"a": "east", "b": "east", "c": "west"}


def rebuilt(toy: Toy, dataset: str) -> pl.DataFrame:
    """The readings of every metric of a dataset, computed from nothing but the records."""
    toy.lake.execute("DELETE FROM readings")
    mine = {m.id for m in metrics().values() if m.dataset == dataset}
    rebuild(toy.lake, {"toy": toy.pack}, "toy", commit_seq=99, now=NOW, only=mine)
    return toy.readings()


@LIMITS
@given(deliveries=charging_deliveries)
def test_late_repeated_and_corrected_records_end_in_the_readings_of_a_rebuild(
    empty_lake: Lake, deliveries: list
) -> None:
    with toy_city(empty_lake) as toy:
        toy.sites("charging_stations", PLACES)
        for number, delivery in enumerate(deliveries):
            rows = {
                (site, hour): {"site_id": site, "area_id": PLACES[site], "start_at": START + timedelta(hours=hour), "guns": 8.0,
                               "energy_kwh": float(energy), "charging_gun_hours": None if used is None else float(used)}
                for site, hour, energy, used in delivery
            }  # fmt: skip
            toy.deliver("charging_hourly", list(rows.values()), NOW + timedelta(minutes=number))
        kept = toy.readings()
        present = toy.lake.frame("SELECT energy_kwh FROM rec_charging_hourly WHERE known_to_utc IS NULL")[
            "energy_kwh"
        ].sum()
        city = kept.filter((pl.col("metric") == "charging.energy_kwh") & (pl.col("area_id") == "toy"))
        for grain in ("hour", "day", "month"):
            assert city.filter(pl.col("grain") == grain)["numerator"].sum() == present
        assert_frame_equal(kept, rebuilt(toy, "charging_hourly"), check_exact=True)


@LIMITS
@given(deliveries=ticket_deliveries)
def test_tickets_that_move_to_another_day_leave_the_day_they_counted_on(empty_lake: Lake, deliveries: list) -> None:
    with toy_city(empty_lake) as toy:
        for number, delivery in enumerate(deliveries):
            rows = {}
            for ticket, created, took, solved in delivery:
                start = START + timedelta(hours=created)
                closed = None if took is None else start + timedelta(hours=took)
                rows[ticket] = {
                    "request_id": f"r{ticket}", "area_id": "east" if ticket % 2 else "west", "created_at": start,
                    "due_at": start + timedelta(days=1), "closed_at": closed, "status": "open" if closed is None else "closed",
                    "solved": None if closed is None else solved,
                }  # fmt: skip
            toy.deliver("service_requests", list(rows.values()), NOW + timedelta(minutes=number))
        kept = toy.readings()
        closed = toy.lake.value(
            "SELECT count(*) FROM rec_service_requests WHERE known_to_utc IS NULL AND status = 'closed'"
        )
        months = kept.filter(
            (pl.col("metric") == "services.solved_share") & (pl.col("area_id") == "toy") & (pl.col("grain") == "month")
        )
        assert months["n"].sum() == closed
        assert_frame_equal(kept, rebuilt(toy, "service_requests"), check_exact=False, rel_tol=1e-12)


@LIMITS
@given(deliveries=air_deliveries)
def test_late_hours_of_air_compute_the_moving_means_of_the_next_day_again(empty_lake: Lake, deliveries: list) -> None:
    start = datetime(2026, 2, 26)
    with toy_city(empty_lake) as toy:
        toy.sites("monitoring_stations", PLACES)
        # a first delivery that makes every mean of 24 hours valid: what comes late changes figures and does not only add some
        whole = [("a", hour, 120) for hour in range(80)]
        for number, delivery in enumerate([whole, *deliveries]):
            rows = {
                (site, hour): {"site_id": site, "area_id": PLACES[site], "start_at": start + timedelta(hours=hour),
                               "pm25_ug_m3": None if value is None else float(value)}
                for site, hour, value in delivery
            }  # fmt: skip
            toy.deliver("air_quality", list(rows.values()), NOW + timedelta(minutes=number))
        kept = toy.readings()
        assert kept.filter((pl.col("metric") == "environment.aqi_hourly") & (pl.col("area_id") == "toy")).height == 80
        assert_frame_equal(kept, rebuilt(toy, "air_quality"), check_exact=True)
        known = toy.lake.frame("SELECT max(known_from_utc) AS k FROM readings WHERE metric = 'environment.aqi_hourly'")["k"].item()
        assert known <= NOW + timedelta(minutes=len(deliveries))


def test_an_hour_that_arrives_late_changes_the_hours_of_the_next_day_that_rest_on_it(empty_lake: Lake) -> None:
    # HJ 633-2012: PM2.5 of 24 hours; 130 all along is 172 (standards 5.1), one hour of 370 makes the mean 140: 150 + 50 * 25 / 35, up
    start = datetime(2026, 2, 2)
    rows = [{"site_id": "a", "area_id": "east", "start_at": start + timedelta(hours=h), "pm25_ug_m3": 130.0} for h in range(48)]
    with toy_city(empty_lake) as toy:
        toy.deliver("air_quality", rows)
        late = rows[23] | {"pm25_ug_m3": 370.0}
        arrived = NOW + timedelta(hours=1)
        toy.deliver("air_quality", [late], arrived)
        hours = toy.readings().filter((pl.col("metric") == "environment.aqi_hourly") & (pl.col("area_id") == "toy")).drop_nulls("value")
        assert hours.height == 48 - 19  # 20 hours make the first valid mean
        assert hours["value"].to_list() == [172.0] * 4 + [186.0] * 24 + [172.0]
        told = toy.lake.frame(
            "SELECT known_from_utc FROM readings WHERE metric = 'environment.aqi_hourly' AND area_id = 'toy' AND n > 0 AND value = 186"
        )
        assert set(told["known_from_utc"].to_list()) == {arrived}


def test_a_look_back_reads_only_up_to_the_day_it_is_declared_for(empty_lake: Lake) -> None:
    # 28 February 2026 is the last day of the 2012 edition: 1 March stands on its own hours
    last = [{"site_id": "a", "area_id": "east", "start_at": datetime(2026, 2, 28) + timedelta(hours=h), "pm25_ug_m3": 500.0} for h in range(24)]
    with toy_city(empty_lake) as toy:
        toy.deliver("air_quality", [*last, {"site_id": "a", "area_id": "east", "start_at": datetime(2026, 3, 1), "pm25_ug_m3": 130.0}])
        found = toy.value("environment.aqi_hourly", "toy", "hour", datetime(2026, 2, 28, 16))
        assert found is not None and found["value"] == 172.0
        assert metrics()["environment.aqi_hourly"].looks_back.days_read_by(datetime(2026, 2, 28).date()) == []  # type: ignore[union-attr]
