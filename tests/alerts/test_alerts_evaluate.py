"""Alerts open after the hold, stay through wavering, close by hysteresis, and never rise from bad data."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data_pipeline.alerts import history, set_state
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.store.lake import Lake
from tests.alerts.scene import NOW, TTI_RULE, Q, Scene, make_scene

ECHENG = "420704"
T0 = datetime(2026, 6, 9, 0, 0)


def test_opens_only_after_the_condition_held_for_the_whole_hold(jam: Scene) -> None:
    jam.put(ECHENG, T0 + Q, 2.3)
    jam.evaluate(T0 + Q)
    assert jam.alerts() == []
    jam.put(ECHENG, T0 + 2 * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    (alert,) = jam.alerts()
    assert (alert.state, alert.area_id, alert.metric, alert.department) == ("open", ECHENG, "traffic.tti", "市交通局")
    assert alert.opened_at_utc == T0 + 2 * Q
    assert alert.value == 2.3


def test_title_says_place_figure_bound_and_how_long_in_both_languages(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    (alert,) = jam.alerts()
    assert alert.title_zh.startswith("鄂城区 ")
    assert "2.3" in alert.title_zh and "高于 2.0" in alert.title_zh and alert.title_zh.endswith("已持续 10 分钟")
    assert alert.title_en.startswith("Echeng") and alert.title_en.endswith("for 10 min")


def test_an_open_period_does_not_count(jam: Scene) -> None:
    jam.put(ECHENG, T0 + Q, 2.3)
    jam.put(ECHENG, T0 + 2 * Q, 2.3)
    jam.evaluate(T0 + 2 * Q - timedelta(minutes=1))
    assert jam.alerts() == []


def test_a_value_between_the_bounds_neither_closes_nor_reopens(jam: Scene) -> None:
    for step, value in enumerate((2.3, 2.3, 1.9, 2.1, 1.9), start=1):
        jam.put(ECHENG, T0 + step * Q, value)
        jam.evaluate(T0 + step * Q)
    (alert,) = jam.alerts()
    assert alert.state == "open"
    jam.put(ECHENG, T0 + 6 * Q, 1.7)
    jam.evaluate(T0 + 6 * Q)
    (closed,) = jam.alerts()
    assert (closed.state, closed.changed_by, closed.value) == ("closed", "system", 1.7)
    assert "已恢复" in closed.title_zh
    assert [row.state for row in history(jam.lake, closed.alert_id)][-1] == "closed"


def test_a_second_episode_is_a_second_alert(jam: Scene) -> None:
    for step, value in enumerate((2.3, 2.3, 1.5, 2.4, 2.4), start=1):
        jam.put(ECHENG, T0 + step * Q, value)
        jam.evaluate(T0 + step * Q)
    assert [alert.state for alert in jam.alerts()] == ["closed", "open"]


def test_evaluating_twice_with_nothing_new_writes_nothing(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    assert jam.evaluate(T0 + 2 * Q + timedelta(minutes=1)) == 0
    assert jam.written == [1, 0]


@pytest.mark.parametrize(("reported", "opens"), [(7, False), (8, True)])
def test_none_rises_from_a_reading_below_75_percent_complete(jam: Scene, reported: int, opens: bool) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3, reported=reported, expected=10, status="partial")
    jam.evaluate(T0 + 2 * Q)
    assert bool(jam.alerts()) is opens


def test_exactly_75_percent_is_enough(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3, reported=9, expected=12, status="partial")
    jam.evaluate(T0 + 2 * Q)
    assert len(jam.alerts()) == 1


def test_none_rises_from_a_late_source(jam: Scene) -> None:
    source = jam.pack.sources["road_speeds"]
    due = timedelta(seconds=source.cadence_s + source.grace_s)
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.source("road_speeds", T0)
    jam.evaluate(T0 + 2 * Q + due + timedelta(seconds=1))
    assert jam.alerts() == []


def test_a_late_source_does_not_close_what_is_open(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    jam.put(ECHENG, T0 + 3 * Q, 1.2)
    jam.source("road_speeds", T0 - timedelta(days=1))
    jam.evaluate(T0 + 3 * Q)
    assert [alert.state for alert in jam.alerts()] == ["open"]


def test_none_rises_from_readings_that_are_over_long_ago(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.source("road_speeds", T0 + timedelta(hours=8))
    jam.evaluate(T0 + timedelta(hours=8))
    assert jam.alerts() == []


def test_missing_value_breaks_the_hold_and_is_never_a_zero(jam: Scene) -> None:
    for step, value in enumerate((2.3, None, 2.3), start=1):
        jam.put(ECHENG, T0 + step * Q, value, status="ok" if value else "missing")
    jam.evaluate(T0 + 3 * Q)
    assert jam.alerts() == []


def test_simulated_readings_make_simulated_alerts(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3, simulated=10)
        jam.put("420703", T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    assert {alert.area_id: alert.is_simulated for alert in jam.alerts()} == {ECHENG: True, "420703": False}


def test_a_person_takes_in_hand_and_the_system_keeps_that_while_it_updates(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    (alert,) = jam.alerts()
    with jam.lake.transaction("test"):
        set_state(jam.lake, alert.alert_id, "in_hand", "王敏", "已派警力", commit_seq=50, now=T0 + 2 * Q)
    jam.seq = 50
    jam.put(ECHENG, T0 + 3 * Q, 2.6)
    jam.evaluate(T0 + 3 * Q)
    (alert,) = jam.alerts()
    assert (alert.state, alert.changed_by, alert.value, alert.note) == ("in_hand", "王敏", 2.6, "已派警力")
    assert [row.state for row in history(jam.lake, alert.alert_id)] == ["open", "in_hand", "in_hand"]


def test_closed_by_a_person_stays_closed_until_the_condition_has_been_gone(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    (alert,) = jam.alerts()
    with jam.lake.transaction("test"):
        set_state(jam.lake, alert.alert_id, "closed", "王敏", "误报", commit_seq=50, now=T0 + 2 * Q)
    jam.seq = 50
    for step in (3, 4):
        jam.put(ECHENG, T0 + step * Q, 2.4)
        jam.evaluate(T0 + step * Q)
    assert [row.state for row in jam.alerts()] == ["closed"]
    for step, value in ((5, 1.2), (6, 2.4), (7, 2.4)):
        jam.put(ECHENG, T0 + step * Q, value)
        jam.evaluate(T0 + step * Q)
    assert [row.state for row in jam.alerts()] == ["closed", "open"]


def test_wrong_changes_by_a_person_are_refused_with_the_reason(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    (alert,) = jam.alerts()
    with jam.lake.transaction("test"):
        set_state(jam.lake, alert.alert_id, "closed", "王敏", commit_seq=50, now=NOW)
    for state, by, match in (("in_hand", "王敏", "was closed"), ("gone", "王敏", "none of open"), ("closed", " ", "by:")):
        with pytest.raises(UsageError, match=match):
            set_state(jam.lake, alert.alert_id, state, by, commit_seq=51, now=NOW)  # type: ignore[arg-type]
    with pytest.raises(UnknownId, match="did you mean"):
        set_state(jam.lake, alert.alert_id + "x", "closed", "王敏", commit_seq=51, now=NOW)


def test_a_late_source_opens_and_its_arrival_closes_a_freshness_alert(late: Scene) -> None:
    source = late.pack.sources["air_quality"]
    due = timedelta(hours=1, seconds=source.cadence_s + source.grace_s)  # values carry the start of their hour
    late.source("air_quality", NOW)
    late.evaluate(NOW + due + timedelta(minutes=59))
    assert late.alerts() == []
    late.evaluate(NOW + due + timedelta(minutes=61))
    (alert,) = late.alerts()
    assert (alert.state, alert.area_id, alert.metric) == ("open", "420700", None)
    assert alert.is_simulated is (source.state == "simulated")
    assert "数据已迟 61 分钟" in alert.title_zh and "61 min late" in alert.title_en
    late.source("air_quality", NOW + due + timedelta(minutes=61))
    late.evaluate(NOW + due + timedelta(minutes=62))
    (alert,) = late.alerts()
    assert alert.state == "closed"


def test_a_source_that_is_catching_up_is_not_called_late_but_one_that_always_sends_old_data_is(late: Scene) -> None:
    late.source("air_quality", NOW - timedelta(days=40))
    late.deliveries([(NOW - timedelta(minutes=1), NOW - timedelta(days=40))])
    late.evaluate(NOW)
    assert late.alerts() == []  # a store being built
    hours = [(NOW - timedelta(hours=h, minutes=1), NOW - timedelta(hours=h + 9)) for h in range(6)]
    late.source("air_quality", NOW - timedelta(hours=9))
    late.deliveries(hours)
    late.evaluate(NOW)
    assert [alert.state for alert in late.alerts()] == ["open"]


def test_a_backlog_that_stops_half_way_is_late(late: Scene) -> None:
    late.source("air_quality", NOW - timedelta(days=40))
    late.deliveries([(NOW - timedelta(minutes=11), NOW - timedelta(days=40))])
    late.evaluate(NOW)
    assert [alert.state for alert in late.alerts()] == ["open"]


def test_a_source_that_never_delivered_is_not_called_late(late: Scene) -> None:
    late.evaluate(NOW)
    assert late.alerts() == []


def test_an_alert_whose_rule_is_withdrawn_is_closed_with_the_reason(jam: Scene) -> None:
    for step in (1, 2):
        jam.put(ECHENG, T0 + step * Q, 2.3)
    jam.evaluate(T0 + 2 * Q)
    (jam.pack.folder / "alerts.toml").write_text("", encoding="utf-8")
    jam.evaluate(T0 + 2 * Q)
    (alert,) = jam.alerts()
    assert alert.state == "closed" and "no longer watches" in alert.note


def usual_rule() -> str:
    return TTI_RULE.replace("value = 2.0 }", 'value = 1.4, band = "high" }').replace("value = 1.8", "value = 1.3")


def past_hours(area: str, value: float, days: int, weekend: float) -> list[tuple[str, datetime, float | None]]:
    """The hour 08:00 to 09:00 (local) of the days before, with another value at the weekend."""
    ends = [datetime(2026, 6, 9, 1) - timedelta(days=n) for n in range(1, days + 1)]
    return [(area, end, weekend if end.weekday() >= 5 else value) for end in ends]


def test_versus_usual_fires_above_the_same_hour_of_past_weekdays_only(alert_lake: Lake, tmp_path: Path) -> None:
    scene = make_scene(alert_lake, tmp_path, usual_rule())
    scene.put_all(past_hours(ECHENG, 1.5, 28, 3.0) + past_hours("420703", 1.9, 28, 3.0), grain="hour")
    scene.put_all([(area, T0 + step * Q, 1.8) for area in (ECHENG, "420703") for step in (1, 2)])
    scene.source("road_speeds", T0 + 2 * Q)
    scene.evaluate(T0 + 2 * Q)
    assert [alert.area_id for alert in scene.alerts()] == [ECHENG]
    assert "平时同期" in scene.alerts()[0].title_zh


def test_versus_usual_says_nothing_where_the_past_is_too_short(alert_lake: Lake, tmp_path: Path) -> None:
    scene = make_scene(alert_lake, tmp_path, usual_rule())
    scene.put_all(past_hours(ECHENG, 1.5, 7, 3.0), grain="hour")
    scene.put_all([(ECHENG, T0 + step * Q, 9.0) for step in (1, 2)])
    scene.source("road_speeds", T0 + 2 * Q)
    scene.evaluate(T0 + 2 * Q)
    assert scene.alerts() == []


def test_clearing_may_need_several_periods_too(alert_lake: Lake, tmp_path: Path) -> None:
    scene = make_scene(alert_lake, tmp_path, TTI_RULE.replace("hold_periods = 2", "hold_periods = 2\nclear_periods = 2"))
    scene.source("road_speeds", T0 + timedelta(hours=12))
    states = []
    for step, value in enumerate((2.3, 2.3, 1.5, 2.3, 1.5, 1.5), start=1):
        scene.put(ECHENG, T0 + step * Q, value)
        scene.evaluate(T0 + step * Q)
        states += [alert.state for alert in scene.alerts()]
    assert states == ["open", "open", "open", "open", "closed"]
