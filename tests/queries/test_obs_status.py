"""SDMX status codes, intervals, changes and what was known earlier, through the answers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from held import answers, series
from query_town import Town

from data_pipeline.cities import load_packs
from data_pipeline.metrics import Break, metric
from data_pipeline.queries.bands import Bands
from data_pipeline.queries.cards import card, change
from data_pipeline.queries.output import rows_for_output

PACK = load_packs()["420700"]
CITY = PACK.city_area
BEDS = metric("health.bed_occupancy")
START = datetime(2026, 3, 9, 16)
NOW = datetime(2026, 3, 11, 4)


def code(row: dict, *, now: datetime = NOW, area: str = CITY.id, m=BEDS, start: datetime = START) -> str:  # type: ignore[no-untyped-def]
    held = {(m.id, area, "day"): series([START], [{"numerator": 8, "denominator": 10, "n": 5, **row}])}
    return answers(PACK, held, now).reading(m, PACK.area(area), "day", start).obs_status


TOWNSHIP = next(a.id for a in PACK.areas.values() if a.level == "township" and a.approximate)


@pytest.mark.parametrize(
    ("expected", "row", "more"),
    [
        ("A", {}, {}),
        ("A", {"reported_n": 10, "expected_n": 10}, {}),
        ("P", {"reported_n": 9, "expected_n": 10}, {}),
        ("U", {"reported_n": 7, "expected_n": 10}, {}),
        ("P", {}, {"now": START + timedelta(hours=3)}),
        ("M", {"denominator": 0}, {}),
        ("L", {}, {"start": START - timedelta(days=3)}),
        ("O", {}, {"start": NOW + timedelta(days=3)}),
        ("Q", {"n": 2}, {"m": metric("services.satisfied_share")}),
        ("E", {}, {"area": TOWNSHIP}),
        ("E", {}, {"m": BEDS.model_copy(update={"kind": "modelled"})}),
        ("E", {}, {"m": BEDS.model_copy(update={"estimate_days": 30})}),
        ("B", {}, {"m": BEDS.model_copy(update={"breaks": (Break.model_validate({"on": "2026-03-10", "zh": "新标准", "en": "new standard"}),)})}),
    ],
)
def test_each_reading_carries_the_code_of_what_must_be_said_first(expected: str, row: dict, more: dict) -> None:
    assert code(row, **more) == expected


def test_the_code_and_the_interval_are_in_every_output_and_the_number_of_withheld_cases_in_none() -> None:
    m = metric("services.satisfied_share")
    held = {(m.id, CITY.id, "day"): series([START, START + timedelta(days=1)], [{"numerator": 178, "denominator": 200, "n": 200}, {"numerator": 1, "denominator": 2, "n": 2}])}
    asked = answers(PACK, held, datetime(2026, 3, 20))
    good, few = rows_for_output([asked.reading(m, CITY, "day", s) for s in (START, START + timedelta(days=1))], PACK, m, None)
    assert (good["obs_status"], round(good["interval_low"], 4), round(good["interval_high"], 4)) == ("A", 0.8391, 0.9262)
    assert (few["obs_status"], few["value"], few["numerator"], few["n"], few["interval_low"]) == ("Q", None, None, None, None)


def compared(now_row: dict, before_row: dict, m=BEDS, now: datetime = NOW):  # type: ignore[no-untyped-def]
    held = {(m.id, CITY.id, "day"): series([START - timedelta(days=1), START], [{"n": 5, **before_row}, {"n": 5, **now_row}])}
    asked = answers(PACK, held, now)
    return change(asked, m, CITY, asked.reading(m, CITY, "day", START), START - timedelta(days=1))


def test_a_change_is_relative_and_in_points_and_none_without_a_base() -> None:
    found = compared({"numerator": 845, "denominator": 1000}, {"numerator": 820, "denominator": 1000})
    assert (found.points, found.relative) == (pytest.approx(0.025), pytest.approx(0.0305, abs=5e-5))
    visits = metric("health.visits_n")
    assert compared({"numerator": 5, "value": 5}, {"numerator": 0, "value": 0}, visits).relative is None
    assert compared({"numerator": 0, "value": 0}, {"numerator": 5, "value": 5}, visits).relative == -1.0
    grown = compared({"numerator": 1245, "value": 1245}, {"numerator": 1180, "value": 1180}, visits)
    assert grown.relative == pytest.approx(0.0551, abs=5e-5)


def test_no_change_is_reckoned_on_an_open_period_on_too_few_reports_or_across_a_break() -> None:
    whole = {"numerator": 80, "denominator": 100}
    assert compared(whole, whole) is not None
    assert compared(whole, whole, now=START + timedelta(hours=5)) is None
    short = whole | {"reported_n": 5, "expected_n": 10}
    assert compared(short, whole) is None and compared(whole, short) is None
    new = BEDS.model_copy(update={"breaks": (Break.model_validate({"on": "2026-03-10", "zh": "新标准", "en": "new standard"}),)})
    assert compared(whole, whole, new) is None


def test_a_share_of_an_open_day_is_compared_hour_for_hour() -> None:
    m = metric("services.answer_share")
    hours = [START + timedelta(hours=h) for h in range(-24, 3)]
    rows = [{"numerator": 90 if h < 0 else 80, "denominator": 100, "n": 1} for h in range(-24, 3)]
    days = [{"numerator": 2160, "denominator": 2400, "n": 24}, {"numerator": 240, "denominator": 300, "n": 3}]
    held = {(m.id, CITY.id, "hour"): series(hours, rows), (m.id, CITY.id, "day"): series([START - timedelta(days=1), START], days)}
    found = card(answers(PACK, held, START + timedelta(hours=2, minutes=30)), Bands(), None, m, CITY, "day")
    assert found.previous is not None and (found.previous.before, found.previous.points) == (pytest.approx(0.9), pytest.approx(-0.1))


def test_a_figure_shows_what_it_was_taken_for_as_its_deliveries_arrived(town: Town) -> None:
    at, start = datetime(2026, 4, 2, 9), datetime(2026, 4, 2, 1)
    first, second = datetime(2026, 4, 2, 2, 30), datetime(2026, 4, 2, 9)
    town.commit(town.charge(at, {"a": 100.0, "b": 20.0}, known_from=first))
    town.commit(town.charge(at, {"a": 140.0}, known_from=second))
    item = town.queries.provenance("charging.energy_kwh", "east", "hour", start)
    assert [(v.known_at_utc, v.reading.value) for v in item.vintages] == [(first, 120.0), (second, 160.0)]
    assert item.vintages[-1].reading.value == item.reading.value
    assert town.queries.reading("charging.energy_kwh", "east", "hour", start, datetime(2026, 4, 2, 3)).value == 120.0
