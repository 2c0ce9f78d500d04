"""Tables of standards: what they say, and that one with a gap is refused before a figure is made from it."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest

from data_pipeline.errors import DeclarationError
from data_pipeline.metrics import Metric, metric, metrics
from data_pipeline.metrics import standards as tables
from data_pipeline.metrics.standards import FOLDER, IndexItem, grades, read_standard, standards

NEW, OLD = date(2026, 3, 1), date(2026, 2, 28)


def item(name: str, day: date) -> IndexItem:
    return next(i for i in standards()["hj633"].item if i.id == name and i.since <= day < i.until)


def sub_index(name: str, concentration: str, day: date) -> int | None:
    """IAQI by exact fractions, from the declared breakpoints alone."""
    declared, levels = item(name, day), standards()["hj633"].levels
    c, bounds = Fraction(concentration), [Fraction(str(b)) for b in declared.breakpoints]
    if c > bounds[-1]:
        return declared.beyond
    k = max(next(n for n, b in enumerate(bounds) if c <= b), 1)
    return ceil(Fraction(levels[k] - levels[k - 1]) / (bounds[k] - bounds[k - 1]) * (c - bounds[k - 1]) + levels[k - 1])


@pytest.mark.parametrize(
    ("name", "values", "new", "old"),
    [
        ("pm25_24h", "35 36 50 60 61 75", [50, 52, 80, 100, 101, 114], [50, 52, 69, 82, 83, 100]),
        ("pm25_24h", "130 500 620 0 1", [172, 500, 500, 0, 2], [172, 500, 500, 0, 2]),
        ("pm10_24h", "85 120 151", [75, 100, 112], [68, 85, 101]),
        ("o3_8h", "160 188 265 900", [100, 126, 200, 300], [100, 126, 200, None]),
        ("no2_24h", "63 941", [79, 500], [79, 500]), ("no2_1h", "450", [125], [125]), ("o3_1h", "250 1300", [125, 500], [125, 500]),
        ("co_24h", "1.3 2.2 0.1", [33, 55, 3], [33, 55, 3]), ("co_1h", "7.5 65.4", [75, 218], [75, 218]),
        ("so2_24h", "12 312.5", [12, 125], [12, 125]), ("so2_1h", "900", [200], [None]),
    ],
)  # fmt: skip
def test_breakpoints_give_the_worked_values_of_both_editions(name: str, values: str, new: list[int], old: list[int]) -> None:
    assert [sub_index(name, c, NEW) for c in values.split()] == new
    assert [sub_index(name, c, OLD) for c in values.split()] == old


def test_binary_fractions_would_give_23_wrong_steps_of_carbon_monoxide() -> None:
    levels, wrong = standards()["hj633"].levels, 0
    for name in ("co_24h", "co_1h"):
        bounds = [float(b) for b in item(name, NEW).breakpoints]
        for tenths in range(1, round(bounds[-1] * 10) + 1):
            c = tenths / 10
            k = next(n for n, b in enumerate(bounds) if c <= b)
            by_floats = ceil((levels[k] - levels[k - 1]) / (bounds[k] - bounds[k - 1]) * (c - bounds[k - 1]) + levels[k - 1])
            wrong += by_floats != sub_index(name, str(Fraction(tenths, 10)), NEW)
    assert wrong == 23  # counted independently in standards.md 5.1


def test_limits_of_surface_water_are_those_of_table_1() -> None:
    limits = {(one.id, one.body): one.classes for one in standards()["gb3838"].limit}
    assert len(limits) == 22 and {len(c) for c in limits.values()} == {5}
    assert limits[("do", "")] == (7.5, 6, 5, 3, 2) and limits[("nh3n", "")] == (0.15, 0.5, 1.0, 1.5, 2.0)
    assert limits[("tp", "river")] == (0.02, 0.1, 0.2, 0.3, 0.4) and limits[("tp", "lake")] == (0.01, 0.025, 0.05, 0.1, 0.2)
    assert not [name for name, _ in limits if name in ("tn", "temperature", "coliforms")]


def test_grades_become_the_classes_of_a_metric() -> None:
    steps = metric("environment.aqi_daily").thresholds
    assert [(s.at_least, s.zh) for s in steps] == [(0, "优"), (51, "良"), (101, "轻度污染"), (151, "中度污染"), (201, "重度污染"), (301, "严重污染")]
    rain = metric("weather.rain_day_max_mm").thresholds
    named = {v: [s.zh for s in rain if v >= s.at_least][-1] for v in (9.9, 10.0, 49.9, 50.0, 250.0)}
    assert named == {9.9: "小雨", 10.0: "中雨", 49.9: "大雨", 50.0: "暴雨", 250.0: "特大暴雨"}  # standards 5.3
    assert [s.zh for s in metric("weather.rain_12h_max_mm").thresholds if s.at_least <= 30.0][-1] == "暴雨"


def test_only_noise_limits_that_were_read_carry_a_figure_with_the_standards_name() -> None:
    checked = {area.id: area.verified for area in standards()["gb3096"].area}
    assert checked == {"0": True, "1": True, "2": True, "3": True, "4a": False, "4b": False}  # standards 5.3: 4a and 4b are [M]
    assert "('4a', CAST(70 AS DOUBLE), CAST(55 AS DOUBLE), FALSE)" in standards()["gb3096"].relation()
    for part in ("day", "night"):
        by_the_standard, own = metric(f"environment.noise_{part}_ok_share"), metric(f"environment.noise_road_{part}_ok_share")
        assert (by_the_standard.standard, by_the_standard.where) == ("GB 3096-2008", "limit_verified")
        assert (own.standard, own.where) == ("", "NOT limit_verified") and "未核实" in own.name_zh and "自定口径" in own.assumption_zh


def test_grades_of_rain_below_a_rainstorm_are_marked_as_not_checked() -> None:
    steps = metric("weather.rain_day_max_mm").thresholds
    assert [s.zh for s in steps if s.verified] == ["暴雨", "大暴雨", "特大暴雨"]  # standards 5.3: the first four rows are [M]
    assert all(s.verified for s in metric("environment.aqi_daily").thresholds)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("hj633", "breakpoints = [0, 40, 80, 180, 280, 565, 750, 940]", "breakpoints = [0, 40, 80, 280, 565, 750, 940]", "no2_24h: a gap .* breakpoint is missing"),
        ("hj633", "breakpoints = [0, 40, 80, 180, 280, 565, 750, 940]", "breakpoints = [0, 40, 80, 180, 180, 565, 750, 940]", "must start at 0 and rise"),
        ("hj633", "breakpoints = [0, 40,", "breakpoints = [5, 40,", "must start at 0"),
        ("hj633", "step = 0.1\nbreakpoints = [0, 2, 4,", "step = 0.1\nbreakpoints = [0, 2.25, 4,", "no multiple of the step 0.1"),
        ("hj633", "since = 2026-03-01\nbreakpoints = [0, 35", "since = 2026-04-01\nbreakpoints = [0, 35", "pm25_24h: a gap between 2026-03-01 and 2026-04-01"),
        ("hj633", "since = 2026-03-01\nbreakpoints = [0, 35", "since = 2026-02-01\nbreakpoints = [0, 35", "pm25_24h: an overlap"),
        ("hj633", "from = 101, to = 150", "from = 102, to = 150", "aqi: a gap between 良 .to 100. and 轻度污染 .from 102.; it must begin at 101"),
        ("hj633", "from = 101, to = 150", "from = 100, to = 150", "aqi: an overlap"),
        ("gb3838", "classes = [15, 15, 20, 30, 40]", "classes = [15, 20, 30, 40]", "cod: a gap: 4 limits for 5 classes"),
        ("gb3838", "classes = [7.5, 6, 5, 3, 2]", "classes = [2, 3, 5, 6, 7.5]", "do: limits must fall"),
        ("gbt28592", "from = 10.0, to = 24.9", "from = 10.0, to = 24.0", "rain_24h: a gap between 中雨"),
        ("gb3096", "night = 40", "nigth = 40", "did you mean 'night'"),
    ],
)  # fmt: skip
def test_a_table_with_a_gap_is_refused_and_the_place_is_named(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    path = tmp_path / f"{name}.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert old in text
    with pytest.raises(DeclarationError, match=says):
        read_standard(path)


def test_metrics_check_tells_of_the_gap_and_of_misspelt_grades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from data_pipeline.aggregate.check import read_metrics

    declared = metric("environment.aqi_daily").model_dump() | {"thresholds": (), "examples": (), "grades": "aqj"}
    with pytest.raises(ValueError, match="unknown grades 'aqj', did you mean 'aqi'"):
        Metric.model_validate(declared)
    text = (FOLDER / "hj633.toml").read_text(encoding="utf-8")
    (tmp_path / "hj633.toml").write_text(text.replace("from = 51", "from = 61"), encoding="utf-8")
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    standards.cache_clear()
    grades.cache_clear()
    try:
        _, _, problems = read_metrics([Path(tables.__file__).parents[1] / "air.toml"])
    finally:
        monkeypatch.undo()
        standards.cache_clear()
        grades.cache_clear()
    assert problems and "aqi: a gap between 优 (to 50) and 良 (from 61)" in problems[0]


def test_what_decides_a_figure_is_of_its_kind_and_exists() -> None:
    from data_pipeline.metrics import decider_problems

    known = metrics()
    wrong = known["environment.aqi_daily"].model_copy(update={"decided_by": (known["environment.aqi_daily"].decided_by[0].model_copy(update={"metric": "environment.iaqi_pm52"}),)})
    assert "did you mean 'environment.iaqi_pm25'" in decider_problems({**known, "environment.aqi_daily": wrong})[0]
    other = wrong.model_copy(update={"decided_by": (wrong.decided_by[0].model_copy(update={"metric": "environment.pm25"}),)})
    assert "cannot be compared" in decider_problems({**known, "environment.aqi_daily": other})[0]
