"""Paths of targets on one shared axis: gaps stay gaps, upwards is nearer to the promise, nothing is drawn that is not known."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from ledger_rows import ON, path_of, row_of

from components.ledger import chart
from components.ledger.paths import HEIGHT, WIDTH, TimeAxis, axis_of, broken, small_path

AXIS = TimeAxis(date(2020, 1, 1), date(2026, 12, 31), ON)


def parts(row: object, axis: TimeAxis = AXIS) -> dict[str, str]:
    return {attributes["className"]: attributes["d"] for _, attributes in small_path(row, axis).parts}  # type: ignore[arg-type]


def numbers(d: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", d)]


def test_the_axis_holds_plans_deadlines_forecasts_and_the_ledgers_date() -> None:
    row = row_of("catching_up")
    axis = axis_of([row], ON)
    assert row.pace is not None and row.pace.forecast is not None
    assert axis.start == date(2020, 1, 1) and axis.end == row.pace.forecast.on > ON
    assert axis.x(axis.start) == 0 and axis.x(axis.end) == WIDTH
    # days are even: 2020 is a leap year of 366 days
    two_years = TimeAxis(date(2020, 1, 1), date(2022, 1, 1), ON)
    assert two_years.x(date(2021, 1, 1)) == pytest.approx(366 / 731 * WIDTH, abs=0.05)


def test_an_axis_of_one_day_does_not_divide_by_nothing() -> None:
    axis = axis_of([], ON)
    assert axis.start == axis.end == ON and axis.x(ON) == 0


def test_five_months_without_a_report_break_the_line() -> None:
    points = [p for p in path_of(lambda n: 10.0 * n, 30) if not 10 <= _month(p.on) <= 14]
    pieces = broken(points)
    assert [len(piece) for piece in pieces] == [10, 15]
    d = parts(replace(row_of("stalled"), path=tuple(points)))["report"]
    assert d.count("M") == 2


def _month(day: date) -> int:
    return (day.year - 2020) * 12 + day.month - 1


def test_quarterly_reports_are_one_line() -> None:
    points = [p for p in path_of(lambda n: 5.0 * n, 36) if p.on.month % 3 == 0]
    assert len(broken(points)) == 1


def test_rising_and_falling_targets_both_climb_to_their_promise() -> None:
    rising = row_of("stalled", base=100.0, goal=200.0, values=lambda n: 100 + 1.0 * n)
    falling = row_of("stalled", base=0.125, goal=0.105, values=lambda n: 0.125 - 0.0002 * n)
    for row in (rising, falling):
        d = numbers(parts(row)["report"])
        first, last = d[1], d[-1]
        assert last < first, "smaller y is higher on the drawing"
        goal = numbers(parts(row)["goal"])[1]
        assert goal < last, "the promise is not reached and lies above"
    # the promise lies at the same height for both
    assert numbers(parts(rising)["goal"])[1] == numbers(parts(falling)["goal"])[1]


def test_a_value_on_the_promise_lies_on_its_line_and_one_at_base_on_the_expected_start() -> None:
    row = row_of("done", base=100.0, goal=200.0, values=lambda n: min(100 + 5.0 * n, 200.0))
    drawn = parts(row)
    goal = numbers(drawn["goal"])[1]
    assert numbers(drawn["now"])[1] == goal
    assert numbers(drawn["expected"])[1] == pytest.approx(numbers(drawn["report"])[1], abs=0.05)
    assert numbers(drawn["expected"])[3] == goal


def test_dropped_points_lie_within_a_third_of_a_pixel_of_the_line() -> None:
    row = row_of("stalled", base=0.0, goal=100.0, values=lambda n: 100 / (1 + 2.718 ** (-0.15 * (n - 40))))
    d = numbers(parts(row)["report"])
    kept = list(zip(d[::2], d[1::2], strict=True))
    full = [(AXIS.x(p.on), p.value) for p in row.path]
    assert 5 < len(kept) < len(full) / 2
    bottom, top = kept[0][1], numbers(parts(row)["goal"])[1]
    v0 = row.path[0].value
    for x, value in full:
        right = next(i for i, (kx, _) in enumerate(kept) if kx >= x - 0.06)
        (x0, y0), (x1, y1) = kept[max(right - 1, 0)], kept[right]
        line = y1 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        true = bottom + (top - bottom) * (value - v0) / (100 - v0)
        assert line == pytest.approx(true, abs=0.5)


def test_a_target_without_reports_has_an_axis_and_no_line() -> None:
    row = replace(row_of("no_data"), path=(), pace=None, last_report=None)
    assert set(parts(row)) == {"grid", "due", "on"}


def test_a_tick_that_is_done_ends_on_its_day_and_one_under_way_shows_the_expected_day() -> None:
    done = row_of("done", kind="completion")
    assert numbers(parts(done)["reached"])[0] == AXIS.x(done.done_on or ON) and "forecast" not in parts(done)
    open_ = row_of("catching_up", kind="completion")
    assert open_.last_report is not None
    drawn = parts(open_)
    assert numbers(drawn["now"])[0] == AXIS.x(open_.last_report.data_on)
    assert numbers(drawn["forecast"])[-1] == AXIS.x(min(open_.last_report.expected_on or ON, AXIS.end))


def test_a_base_equal_to_its_promise_is_drawn_by_the_values_themselves() -> None:
    row = row_of("done", base=5.0, goal=5.0, values=lambda n: 5.0 + n % 3)
    assert all(0 <= y <= HEIGHT for y in numbers(parts(row)["report"])[1::2])


def test_the_chart_carries_the_interval_the_promise_and_breaks() -> None:
    row = row_of("catching_up")
    points = tuple(p for p in row.path if not 20 <= _month(p.on) <= 27)
    figure = chart.path_figure(replace(row, path=points), AXIS, "zh", "dark", revision="r")
    known = next(trace for trace in figure["data"] if trace.get("name") == "填报值")
    assert known["connectgaps"] is False and known["y"].count(None) == 1
    guess = next(trace for trace in figure["data"] if "error_y" in trace)
    assert row.pace is not None and row.pace.forecast is not None
    assert guess["y"][0] + guess["error_y"]["array"][0] == pytest.approx(row.pace.forecast.high)
    assert guess["y"][0] - guess["error_y"]["arrayminus"][0] == pytest.approx(row.pace.forecast.low)
    level = [s for s in figure["layout"]["shapes"] if s.get("xref") == "paper"]
    assert [s["y0"] for s in level] == [row.target.value]


def test_live_values_are_a_line_of_their_own() -> None:
    row = row_of("stalled")
    live = [replace(p, source="live", known_from_utc=datetime(2026, 11, 1)) for p in row.path[-3:]]
    drawn = parts(replace(row, path=(*row.path[:-3], *live)))
    assert numbers(drawn["live"])[0] == AXIS.x(live[0].on) and numbers(drawn["report"])[-2] == AXIS.x(row.path[-4].on)
    assert live[0].on - row.path[-4].on < timedelta(days=32)
