"""The small path of a target as an SVG text for a briefing: the screen's own drawing with the colours of paper."""

from __future__ import annotations

import re

from components.ledger.paths import HEIGHT, WIDTH, TimeAxis, small_path
from components.theme import COLORS
from data_pipeline.ledger.types import LedgerTarget

# width of the drawing in its cell, in the drawing's own units: strokes keep their shape
SHOWN_WIDTH = 300
# class of a part → (colour token, stroke width, dashes); "fan" is filled
STYLES: dict[str, tuple[str, float, str]] = {
    "grid": ("line", 0.6, ""), "due": ("ink-3", 0.9, "2 2"), "on": ("accent", 0.9, ""), "goal": ("ink-3", 1.0, ""),
    "expected": ("ink-3", 0.8, "4 3"), "report": ("series", 2.0, ""), "live": ("series-2", 2.4, ""),
    "forecast": ("series", 1.6, "1 3"), "now": ("ink", 5.5, ""), "reached": ("series", 6.5, ""),
}  # fmt: skip
_STEP = re.compile(r"([MLHVhz])([^MLHVhz]*)")


def path_svg(row: LedgerTarget, axis: TimeAxis) -> str:
    """The drawing of `small_path` as SVG text; empty where nothing is known of the target."""
    if not row.path and row.last_report is None:
        return ""
    drawn = small_path(row, axis)
    parts = []
    for _, attributes in drawn.parts:  # type: ignore[attr-defined]
        name = attributes["className"]
        d = narrowed(attributes["d"], SHOWN_WIDTH / WIDTH)
        if name == "fan":
            parts.append(f'<path d="{d}" fill="{COLORS["light"]["band"]}"/>')
            continue
        token, width, dashes = STYLES[name]
        if name == "now" and row.status == "stalled":
            token = "alert"
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(f'<path d="{d}" fill="none" stroke="{COLORS["light"][token]}" stroke-width="{width}" '
                     f'stroke-linecap="round" stroke-linejoin="round"{dashed}/>')  # fmt: skip
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SHOWN_WIDTH} {HEIGHT}">' + "".join(parts) + "</svg>")  # fmt: skip


def narrowed(d: str, factor: float) -> str:
    """A path of absolute steps with every x multiplied by `factor`."""
    found = []
    for step, rest in _STEP.findall(d):
        numbers = [float(part) for part in rest.split()]
        if step in "ML":
            numbers = [round(n * factor, 1) if i % 2 == 0 else n for i, n in enumerate(numbers)]
        elif step == "H":
            numbers = [round(n * factor, 1) for n in numbers]
        found.append(step + " ".join(f"{n:g}" for n in numbers))
    # a lone point (h0) shows by its round cap only where it has a length
    return "".join(found).replace("h0", "h0.01")
