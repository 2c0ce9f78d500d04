"""Two clocks: what was known when, whatever the order in which it arrived."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.contracts import contract
from data_pipeline.ingest.revise import CONFLICT, rechain, revise
from tests.ingest.stage import hour, stage

HOURS = contract("charging_hourly")
TICKETS = contract("service_requests")
T0 = datetime(2026, 3, 2)


def known(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


def empty_store(rules) -> pl.DataFrame:
    schema = rules.polars_schema() | {
        "is_simulated": pl.Boolean, "row_number": pl.Int64, "delivery_id": pl.Int64,
        "known_from_utc": pl.Datetime("us"), "known_to_utc": pl.Datetime("us"), "local_day": pl.Date,
    }  # fmt: skip
    return pl.DataFrame(schema=schema)


class Store:
    """Revisions in memory, written the way a commit writes them."""

    def __init__(self, rules) -> None:
        self.rules, self.table, self.deliveries = rules, empty_store(rules), 0

    def take(self, rows: list[dict], minute: int):
        self.deliveries += 1
        schema = self.rules.polars_schema() | {"is_simulated": pl.Boolean}
        new = pl.DataFrame([dict.fromkeys(schema) | {"is_simulated": False} | row for row in rows], schema=schema, orient="row")
        new = new.with_columns(row_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64), local_day=pl.lit(T0.date()))
        revised = revise(new, self.table, self.rules, known(minute))
        assert revised.accepted.height + revised.duplicates + revised.conflicts.height == len(rows)
        ends = revised.closing.select("delivery_id", "row_number", ends="known_to_utc", changed=pl.lit(True))
        table = self.table.join(ends, on=["delivery_id", "row_number"], how="left")
        table = table.with_columns(known_to_utc=pl.when("changed").then("ends").otherwise("known_to_utc"))
        fresh = revised.accepted.with_columns(
            delivery_id=pl.lit(self.deliveries, pl.Int64), known_from_utc=pl.lit(known(minute), pl.Datetime("us"))
        )
        self.table = pl.concat([table.select(self.table.columns), fresh.select(self.table.columns)])
        return revised

    def at(self, minute: int, value: str) -> list:
        """What was known of `value` at a minute, by key."""
        t = known(minute)
        seen = self.table.filter(
            (pl.col("known_from_utc") <= t) & (pl.col("known_to_utc").is_null() | (pl.col("known_to_utc") > t))
        )
        assert not seen.select(self.rules.key).is_duplicated().any(), "one record, one revision at any time"
        return seen.sort(self.rules.key).select(*self.rules.key, value).rows()


def kwh(value: float, h: int = 8) -> dict:
    return {"site_id": "S1", "start_at": T0 + timedelta(hours=h), "energy_kwh": value}


def ticket(status: str, updated: int | None, request: str = "R1") -> dict:
    updated_at = None if updated is None else T0 + timedelta(hours=updated)
    return {"request_id": request, "created_at": T0, "updated_at": updated_at, "status": status}


def test_a_correction_replaces_and_the_old_revision_stays_readable() -> None:
    store = Store(HOURS)
    store.take([kwh(5)], 1)
    assert store.take([kwh(7)], 2).corrections == 1
    values = [[row[-1] for row in store.at(minute, "energy_kwh")] for minute in (0, 1, 2, 9)]
    assert values == [[], [5.0], [7.0], [7.0]]


def test_the_same_record_twice_is_one_record() -> None:
    store = Store(HOURS)
    store.take([kwh(5)], 1)
    revised = store.take([kwh(5), kwh(6, h=9)], 2)
    assert (revised.duplicates, revised.accepted.height, revised.corrections) == (1, 1, 0)
    assert store.table.height == 2


def test_a_value_that_goes_back_to_what_it_was_is_a_correction_too() -> None:
    store = Store(HOURS)
    for minute, value in ((1, 5), (2, 7), (3, 5)):
        store.take([kwh(value)], minute)
    assert [store.at(m, "energy_kwh")[0][-1] for m in (1, 2, 3)] == [5.0, 7.0, 5.0]


def test_null_equals_null_when_records_are_compared() -> None:
    store = Store(HOURS)
    store.take([kwh(5) | {"guns": None}], 1)
    assert store.take([kwh(5) | {"guns": None}], 2).duplicates == 1
    assert store.take([kwh(5) | {"guns": 4.0}], 3).corrections == 1


def test_a_real_record_replaces_a_simulated_one_of_the_same_content() -> None:
    store = Store(HOURS)
    store.take([kwh(5) | {"is_simulated": True}], 1)
    assert store.take([kwh(5)], 2).corrections == 1
    assert store.table.filter(pl.col("known_to_utc").is_null())["is_simulated"].to_list() == [False]


def test_repeated_keys_of_one_file_are_duplicates_or_conflicts() -> None:
    store = Store(HOURS)
    revised = store.take([kwh(5), kwh(5), kwh(6), kwh(1, h=9)], 1)
    assert (revised.accepted["row_number"].to_list(), revised.duplicates) == ([1, 4], 1)
    assert revised.conflicts.rows()[0][0] == 3
    assert "stands in row 1 of the same file" in revised.conflicts["reason"][0]
    assert CONFLICT == "conflicting_duplicate"


def test_a_conflict_in_a_file_does_not_hide_a_correction_of_the_store() -> None:
    store = Store(HOURS)
    store.take([kwh(5)], 1)
    revised = store.take([kwh(7), kwh(8)], 2)
    assert (revised.corrections, revised.conflicts.height) == (1, 1)
    assert store.at(2, "energy_kwh")[0][-1] == 7.0


def test_the_later_row_of_a_case_wins_inside_one_file() -> None:
    store = Store(TICKETS)
    revised = store.take([ticket("open", 1), ticket("closed", 3), ticket("referred", 2)], 1)
    assert (revised.accepted.height, revised.duplicates, revised.corrections) == (3, 0, 2)
    assert [row[-1] for row in store.at(1, "status")] == ["closed"]


def test_a_case_delivered_late_never_replaces_a_newer_state() -> None:
    store = Store(TICKETS)
    store.take([ticket("open", 1)], 1)
    store.take([ticket("closed", 5)], 2)
    late = store.take([ticket("referred", 3)], 3)
    assert (late.accepted.height, late.closing.height) == (1, 0)
    assert [row[-1] for row in store.at(3, "status")] == ["closed"]
    assert store.take([ticket("referred", 3)], 4).duplicates == 1  # seen already, though never the present one


def test_a_case_without_time_of_change_counts_as_new_when_it_arrives() -> None:
    store = Store(TICKETS)
    store.take([ticket("closed", 5)], 1)
    store.take([ticket("open", None)], 2)
    assert [row[-1] for row in store.at(2, "status")] == ["open"]


def test_an_archive_with_an_older_moment_takes_its_place_in_the_chain() -> None:
    store = Store(HOURS)
    store.take([kwh(7)], 5)
    revised = store.take([kwh(5)], 2)
    assert revised.accepted["known_to_utc"].to_list() == [known(5)]
    assert [[row[-1] for row in store.at(m, "energy_kwh")] for m in (1, 2, 4, 5)] == [[], [5.0], [5.0], [7.0]]


def test_taking_the_middle_out_of_a_chain_closes_the_gap() -> None:
    store = Store(HOURS)
    for minute, value in ((1, 5), (2, 7), (3, 9)):
        store.take([kwh(value)], minute)
    left = store.table.filter(pl.col("known_from_utc") != known(2))
    assert rechain(left, HOURS).select("delivery_id", "known_to_utc").rows() == [(1, known(3))]


DELIVERIES = st.lists(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=3, unique_by=lambda r: r[0]),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(DELIVERIES, st.randoms(use_true_random=False))
def test_what_is_known_at_the_end_rests_on_the_last_word_alone(deliveries, shuffler) -> None:
    """Arrival order does not matter: at every moment known values equal those of the in-order arrival.

    Contents never repeat within a key here; a restatement dropped as a duplicate leaves no trace
    (docs/decisions/0002-lake-layout.md says what that means).
    """
    words = [(minute, [kwh(value + 10.0 * minute, h) for h, value in rows]) for minute, rows in enumerate(deliveries, 1)]
    plain: dict[int, dict[int, float]] = {}
    state: dict[int, float] = {}
    for minute, rows in words:
        state |= {row["start_at"].hour: row["energy_kwh"] for row in rows}
        plain[minute] = dict(state)
    shuffled = list(words)
    shuffler.shuffle(shuffled)
    store = Store(HOURS)
    for minute, rows in shuffled:
        store.take(rows, minute)
    for minute, expected in plain.items():
        assert {start.hour: value for _, start, value in store.at(minute, "energy_kwh")} == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4), st.sampled_from(["open", "closed", "referred"])), max_size=6))
def test_the_present_state_of_a_case_is_the_one_changed_last(words) -> None:
    store = Store(TICKETS)
    newest: dict[str, tuple[int, str]] = {}
    for minute, (request, updated, status) in enumerate(words, 1):
        store.take([ticket(status, updated, request)], minute)
        if updated >= newest.get(request, (0, ""))[0]:
            newest[request] = (updated, status)
    present = dict(store.at(99, "status"))
    for request, (_, status) in newest.items():
        assert present[request] == status


def test_revisions_in_the_store_are_closed_and_the_day_is_touched_again(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(8), "energy_kwh": 5}])
        first = s.clock
        receipt = s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(8), "energy_kwh": 7}])
        assert (receipt.accepted, receipt.corrections) == (1, 1)
        assert s.rows("charging_hourly").select("energy_kwh", "known_from_utc", "known_to_utc").rows() == [
            (5.0, first, s.clock), (7.0, s.clock, None),
        ]  # fmt: skip


def test_a_file_delivered_again_with_one_row_changed_is_one_correction(tmp_path: Path) -> None:
    rows = [{"site_id": "S1", "start_at": hour(h), "energy_kwh": h} for h in range(48)]
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        s.deliver("charging_hourly", rows)
        receipt = s.deliver("charging_hourly", [*rows[:20], rows[20] | {"energy_kwh": 99}, *rows[21:]])
        assert (receipt.accepted, receipt.duplicates, receipt.corrections) == (1, 47, 1)
        assert s.present("charging_hourly")["energy_kwh"].sum() == sum(range(48)) - 20 + 99


def test_a_site_that_moves_counts_at_its_new_place_and_old_records_stay_where_they_were(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1, "420704")])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(8), "energy_kwh": 5}])
        s.deliver("charging_stations", [s.station(1, "420703")])
        s.deliver("charging_hourly", [{"site_id": "S1", "start_at": hour(9), "energy_kwh": 5}])
        assert s.lake.frame("SELECT district_id FROM sites")["district_id"].to_list() == ["420703"]
        places = s.rows("charging_hourly")["locality_id"].to_list()
        areas = [set(s.lake.frame("SELECT area_id FROM localities WHERE locality_id = ?", [p])["area_id"]) for p in places]
        assert "420704" in areas[0] and "420703" in areas[1] and "420704" not in areas[1]


def test_a_case_whose_event_time_changes_is_still_the_same_case(tmp_path: Path) -> None:
    project = {"project_id": "P1", "department": "发改委", "name": "桥", "budget": 10, "currency": "CNY", "area_id": "420700"}
    with stage(tmp_path) as s:
        s.deliver("investment_projects", [project | {"reported_at": hour(0)}])
        receipt = s.deliver("investment_projects", [project | {"reported_at": hour(30), "budget": 12}])
        assert receipt.corrections == 1
        assert s.present("investment_projects")["budget"].to_list() == [12.0]
