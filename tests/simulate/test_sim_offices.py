"""Offices of simulated events and tickets are spelled as the city's plan spells them."""

from __future__ import annotations

import pytest

from data_pipeline.cities import load_packs
from data_pipeline.simulate.offices import offices


@pytest.mark.parametrize(
    ("city", "duty", "office"),
    [
        ("420700", "network", "市经信局"), ("420700", "power", "市供电公司"), ("330600", "power", "绍兴电力局"),
        ("511400", "power", "国网眉山供电公司"), ("500114", "network", "区经济信息委"), ("330600", "streets", "市综合执法局"),
        ("420700", "transport", "市交通运输局"),
    ],
)  # fmt: skip
def test_an_office_is_the_plans_own_spelling(city: str, duty: str, office: str) -> None:
    pack = load_packs()[city]
    assert offices(pack)[duty] == office
    assert office in {row["dept_zh"] for row in pack.plan("departments")}


def test_a_city_whose_plan_names_no_offices_gets_common_names_without_a_level() -> None:
    named = offices(load_packs()["510400"])
    assert named["police"] == "公安局" and not [n for n in named.values() if n[0] in "市区县" and n != "市场监管局"]
