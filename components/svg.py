"""SVG as a Dash component: paths are computed here, `assets/svg.js` only hands them to React.

Colours come by class from the theme, so a theme switch redraws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.element import Element

Part = tuple[str, dict[str, Any]]


class Svg(Element):
    """An `<svg>` of plain parts.

    Parameters
    ----------
    parts : list of [tag, attributes]
        Drawn in order; attributes in React spelling (`className`, `strokeWidth`); a `text` key
        becomes the element's text.
    viewBox, className, label : str
        `label` is read by screen readers; without it the drawing is decoration.
    stretch : bool
        Fill the box in both directions (strokes keep their width by `vectorEffect`).
    """

    _children_props: list[str] = []
    _namespace = "city_brain"
    _type = "Svg"

    def __init__(
        self,
        parts: Sequence[Part] | None = None,
        viewBox: str | None = None,  # noqa: N803  the attribute's own spelling
        id: str | None = None,
        className: str | None = None,
        label: str | None = None,
        stretch: bool | None = None,
    ) -> None:
        self._hold(
            id=id, parts=[list(p) for p in parts or ()], viewBox=viewBox, className=className,
            label=label, stretch=stretch,
        )  # fmt: skip


def runs(values: Sequence[float | None]) -> list[list[int]]:
    """Indices of each unbroken run of values; a gap ends a run, so no line crosses missing data."""
    found: list[list[int]] = []
    for i, value in enumerate(values):
        if value is None:
            continue
        if i and found and values[i - 1] is not None:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def line_path(xs: Sequence[float], ys: Sequence[float | None]) -> str:
    """SVG path through the points; gaps (None) break it, a lone point becomes a dot (round cap)."""
    pieces = []
    for run in runs(ys):
        head, *rest = [f"{xs[i]:.1f} {ys[i]:.1f}" for i in run]
        pieces.append(f"M{head}" + ("".join(f"L{point}" for point in rest) or "h0"))
    return "".join(pieces)


def scale(value: float, low: float, high: float, out_low: float, out_high: float) -> float:
    """`value` carried from [low, high] to [out_low, out_high]; the middle where low equals high."""
    if high == low:
        return (out_low + out_high) / 2
    return out_low + (value - low) / (high - low) * (out_high - out_low)
