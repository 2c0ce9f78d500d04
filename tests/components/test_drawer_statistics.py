"""How a flagged figure says what it was judged by."""

from __future__ import annotations

from typing import Any

import pytest

from components.drawer_statistics import unusual_words
from data_pipeline.metrics import metrics
from data_pipeline.queries.judged import Anomaly

SHARE = metrics()["services.on_time_share"]


@pytest.mark.parametrize(
    ("z", "zh", "en"),
    [
        (-8.24, "常值 93.0%，偏离 8.2 个稳健标准差（同类时段 12 个）", "usually 93.0%; 8.2 robust standard deviations away (12 like periods)"),
        # like periods that are all but equal: their spread measures nothing
        (-20_000.0, "常值 93.0%，同类时段 12 个几乎不变", "usually 93.0%, hardly ever otherwise in 12 like periods"),
    ],
)
def test_a_flagged_figure_says_how_far_it_is_from_the_usual_or_that_the_usual_hardly_varies(z: float, zh: str, en: str) -> None:
    reading: Any = None  # the words are those of the comparison alone
    found = Anomaly(reading, 0.93, 0.01, z, 1e-9, 12, "robust-z-bh/1")
    assert (unusual_words(found, SHARE, "zh"), unusual_words(found, SHARE, "en")) == (zh, en)
