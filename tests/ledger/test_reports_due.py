"""What is due: projects and systems by the quarter, until they are completed; who is behind is asked for the newest figure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from data_pipeline.ledger.due import _quarter
from data_pipeline.ledger.types import ReportEntry


def entry(on: date, **more: Any) -> ReportEntry:
    plain: dict[str, Any] = dict.fromkeys(ReportEntry.__dataclass_fields__, "")
    plain |= {"data_on": on, "state": "accepted", "submitted_at_utc": datetime(2022, 1, 1), "evidence": (), "warnings": ()}
    return ReportEntry(**plain | more)


@pytest.mark.parametrize(("last", "on", "expected"), [
    (date(2022, 6, 30), date(2022, 9, 15), (date(2022, 9, 30), date(2022, 10, 10), 0)),
    (date(2022, 5, 31), date(2022, 7, 5), (date(2022, 6, 30), date(2022, 7, 10), 0)),
    (date(2022, 5, 31), date(2022, 7, 15), (date(2022, 6, 30), date(2022, 7, 10), 5)),
    (date(2021, 12, 31), date(2022, 9, 15), (date(2022, 6, 30), date(2022, 4, 10), 158)),  # asked for the newest quarter
    (date(2022, 12, 31), date(2023, 1, 3), (date(2023, 3, 31), date(2023, 4, 10), 0)),
])  # fmt: skip
def test_the_next_quarter_is_due_on_the_tenth_after_it(last: date, on: date, expected: tuple[date, date, int]) -> None:
    assert _quarter("under_construction", entry(last), "2020-10-16", on) == expected


def test_never_reported_counts_from_the_quarter_of_the_plans_issue() -> None:
    assert _quarter("", None, "2020-10-16", date(2021, 1, 20)) == (date(2020, 12, 31), date(2021, 1, 10), 10)
    assert _quarter("", None, "", date(2021, 1, 20)) == (None, None, 0)


@pytest.mark.parametrize("stage", ["done", "in_service", "stopped"])
def test_nothing_is_due_once_it_is_completed_or_given_up(stage: str) -> None:
    assert _quarter(stage, entry(date(2022, 6, 30)), "2020-10-16", date(2023, 1, 1)) == (None, None, 0)
