"""The strip: the recent course of a figure, and at its end where it stands in the usual range.

Behind the course lies the usual range of each of its periods; at the end stands the one of the
present hour and kind of day, with the present value in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from components import formats
from components.i18n import Lang, t
from components.svg import Part, Svg, line_path, runs, scale
from data_pipeline.queries.types import Band

WIDTH, HEIGHT = 100.0, 24.0
COURSE_END, RANGE_X = 86.0, 95.0


def strip(
    trend: Sequence[tuple[datetime, float | None]],
    value: float | None,
    band: Band | None,
    *,
    label: str = "",
    outside: bool = False,
    class_name: str = "strip",
    bands: Sequence[Band | None] = (),
) -> Svg:
    """Course as a line, usual range as a bar with its median, the present value as a dot.

    Parameters
    ----------
    trend : sequence of (period start, value or None)
        Oldest first, at even steps; gaps stay gaps.
    value : float or None
        The present value; None draws no dot.
    outside : bool
        The value lies outside the usual range on its bad side: the dot takes the signal colour.
    bands : sequence of Band or None
        Usual range of each point of `trend`; a gap where there is none.
    """
    values = [v for _, v in trend]
    known = [v for v in values if v is not None]
    known += [edge for one in (band, *bands) if one for edge in (one.low, one.high)]
    if value is not None:
        known.append(value)
    if not known:
        return Svg([], viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", className=class_name, stretch=True)
    low, high = min(known), max(known)

    def y(v: float) -> float:
        return scale(v, low, high, HEIGHT - 3, 3)

    parts: list[Part] = []
    if len(bands) == len(values) > 1:
        shape = ribbon([None if one is None else (y(one.low), y(one.high)) for one in bands], COURSE_END / (len(values) - 1))
        if shape:
            parts.append(("path", {"className": "band-area", "d": shape}))
    if band:
        top, bottom = y(band.high), y(band.low)
        thin = {"vectorEffect": "non-scaling-stroke"}
        parts.append(("line", {"className": "band", "x1": RANGE_X, "x2": RANGE_X, "y1": round(top - 0.6, 1),
                               "y2": round(bottom + 0.6, 1), **thin}))  # fmt: skip
        middle = round(y(band.mid), 1)
        parts.append(("line", {"className": "band-mid", "x1": RANGE_X - 3.6, "x2": RANGE_X + 3.6, "y1": middle,
                               "y2": middle, **thin}))  # fmt: skip
    if len(values) > 1:
        step = COURSE_END / (len(values) - 1)
        path = line_path([i * step for i in range(len(values))], [None if v is None else y(v) for v in values])
        if path:
            parts.append(("path", {"className": "course", "d": path, "vectorEffect": "non-scaling-stroke"}))
    if value is not None:
        # a line of no length with round caps stays a circle however the box is stretched
        at = round(y(value), 1)
        x = RANGE_X if band else COURSE_END
        parts.append(("line", {"className": "now is-outside" if outside else "now", "x1": x, "x2": x, "y1": at,
                               "y2": at, "vectorEffect": "non-scaling-stroke"}))  # fmt: skip
    return Svg(parts, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", className=class_name, label=label or None, stretch=True)


def ribbon(edges: Sequence[tuple[float, float] | None], step: float) -> str:
    """SVG path round the usual ranges (low, high as y) of neighbouring points; one shape for each unbroken run of two or more."""
    pieces = []
    for run in runs([None if edge is None else edge[0] for edge in edges]):
        sides = [(i * step, edges[i]) for i in run]
        lower = [f"{x:.1f} {edge[0]:.1f}" for x, edge in sides if edge]
        upper = [f"{x:.1f} {edge[1]:.1f}" for x, edge in reversed(sides) if edge]
        if len(run) > 1:
            pieces.append("M" + "L".join([*lower, *upper]) + "Z")
    return "".join(pieces)


def deviation(value: float | None, band: Band | None) -> int:
    """-1 below, 1 above, 0 within the usual range or unknown."""
    if value is None or band is None:
        return 0
    return 1 if value > band.high else -1 if value < band.low else 0


def is_bad(side: int, better: str) -> bool:
    """Whether a deviation lies on the bad side; where neither side is better, no deviation is bad."""
    return (side > 0 and better == "lower") or (side < 0 and better == "higher")


def band_words(value: float | None, band: Band | None, unit: str, decimals: int, lang: Lang) -> str:
    """"above usual range", "below usual range" or empty; for the foot of a card."""
    side = deviation(value, band)
    return t("band.above" if side > 0 else "band.below", lang) if side else ""


def band_label(band: Band | None, unit: str, decimals: int, lang: Lang) -> str:
    """"usual range 1.1 to 1.4", empty where there is none."""
    if band is None:
        return ""
    low, high = (formats.figure(v, unit, decimals, lang).text for v in (band.low, band.high))
    return t("band.label", lang, low=low, high=high)
