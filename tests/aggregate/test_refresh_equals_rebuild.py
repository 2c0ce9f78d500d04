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
