"""The font that ships: slices small enough for a repository, one style sheet, every text of the screen covered."""

from __future__ import annotations

import re

import pytest

from components import fonts
from components.i18n import LANGS, catalogue
from components.theme import FONT_FAMILY


def test_no_slice_is_larger_than_two_megabytes_and_the_licence_is_beside_them() -> None:
    files = sorted(fonts.FOLDER.glob("*.otf"))
    assert len(files) == len(fonts.WEIGHTS) * 4
    assert all(path.stat().st_size < 2_000_000 for path in files)
    assert "SIL OPEN FONT LICENSE Version 1.1" in (fonts.FOLDER / "OFL.txt").read_text(encoding="utf-8")


def test_a_font_of_the_system_comes_before_ours_and_ours_before_any() -> None:
    names = [name.strip(' "') for name in FONT_FAMILY.split(",")]
    assert names[-2:] == [fonts.FAMILY, "sans-serif"]
    css = fonts.CSS.read_text(encoding="utf-8")
    for rule in css.split("@font-face")[1:]:
        source = rule.split("src:")[1]
        assert source.index("local(") < source.index("url(")
    assert set(re.findall(r'url\("fonts/([^"]+)"\)', css)) == {path.name for path in fonts.FOLDER.glob("*.otf")}


def test_the_rule_a_browser_asks_first_is_the_slice_of_the_screens_own_texts() -> None:
    # of overlapping ranges the rule written last is asked first
    files = re.findall(r"sans-(regular|bold)-(\d)\.otf", fonts.CSS.read_text(encoding="utf-8"))
    assert [number for weight, number in files if weight == "regular"] == ["4", "3", "2", "1"]


def test_the_slices_hold_every_letter_of_the_catalogues() -> None:
    ttlib = pytest.importorskip("fontTools.ttLib", reason="fonttools is not installed (tests/requirements.txt)")
    texts = {ord(c) for lang in LANGS for text in catalogue(lang).values() for c in text if ord(c) >= 0x20}
    for weight in fonts.WEIGHTS:
        held: set[int] = set()
        for number in range(1, 5):
            held |= set(ttlib.TTFont(fonts.FOLDER / fonts.file_name(weight, number)).getBestCmap())
        assert {chr(c) for c in texts - held} == set()
