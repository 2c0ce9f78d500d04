"""The least character of a wall, by the distance of its readers: figures worked by hand from 2 · d · tan(15′)."""

from __future__ import annotations

import pytest

from components.wall.size import Viewing, character_mm, root_css, root_px, viewing_of


def test_a_character_under_half_a_degree_at_ten_metres_is_87_mm_high() -> None:
    # tan 15′ = 0.00436335
    assert character_mm(10) == pytest.approx(87.267, abs=0.001)
    assert character_mm(5) == pytest.approx(character_mm(10) / 2, rel=1e-9)


@pytest.mark.parametrize(("height_px", "expected"), [(1080, 18.70), (2160, 37.40), (1792, 31.03)])
def test_on_a_wall_of_usual_height_the_size_follows_the_pixels(height_px: int, expected: float) -> None:
    # 87.267 mm / 0.9 of the em / (5600 mm / height)
    assert root_px(Viewing(10), height_px) == pytest.approx(expected, abs=0.01)


def test_a_finer_pitch_takes_more_pixels_for_the_same_character() -> None:
    assert root_px(Viewing(10, 1.25), 2160) == pytest.approx(77.57, abs=0.01)
    assert root_px(Viewing(0.5), 1080) == 12  # never below what a screen can draw legibly


def test_the_style_sheet_takes_it_from_the_screens_height_or_the_pitch() -> None:
    assert root_css(Viewing(10)) == "max(12px, 1.7315vh)"
    assert root_css(Viewing(10, 2.5)) == "max(12px, 38.785px / var(--dpr, 1))"


def test_an_address_may_say_another_distance_but_nothing_impossible() -> None:
    declared = Viewing(10)
    assert viewing_of("25", "1.9", declared) == Viewing(25, 1.9)
    assert viewing_of("-3", "abc", declared) == declared
    assert viewing_of(None, "999", declared) == declared
