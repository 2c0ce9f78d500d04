"""How large the least character on a wall is: by how far away its readers stand.

30 minutes of arc for 汉字 (decision 0010): height = 2 · distance · tan(15′). A character of the
screen's face is `FACE_SHARE` of its font size high, and a wall whose pitch nobody gave is taken to be
5.6 m high. The result is the root size of a scene's document; everything on it is measured in `rem`,
so nothing on a wall can be smaller, and what does not fit is left out instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ARC_MINUTES = 30.0
# mean height of a common 汉字 in Noto Sans CJK SC, of its em (measured on 18 characters of the screen's words)
FACE_SHARE = 0.9
WALL_HEIGHT_MM = 5600.0
LEAST_PX = 12


@dataclass(frozen=True)
class Viewing:
    """Distance of the eyes in metres, and pitch in mm from pixel to pixel (None: by the screen's height)."""

    distance_m: float
    pitch_mm: float | None = None


def character_mm(distance_m: float, arc_minutes: float = ARC_MINUTES) -> float:
    """Height in mm of a character that is seen under `arc_minutes` from `distance_m`."""
    return 2000 * distance_m * math.tan(math.radians(arc_minutes / 60 / 2))


def root_px(viewing: Viewing, height_px: int) -> float:
    """Root font size in device pixels on a screen of `height_px`."""
    pitch_mm = viewing.pitch_mm or WALL_HEIGHT_MM / height_px
    return max(character_mm(viewing.distance_m) / FACE_SHARE / pitch_mm, LEAST_PX)


def root_css(viewing: Viewing) -> str:
    """The same as a CSS length; `--dpr` is the device pixels of a CSS pixel (`assets/wall.js` sets it)."""
    size_mm = character_mm(viewing.distance_m) / FACE_SHARE
    if viewing.pitch_mm is None:
        return f"max({LEAST_PX}px, {size_mm / WALL_HEIGHT_MM * 100:.4f}vh)"
    return f"max({LEAST_PX}px, {size_mm / viewing.pitch_mm:.3f}px / var(--dpr, 1))"


def viewing_of(distance_m: str | None, pitch_mm: str | None, declared: Viewing) -> Viewing:
    """What an address asks for, where it asks for something possible, else what the pack declares."""
    return Viewing(_within(distance_m, 200) or declared.distance_m, _within(pitch_mm, 50) or declared.pitch_mm)


def _within(text: str | None, most: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value <= most else None
