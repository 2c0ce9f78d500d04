"""The search: what may be typed, what comes first, and that an index is made once."""

from __future__ import annotations

import time

import pytest

from data_pipeline.cities import load_packs
from data_pipeline.errors import UsageError
from data_pipeline.metrics import metrics
from data_pipeline.queries.search import Hit, SearchIndex, hits_of
from data_pipeline.queries.types import Site


def site(number: int, name: str, english: str = "") -> Site:
    return Site("420700", f"CS-420700-{number:05d}", "charging_stations", name, english, None, None, "420704", "420704001", (), "point", {}, True, 1)


@pytest.fixture(scope="module")
def index() -> SearchIndex:
    sites = [site(1, "凤凰街道充电站", "Fenghuang charging station"), site(2, "重庆路充电站", "Chongqing Road charging station"), site(3, "燕矶镇5G基站0002")]
    return SearchIndex(hits_of(load_packs()["420700"], list(metrics().values()), [], sites))


def names(found: list[Hit], kind: str = "") -> list[str]:
    return [hit.name_zh for hit in found if kind in ("", hit.kind)]


@pytest.mark.parametrize("typed", ["鄂城", "鄂城区", "echengqu", "echeng", "ecq", "Echeng", "420704", " ECQ ", "ｅｃｑ"])
def test_a_district_is_found_by_characters_pinyin_initials_english_and_code(index: SearchIndex, typed: str) -> None:
    assert names(index.find(typed, 5), "area")[0] == "鄂城区"


def test_a_character_of_two_readings_is_read_as_its_phrase_is(index: SearchIndex) -> None:
    assert names(index.find("chongqinglu", 5)) == ["重庆路充电站"]
    assert index.find("zhongqinglu", 5) == []


def test_pinyin_fits_from_a_syllable_on_not_from_its_middle(index: SearchIndex) -> None:
    # feng-huang-jie-dao: "huangjie" starts a syllable, "uangjie" does not
    assert "凤凰街道充电站" in names(index.find("huangjie", 5))
    assert index.find("uangjie", 5) == []


def test_every_word_must_fit_and_numbers_inside_names_count(index: SearchIndex) -> None:
    assert names(index.find("燕矶 5g 0002", 5)) == ["燕矶镇5G基站0002"]
    assert index.find("燕矶 5g 0009", 5) == []


def test_the_whole_name_comes_before_what_only_begins_with_it_and_kinds_keep_their_order(index: SearchIndex) -> None:
    found = index.find("充电量", 9)
    assert found[0].kind == "metric" and found[0].name_zh == "充电量"
    kinds = [hit.kind for hit in index.find("充电", 3)]
    assert kinds == sorted(kinds, key=("area", "metric", "target", "site").index) and set(kinds) == {"metric", "site"}


def test_nothing_is_found_for_nothing_and_for_nonsense(index: SearchIndex) -> None:
    assert index.find("", 5) == [] and index.find("   ", 5) == [] and index.find("不存在的地方", 5) == []


def test_a_register_of_twenty_thousand_sites_answers_within_fifty_milliseconds() -> None:
    many = SearchIndex(hits_of(load_packs()["420700"], list(metrics().values()), [], [site(n, f"凤凰街道5G基站{n}") for n in range(20_000)]))  # fmt: skip
    slowest = max(min(_timed(many, typed) for _ in range(3)) for typed in ("ecq", "凤凰 77", "charging"))
    assert slowest < 0.05


def _timed(index: SearchIndex, typed: str) -> float:
    # the time of this thread: what else the machine does is not the search's doing
    start = time.thread_time()
    index.find(typed, 8)
    return time.thread_time() - start


def test_the_index_is_made_once_for_a_register_and_a_query_too_long_is_refused() -> None:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))
    from fake_store import FakeStore

    store = FakeStore()
    listed = store.sites("420700")
    store.sites = lambda city, **narrowed: listed  # type: ignore[method-assign]
    assert store.search_index("420700") is store.search_index("420700")
    assert names(store.search("420700", "fhjd1hd"))[:1] == ["凤凰街道1号点"]
    with pytest.raises(UsageError, match="101 characters"):
        store.search("420700", "x" * 101)
