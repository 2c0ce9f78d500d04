"""An alert tells its whole life: open, in hand, closed, each with who and when; a new figure alone is no step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from query_town import Town

from data_pipeline.alerts.state import AlertRow, append
from data_pipeline.api.answers import shaped
from data_pipeline.api.models import EventOut

T0 = datetime(2026, 4, 3, 2)
OPENED = AlertRow(
    alert_id="toy/jam/east@20260403T020000Z", city="toy", rule_id="jam", area_id="east", metric="traffic.tti", state="open",
    severity="Moderate", department="", opened_at_utc=T0, changed_at_utc=T0, changed_by="system", value=2.3, note="",
    title_zh="拥堵", title_en="jam", is_simulated=False, commit_seq=1,
)  # fmt: skip


def live(town: Town) -> None:
    """Opened 10:00, dearer 10:20, in hand by 王芳 10:30, dearer 10:40, closed by the system 11:00 (local)."""

    def minute(n: int) -> datetime:
        return T0 + timedelta(minutes=n)

    taken = replace(OPENED, state="in_hand", changed_by="王芳", note="已派人", changed_at_utc=minute(30), commit_seq=3)
    rows = [
        OPENED, replace(OPENED, value=2.5, changed_at_utc=minute(20), commit_seq=2), taken,
        replace(taken, value=2.6, changed_at_utc=minute(40), commit_seq=4),
        replace(taken, state="closed", changed_by="system", note="", changed_at_utc=minute(60), commit_seq=5),
    ]  # fmt: skip
    for row in rows:
        town.commit(town.charge(datetime(2026, 4, 3, 10), {"a": float(row.commit_seq)}), lambda toy, row=row: append(toy.lake, [replace(row, commit_seq=toy.seq)]))


def test_every_step_has_its_state_moment_and_person_and_the_last_one_is_how_it_stands(town: Town) -> None:
    live(town)
    (event,) = town.queries.events("toy")
    assert [(s.state, s.at_utc, s.by, s.note) for s in event.trail] == [
        ("open", T0, "system", ""), ("in_hand", T0 + timedelta(minutes=30), "王芳", "已派人"),
        ("closed", T0 + timedelta(minutes=60), "system", ""),
    ]  # fmt: skip
    assert (event.state, event.changed_at_utc, event.closed_at_utc) == ("closed", T0 + timedelta(hours=1), T0 + timedelta(hours=1))


def test_the_api_gives_the_same_steps_on_the_citys_clock(town: Town) -> None:
    live(town)
    body = shaped(EventOut, town.queries.events("toy")[0], town.pack.tz)
    assert body["changed_at"] == "2026-04-03T11:00:00+08:00"
    assert [(s["state"], s["at"], s["by"]) for s in body["trail"]][1] == ("in_hand", "2026-04-03T10:30:00+08:00", "王芳")
