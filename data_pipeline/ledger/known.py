"""What was known of a city's promises by the end of a day: reports, live readings, how fresh the feeds are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from data_pipeline.ledger.reported import Reports
from data_pipeline.ledger.types import PathPoint

if TYPE_CHECKING:
    from data_pipeline.cities import Pack


def ledger_areas(pack: Pack) -> list[str]:
    """Ids of the areas whose readings a ledger or briefing rests on: the city and its districts. A command need read no others."""
    return [area.id for area in (pack.city_area, *pack.children(pack.city_area.id))]


@dataclass(frozen=True)
class LivePath:
    """Values of a live metric in the target's unit: one point a month, the newest on its own day."""

    metric: str
    points: tuple[PathPoint, ...]


@dataclass(frozen=True)
class MetricState:
    """How fresh a metric's newest reading of the city is; `works`: a reading is there and not late."""

    works: bool
    data_as_of_utc: datetime | None
    is_simulated: bool


@dataclass(frozen=True)
class Known:
    """What was known by the end of the day `on`.

    `live`: (target id, area id) → path of its metric. `metrics`: metric id → freshness (for systems).
    `districts`: ids of the city's districts, for promises made to every district.
    """

    on: date
    known_at_utc: datetime
    snapshot: int | None
    reports: Reports
    live: Mapping[tuple[str, str], LivePath] = field(default_factory=dict)
    metrics: Mapping[str, MetricState] = field(default_factory=dict)
    districts: tuple[str, ...] = ()
