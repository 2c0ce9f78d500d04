"""Natural breaks against an exhaustive search: every way of cutting a small set."""

from itertools import combinations

import pytest

from components.maps.breaks import natural_breaks


def deviation(parts):
    return sum(sum((v - sum(p) / len(p)) ** 2 for v in p) for p in parts)


def best_by_trying_all(values, k):
    x = sorted(values)
    cuts = ([0, *c, len(x)] for c in combinations(range(1, len(x)), k - 1))
    return min(deviation([x[a:b] for a, b in zip(c, c[1:], strict=False)]) for c in cuts)


@pytest.mark.parametrize("values", [[1, 2, 3, 10, 11, 50, 52, 53, 90], [5.5, 0.1, 0.2, 9, 9.1, 9.2, 4, 4.2], [1e9 + v for v in (0, 1, 5, 6, 20, 21)]])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_no_other_cut_has_less_deviation_inside_the_classes(values, k):
    tops = natural_breaks(values, k)
    parts = [[v for v in values if (not i or v > tops[i - 1]) and v <= top] for i, top in enumerate(tops)]
    assert len(tops) == k and all(parts)
    assert deviation(parts) == pytest.approx(best_by_trying_all(values, k), rel=1e-6, abs=1e-6)


def test_clear_gaps_are_found():
    assert natural_breaks([1, 2, 3, 10, 11, 12, 100], 3) == [3, 12, 100]


def test_there_are_no_more_classes_than_different_values():
    assert natural_breaks([4, 4, 7, 7, 7], 5) == [4, 7]
    assert natural_breaks([3.0], 5) == [3.0]


def test_nothing_has_no_classes_and_no_class_is_refused():
    assert natural_breaks([], 5) == []
    with pytest.raises(ValueError, match="at least 1"):
        natural_breaks([1.0], 0)
