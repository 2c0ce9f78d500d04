"""Where an area stands: beside the city, and among the areas of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components import formats
from components.i18n import Lang, t
from components.ids import live_id
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Reading


def rank_of(readings: Sequence[Reading], area: str) -> tuple[int, int] | None:
    """Place of `area` among the readings with a value, the highest first, and how many there are.

    Areas with the same value share a place. None where the area has no value or stands alone.
    """
    known = {r.area: r.value for r in readings if r.value is not None}
    own = known.get(area)
    if own is None or len(known) < 2:
        return None
    return 1 + sum(value > own for value in known.values()), len(known)


def comparison(
    city: Reading | None, siblings: Sequence[Reading], area: str, metric: Metric, lang: Lang, *, region: str, against: str = ""
) -> html.Div:
    """The line under a headline figure: the city's value, and the rank among siblings.

    Parameters
    ----------
    city : the same figure and period for the city, None where the area is not below it
    siblings : the same figure and period for the area and those beside it; empty where nothing is ranked
    against : word for the city ("全市")
    """
    parts: list[Any] = []
    if city is not None:
        value = formats.figure(city.value, metric.unit, metric.decimals, lang)
        parts.append(html.Span([html.Span(against or t("level.city", lang), className="change-name"), value.text]))
    place = rank_of(siblings, area)
    if place is not None:
        parts.append(html.Span(t("area.rank", lang, place=place[0], of=place[1]), title=t("area.rank_long", lang)))
    return html.Div(parts, id=live_id(region, metric.id), className="kpi-compare")
