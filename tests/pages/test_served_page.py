"""`/served` and `/manual`: what serves each system of the plans, and what each figure means."""

from __future__ import annotations

import pytest
from fake_store import FakeStore
from views import links, make, page, words

from data_pipeline.cities import load_packs
from data_pipeline.cities.check_plan import VIEWS
from data_pipeline.metrics import metrics
from data_pipeline.plans import read_plan_facts
from data_pipeline.plans.served import served_systems
from pages import discover, find
from pages.domain.served import VIEW_WORDS

PACKS = load_packs()


def test_every_page_a_system_may_be_served_by_is_a_page() -> None:
    pages = discover()
    assert [find(pages, view)[0].pattern for view in VIEWS] == list(VIEWS)
    assert set(VIEW_WORDS) == set(VIEWS)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("city", sorted(PACKS))
def test_the_table_names_every_core_and_feed_system_and_its_outputs_that_are_missing(city: str, lang: str) -> None:
    said = words(page(make(FakeStore(built=tuple(PACKS))), "/served", f"?city={city}&lang={lang}")["tree"])
    systems = served_systems(read_plan_facts(PACKS[city].folder / "plan", city))
    assert systems
    assert [s.system_id for s in systems if (s.name_zh if lang == "zh" else s.name_en) not in said] == []
    assert [o for s in systems for o in s.missing if o not in said] == []
    assert f"{len(systems)}" in said


def test_a_figure_of_the_table_leads_to_its_page_of_the_manual() -> None:
    found = links(page(make(), "/served")["tree"])
    assert found["平均候诊时长"] == "/manual/health.mean_wait_minutes?city=420700"


def test_the_manual_lists_every_metric() -> None:
    found = set(links(page(make(), "/manual")["tree"]).values())
    assert [m for m in metrics() if f"/manual/{m}?city=420700" not in found and metrics()[m].name_zh not in links(page(make(), "/manual")["tree"])] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_of_a_metric_says_what_it_means_what_not_by_which_standard_and_an_example(lang: str) -> None:
    m = metrics()["traffic.tti"]
    said = words(page(make(), "/manual/traffic.tti", f"?lang={lang}")["tree"])
    wanted = (m.says_zh, m.does_not_say_zh) if lang == "zh" else (m.says_en, m.does_not_say_en)
    for part in (*wanted, "GB/T 33171-2016", "7.2.2.1", "1.3333"):
        assert part in said


def test_an_unknown_metric_has_no_page() -> None:
    assert "没有这个页面" in words(page(make(), "/manual/traffic.ttii")["tree"])
