"""A history that came in one go is followed by the rules as if they had been watched, and ends where the present begins."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from data_pipeline.alerts import history
from data_pipeline.alerts.replay import replay
from data_pipeline.alerts.rules import load_rules
from data_pipeline.alerts.usual import bands_among, usual_bands
from data_pipeline.store.lake import Lake
from tests.alerts.scene import TTI_RULE, Q, Scene, make_scene

ECHENG = "420704"
T0 = datetime(2026, 6, 9, 0, 0)
# opens with the second period above 2.0, stays while it wavers, closes below 1.8, opens again
COURSE = (1.2, 2.3, 2.3, 1.9, 2.1, 1.9, 1.7, 1.2, 2.5, 1.0, 2.4, 2.4, 2.4)


def followed(scene: Scene, until: datetime) -> int:
    with scene.lake.transaction("replay"):
        return replay(scene.lake, scene.pack, T0 - timedelta(days=60), until, commit_seq=0)


def told(scene: Scene) -> list[tuple]:
    return [(a.opened_at_utc, a.state, a.changed_at_utc, a.value) for a in scene.alerts()]


def test_replay_opens_and_closes_when_step_by_step_evaluation_does(jam: Scene) -> None:
    for step, value in enumerate(COURSE, start=1):
        jam.put(ECHENG, T0 + step * Q, value)
        jam.evaluate(T0 + step * Q)
    watched = [(a.opened_at_utc, a.state, a.changed_at_utc if a.state == "closed" else None) for a in jam.alerts()]
    jam.lake.execute("DELETE FROM alerts")
    assert followed(jam, T0 + len(COURSE) * Q) == 3
    again = [(a.opened_at_utc, a.state, a.changed_at_utc if a.state == "closed" else None) for a in jam.alerts()]
    assert again == watched == [(T0 + 3 * Q, "closed", T0 + 7 * Q), (T0 + 12 * Q, "open", None)]


def test_a_replayed_alert_is_marked_as_its_data_are_and_tells_its_steps(jam: Scene) -> None:
    jam.put_all([(ECHENG, T0 + n * Q, v) for n, v in enumerate((2.3, 2.3, 1.2), start=1)], simulated=10)
    followed(jam, T0 + 3 * Q)
    (alert,) = jam.alerts()
    steps = history(jam.lake, alert.alert_id)
    assert [(s.state, s.changed_by) for s in steps] == [("open", "system"), ("closed", "system")] and alert.is_simulated
    assert steps[0].title_zh.endswith("已持续 10 分钟") and "已恢复" in steps[1].title_zh


def test_gaps_and_incomplete_periods_open_nothing_and_a_watched_city_is_left_alone(jam: Scene) -> None:
    jam.put_all([(ECHENG, T0 + Q, 2.3), (ECHENG, T0 + 3 * Q, 2.3)])
    jam.put_all([(ECHENG, T0 + 4 * Q, 2.3)], reported=7, expected=10)
    assert followed(jam, T0 + 4 * Q) == 0
    jam.put_all([(ECHENG, T0 + n * Q, 2.3) for n in (10, 11)])
    assert followed(jam, T0 + 11 * Q) == 1
    assert followed(jam, T0 + 11 * Q) == 0


def test_what_is_still_open_goes_on_as_the_same_alert(jam: Scene) -> None:
    jam.put_all([(ECHENG, T0 + n * Q, 2.3) for n in (1, 2)])
    followed(jam, T0 + 2 * Q)
    jam.put(ECHENG, T0 + 3 * Q, 1.2)
    jam.evaluate(T0 + 3 * Q)
    assert told(jam) == [(T0 + 2 * Q, "closed", T0 + 3 * Q, 1.2)]


def test_usual_ranges_from_memory_are_those_from_the_store(alert_lake: Lake, tmp_path: Path) -> None:
    text = TTI_RULE.replace('grain = "5min"', 'grain = "hour"').replace("value = 2.0 }", 'value = 1.0, band = "high" }')
    scene = make_scene(alert_lake, tmp_path, text)
    hours = [T0 - timedelta(days=n) for n in range(1, 57)]
    scene.put_all([(ECHENG, h + timedelta(hours=1), 1 + (n * 7 % 11) / 10) for n, h in enumerate(hours)], grain="hour")
    (rule,) = load_rules(scene.pack)
    values = {h: 1 + (n * 7 % 11) / 10 for n, h in enumerate(hours)}
    stored = usual_bands(scene.lake, scene.pack, rule, {ECHENG: [T0]})[ECHENG, T0]
    held = bands_among(values, scene.pack, rule, [T0])[T0]
    assert stored == held or all(abs(a - b) < 1e-9 for a, b in zip(stored, held, strict=True))
