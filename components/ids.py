"""Ids of live regions, and the mark that makes a figure open its provenance."""

from __future__ import annotations

import re
from datetime import datetime

from data_pipeline.queries.types import Reading
from data_pipeline.times import Grain

LIVE = "v-"


def live_id(*parts: str) -> str:
    """Stable id of a region whose content follows the data: `v-kpi-traffic-tti`.

    A page's tree is sent once; afterwards only regions with such ids are sent and replaced.
    """
    return LIVE + "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", part) for part in parts if part)


def figure_key(reading: Reading) -> str:
    """`metric|area|grain|period` (UTC, ISO) of the figure a click explains."""
    return f"{reading.metric}|{reading.area}|{reading.grain}|{reading.period_start_utc.isoformat()}"


def parse_figure_key(key: str) -> tuple[str, str, Grain, datetime]:
    """The parts of a `figure_key`; `ValueError` where it is none."""
    metric, area, grain, start = key.split("|")
    return metric, area, grain, datetime.fromisoformat(start)  # type: ignore[return-value]
