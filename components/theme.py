"""The look in one file: every colour, size and class ramp. `assets/tokens.css` mirrors it (a test compares).

Two themes, one system: *light* is an atlas sheet (warm paper, ink), *dark* the same sheet at
night for the wall. Colour means one thing each: ramps carry a figure, `water`/`land` the
place, `accent` what can be pressed, `warn` and `alert` exceptions and nothing else.
There is no green for "good": a calm figure is plain ink.
"""

from __future__ import annotations

from typing import Literal

Theme = Literal["dark", "light"]
THEMES: tuple[Theme, ...] = ("dark", "light")
DEFAULT_THEME: Theme = "dark"

FONT_FAMILY = '"Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "City Brain Sans", sans-serif'
MAP_FONT_FAMILY = "sans-serif"
TRANSPARENT = "rgba(0,0,0,0)"

COLORS: dict[Theme, dict[str, str]] = {
    "dark": {
        "bg": "#10161a",
        "surface": "#151d22",
        "raised": "#1c262c",
        "line": "#2b3840",
        "line-strong": "#4b5c66",
        "ink": "#edf1f2",
        "ink-2": "#b7c3c9",
        "ink-3": "#93a2aa",
        "accent": "#8fc3e6",
        "accent-bg": "#20384a",
        "warn": "#e8b45c",
        "warn-bg": "#38301d",
        "alert": "#ff9680",
        "alert-bg": "#43241f",
        "series": "#9fcdc3",
        "series-2": "#c3b1e1",
        "series-3": "#d9bd93",
        "series-4": "#b3c36b",
        "series-5": "#e3a6c4",
        "series-6": "#7fa9dc",
        "band": "#2a3b42",
        "map-bg": "#12191d",
        "land": "#232c31",
        "neighbor": "#182024",
        "neighbor-line": "#2a343a",
        "water": "#1f3a4d",
        "shore": "#5689a8",
        "shore-ink": "#a9cbe0",
        "rail": "#8b979d",
        "boundary": "#c9d3d6",
        "ribbon": "#43585a",
        "graticule": "#2c3940",
        "map-ink": "#f4f7f7",
        "no-data": "#2d343a",
        "ramp-1": "#20413e",
        "ramp-2": "#245049",
        "ramp-3": "#295f56",
        "ramp-4": "#2e6e63",
        "ramp-5": "#347d70",
        "class-warn": "#7d5a14",
        "class-alert": "#a33a2a",
        "aqi-1": "#2b6b3c",
        "aqi-2": "#6f6210",
        "aqi-3": "#8a4f12",
        "aqi-4": "#a03329",
        "aqi-5": "#7d3b7c",
        "aqi-6": "#6e2036",
        "heat-1": "#3a4f86",
        "heat-2": "#2f7f9c",
        "heat-3": "#45b08f",
        "heat-4": "#a8d35f",
        "heat-5": "#f7e463",
        "road-1": "#4fb8a0",
        "road-2": "#a5d06a",
        "road-3": "#f0cf58",
        "road-4": "#f2953f",
        "road-5": "#ff6b5e",
    },
    "light": {
        "bg": "#f3f1ea",
        "surface": "#fbfaf6",
        "raised": "#ffffff",
        "line": "#dcd8cc",
        "line-strong": "#a8a394",
        "ink": "#1b2327",
        "ink-2": "#434e54",
        "ink-3": "#596469",
        "accent": "#14557f",
        "accent-bg": "#dfeaf1",
        "warn": "#7a4a00",
        "warn-bg": "#f6e6c4",
        "alert": "#a3261a",
        "alert-bg": "#f7dcd6",
        "series": "#1f6a5e",
        "series-2": "#5d4591",
        "series-3": "#8a5a14",
        "series-4": "#5c6b12",
        "series-5": "#9c3a72",
        "series-6": "#2f5f9e",
        "band": "#dfe4dd",
        "map-bg": "#eeebe2",
        "land": "#faf8f2",
        "neighbor": "#e5e1d6",
        "neighbor-line": "#cdc8ba",
        "water": "#c5dbe8",
        "shore": "#6b9cba",
        "shore-ink": "#14496b",
        "rail": "#6f767a",
        "boundary": "#4b4a42",
        "ribbon": "#a9bfae",
        "graticule": "#d6d1c3",
        "map-ink": "#12191c",
        "no-data": "#d9d7d0",
        "ramp-1": "#e3efe9",
        "ramp-2": "#c8e0d6",
        "ramp-3": "#abd0c3",
        "ramp-4": "#8dbfaf",
        "ramp-5": "#70ae9c",
        "class-warn": "#eebf62",
        "class-alert": "#f09a82",
        "aqi-1": "#b9deb7",
        "aqi-2": "#f4e79c",
        "aqi-3": "#f3c08a",
        "aqi-4": "#ee9d90",
        "aqi-5": "#d3a5d1",
        "aqi-6": "#c98f9d",
        "heat-1": "#dfe8a6",
        "heat-2": "#9ccf8d",
        "heat-3": "#48a990",
        "heat-4": "#2a7594",
        "heat-5": "#2d4480",
        "road-1": "#0f7a66",
        "road-2": "#4f7d1a",
        "road-3": "#9a6a00",
        "road-4": "#c24e0a",
        "road-5": "#a3161f",
    },
}

# several areas in one chart, in this order; a dash goes with each so that the lines differ without colour
SERIES: tuple[tuple[str, str], ...] = (("series", "solid"), ("series-2", "dot"), ("series-3", "dash"), ("series-4", "dashdot"),
                                       ("series-5", "longdash"), ("series-6", "longdashdot"))  # fmt: skip

