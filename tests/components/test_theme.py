"""The look has one source, and can be read by everybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from components import theme
from components.theme import COLORS, CONTRAST_PAIRS, THEMES, contrast
from data_pipeline.cities.wall import SizeClass

ROOT = Path(__file__).resolve().parents[2]
COLOR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(")


def test_contrast_agrees_with_published_figures() -> None:
    # WCAG 2.2: black on white 21:1; #777777 on white 4.48:1 (just below AA)
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize(("front", "back", "least"), CONTRAST_PAIRS)
def test_every_pair_of_tokens_keeps_aa(name: theme.Theme, front: str, back: str, least: float) -> None:
    assert contrast(COLORS[name][front], COLORS[name][back]) >= least


def test_both_themes_have_the_same_tokens() -> None:
    assert COLORS["dark"].keys() == COLORS["light"].keys()


def test_tokens_css_is_what_theme_writes() -> None:
    assert (ROOT / "assets" / "tokens.css").read_text(encoding="utf-8") == theme.tokens_css()


def test_no_colour_stands_outside_the_theme() -> None:
    files = [p for room in ("pages", "components") for p in (ROOT / room).rglob("*.py") if p.name != "theme.py"]
    files += [p for kind in ("*.css", "*.js") for p in (ROOT / "assets").glob(kind) if p.name != "tokens.css"]
    found = []
    for path in [*files, ROOT / "app.py"]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if COLOR.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


def test_every_css_variable_is_a_token() -> None:
    # the grid of a scene is the pack's: the page sets it on the element
    grids = {f"{part}-{size}" for part in ("areas", "columns", "rows") for size in get_args(SizeClass)}
    known = {*COLORS["dark"], *theme.SIZES, *grids, "font"}
    used = {
        (path.name, name)
        for path in (ROOT / "assets").glob("*.css")
        for name in re.findall(r"var\(--([\w-]+)\)", path.read_text(encoding="utf-8"))
    }
    assert {(file, name) for file, name in used if name not in known} == set()


@pytest.mark.parametrize("name", THEMES)
def test_the_ramp_rises_or_falls_in_lightness_so_that_it_reads_without_hue(name: theme.Theme) -> None:
    values = [theme.luminance(c) for c in theme.ramp(5, name)]
    assert values == sorted(values) or values == sorted(values, reverse=True)
    assert len(set(values)) == 5


def test_no_text_is_smaller_than_12_px() -> None:
    for path in (ROOT / "assets").glob("*.css"):
        text = path.read_text(encoding="utf-8")
        for size in re.findall(r"font-size:\s*([^;}]+)", text):
            if path.name == "print.css":  # paper is read from a hand's breadth: 7.5 pt, a footnote's size
                assert size == "inherit" or (size.endswith("pt") and float(size.removesuffix("pt")) >= 7.5), size
                continue
            if path.name == "wall.css" and size.endswith("rem"):  # a wall's rem is its least character (decision 0010)
                assert float(size.removesuffix("rem")) >= 1, size
                continue
            if path.name == "wall.css" and size.startswith("max(1rem, "):  # larger where the tile has room
                continue
            assert size.startswith(("var(--", "calc(var(--", "clamp(13px", "1.6rem", "inherit")), f"{path.name}: {size}"
    for name, size in theme.SIZES.items():
        if name.startswith(("text", "figure")):
            assert int(re.match(r"max\((\d+)px", size)[1]) >= 12  # type: ignore[index]
