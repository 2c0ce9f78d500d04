"""Plan targets as printed; events in the order of their weight."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from test_drawing import TZ, texts
from test_formats import NOW

from components import ticker
from components.ledger import printed
from data_pipeline.cities import load_packs
from data_pipeline.plans import targets
from data_pipeline.queries.types import Event


@pytest.fixture(scope="module")
def ezhou() -> list:
    return targets(load_packs()["420700"].folder / "plan", "420700")


@pytest.mark.parametrize(
    ("comparator", "value", "high", "unit", "words"),
    [(">=", 2000, None, "个", "≥ 2,000 个"), (">", 90, None, "%", "＞ 90%"), ("=", 1.5, 2, "个", "1.5–2 个"),
     ("about", 590, None, "万方", "约 590 万方"), ("done", None, None, "", "完成项")],
)  # fmt: skip
def test_a_target_reads_as_printed(
    ezhou: list, comparator: str, value: float | None, high: float | None, unit: str, words: str
) -> None:
    target = replace(ezhou[0], comparator=comparator, value=value, value_high=high, unit_zh=unit)
    assert printed.target_value(target, "zh") == words


def test_several_leads_are_all_named_in_the_language_of_the_page() -> None:
    leads = ("市经信局", "市住建局")
    assert printed.lead_words(leads, "zh") == "牵头：市经信局、市住建局"
    assert printed.lead_words(leads, "en", {"市经信局": "Economy Bureau"}) == "Lead: Economy Bureau, 市住建局"
    assert printed.lead_words((), "zh") == "未列牵头单位"


def event(id: str, state: str, severity: str, hours: int, kind: str = "alert") -> Event:
    return Event(id, "420700", kind, None, id, id, severity, state, "市应急局", NOW - timedelta(hours=hours), None, "",
                 None, None, False)  # type: ignore[arg-type]  # fmt: skip


def test_open_stands_before_handled_before_closed_and_grave_before_light() -> None:
    events = [event("closed", "closed", "critical", 1), event("light", "open", "minor", 1),
              event("grave", "open", "critical", 5), event("handled", "in_hand", "critical", 1)]  # fmt: skip
    assert [e.id for e in ticker.sort_events(events)] == ["grave", "light", "handled", "closed"]


def test_only_grave_open_alerts_take_the_signal_colour() -> None:
    assert ticker.is_signal(event("a", "open", "critical", 1))
    assert not ticker.is_signal(event("b", "closed", "critical", 1))
    assert not ticker.is_signal(event("c", "open", "minor", 1))
    assert not ticker.is_signal(event("d", "open", "critical", 1, kind="event"))


def test_an_empty_ticker_says_so() -> None:
    assert texts(ticker.ticker([], {}, TZ, "zh", NOW, id="t")) == ["近期没有事件或告警"]
