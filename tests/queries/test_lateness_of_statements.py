"""Statements of a day or a month are dated by its first moment: they are late only when the next one is."""

from __future__ import annotations

from datetime import datetime

import pytest

from data_pipeline.cities import SourceDecl
from data_pipeline.queries.lateness import late_s


def source(dataset: str, cadence: str, grace: str) -> SourceDecl:
    return SourceDecl(dataset=dataset, state="real", name_zh="x", name_en="x", cadence=cadence, grace=grace)


@pytest.mark.parametrize(
    ("dataset", "cadence", "grace", "event", "now", "late_h"),
    [
        # October's sections came on 8 November; November's are due by 21 December, grace included
        ("water_quality_months", "31d", "20d", datetime(2026, 9, 30, 16), datetime(2026, 11, 30), 0),
        ("water_quality_months", "31d", "20d", datetime(2026, 9, 30, 16), datetime(2026, 12, 22, 16), 24),
        # the 21st was told on the evening of the 21st (UTC); the 22nd ends on the 22nd at 16:00 and has 12 hours
        ("gas_days", "1d", "12h", datetime(2026, 11, 20, 16), datetime(2026, 11, 22, 13), 0),
        ("gas_days", "1d", "12h", datetime(2026, 11, 20, 16), datetime(2026, 11, 23, 6), 2),
        ("air_quality", "1h", "30min", datetime(2026, 11, 22, 8), datetime(2026, 11, 22, 11), 0.5),
    ],
)  # fmt: skip
def test_the_interval_is_over_before_the_next_is_due(dataset: str, cadence: str, grace: str, event: datetime, now: datetime, late_h: float) -> None:
    assert late_s(source(dataset, cadence, grace), event, None, now) == late_h * 3600