# the five states of a road section, best first; width and dash go with the colour
ROADS: tuple[str, ...] = ("road-1", "road-2", "road-3", "road-4", "road-5")

# cells of a heat map, low to high: lightness alone tells them apart
HEAT: tuple[str, ...] = ("heat-1", "heat-2", "heat-3", "heat-4", "heat-5")

RAMP: tuple[str, ...] = ("ramp-1", "ramp-2", "ramp-3", "ramp-4", "ramp-5")

# A threshold's `level` → the token that fills its class; levels not named here take the ramp by rank.
# aqi_1 to aqi_6 keep the hues HJ 633 prescribes, toned down so that labels stay readable on them.
LEVELS: dict[str, str] = {
    "good": "ramp-2",
    "watch": "ramp-4",
    "bad": "class-warn",
    "signal": "class-alert",
    **{f"aqi_{i}": f"aqi-{i}" for i in range(1, 7)},
}

SIZES: dict[str, str] = {
    # never below 12 px, whatever the root size
    "text-xs": "max(12px, 0.75rem)",
    "text-s": "max(12px, 0.8125rem)",
    "text-m": "max(13px, 0.9375rem)",
    "text-l": "max(15px, 1.125rem)",
    "text-xl": "max(18px, 1.375rem)",
    "figure-m": "max(18px, 1.375rem)",
    "figure-l": "max(24px, 2rem)",
    "gap-1": "0.25rem",
    "gap-2": "0.5rem",
    "gap-3": "0.75rem",
    "gap-4": "1rem",
    "gap-5": "1.5rem",
}

# Text and mark pairs that must keep WCAG 2.2 AA: (foreground, background, least ratio).
CONTRAST_PAIRS: tuple[tuple[str, str, float], ...] = (
    *((ink, ground, 4.5) for ink in ("ink", "ink-2", "ink-3", "accent", "warn", "alert")
      for ground in ("bg", "surface", "raised")),
    ("accent", "accent-bg", 4.5),
    ("ink", "accent-bg", 4.5),
    ("warn", "warn-bg", 4.5),
    ("alert", "alert-bg", 4.5),
    *(("map-ink", ground, 4.5) for ground in (*RAMP, *LEVELS.values(), "no-data", "land", "water")),
    ("shore-ink", "water", 4.5),
    ("ink-3", "neighbor", 4.5),
    ("series", "surface", 3.0),
    ("series", "bg", 3.0),
    ("series", "band", 3.0),
    *((f"series-{i}", ground, 3.0) for i in range(2, 7) for ground in ("bg", "surface")),
    *((f"road-{i}", ground, 3.0) for i in range(1, 6) for ground in ("land", "bg", "surface")),
    ("boundary", "ramp-5", 3.0),
    ("boundary", "land", 3.0),
)  # fmt: skip


def color(token: str, theme: Theme) -> str:
    """Hex colour of a token in a theme; `KeyError` names a token that does not exist."""
    return COLORS[theme][token]


def ramp(n: int, theme: Theme, tokens: tuple[str, ...] = RAMP) -> list[str]:
    """`n` (1–5) colours of a sequential ramp, low to high, spread over its whole length."""
    if not 1 <= n <= len(tokens):
        raise ValueError(f"ramp has 1 to {len(tokens)} classes, got {n}")
    steps = [round(i * (len(tokens) - 1) / (n - 1)) for i in range(n)] if n > 1 else [len(tokens) // 2]
    return [COLORS[theme][tokens[step]] for step in steps]


def level_color(level: str, rank: int, of: int, theme: Theme) -> str:
    """Fill of a threshold class: by its level where the level is known, else by rank in the ramp."""
    if level in LEVELS:
        return COLORS[theme][LEVELS[level]]
    return COLORS[theme][RAMP[round(rank * (len(RAMP) - 1) / max(of - 1, 1))]]


def luminance(hex_color: str) -> float:
    """Relative luminance 0–1 of `#rrggbb` (WCAG 2.2)."""
    channels = [int(hex_color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio 1–21 of two `#rrggbb` colours (WCAG 2.2, formula of "contrast ratio")."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def tokens_css() -> str:
    """Text of `assets/tokens.css`: the tokens as custom properties, dark as the default theme."""
    blocks = [_block(':root, [data-theme="dark"]', {**COLORS["dark"]}), _block('[data-theme="light"]', COLORS["light"])]
    sizes = {**SIZES, "font": FONT_FAMILY}
    head = "/* Written from components/theme.py by `python -m components.theme`; do not edit here. */\n"
    # paper is light, whatever the screen is
    paper = "\n@media print {\n" + _block(':root, [data-theme="dark"], [data-theme="light"]', COLORS["light"]) + "}\n"
    return head + _block(":root", sizes, prefix="--") + "\n".join(["", *blocks]) + paper


def _block(selector: str, values: dict[str, str], prefix: str = "--") -> str:
    scheme = ""
    if "data-theme" in selector:
        scheme = f"  color-scheme: {'light' if 'light' in selector else 'dark'};\n"
    return f"{selector} {{\n{scheme}" + "".join(f"  {prefix}{name}: {value};\n" for name, value in values.items()) + "}\n"


if __name__ == "__main__":
    from pathlib import Path

    (Path(__file__).parent.parent / "assets" / "tokens.css").write_text(tokens_css(), encoding="utf-8")
