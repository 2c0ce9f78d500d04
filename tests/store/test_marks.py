"""How far a city is built, from the messages of the commits."""

from __future__ import annotations

from datetime import datetime

from data_pipeline.store.marks import end_message, ended, step_message, under_way

UNTIL = datetime(2026, 11, 22, 8, 30)


def test_a_build_is_under_way_from_its_first_commit_to_the_mark_of_its_second_part() -> None:
    begun = under_way({}, [step_message("420700", "registers"), step_message("420700", "archive")])
    assert begun == {"420700": "first"}
    shown = under_way(begun, [end_message("first", "420700", UNTIL), "live until 2026-11-22T08:31:00", "alerts"])
    assert shown == {"420700": "further"}
    going_on = under_way(shown, [step_message("420700", "further"), step_message("511400", "registers")])
    assert going_on == {"420700": "further", "511400": "first"}
    assert under_way(going_on, [end_message("further", "420700", UNTIL)]) == {"511400": "first"}


def test_the_marks_say_where_the_history_ends_and_other_messages_say_nothing() -> None:
    messages = ["live until 2026-11-22T09:00:00", step_message("a", "readings"), end_message("first", "a", UNTIL), end_message("further", "b", UNTIL)]
    assert ended("first", messages) == {"a": UNTIL}
    assert ended("further", messages) == {"b": UNTIL}
    assert under_way({}, ["delivery 420700 charging_hourly a.csv", "rebuild 420700"]) == {}
