"""The plan tables against the documents they were taken from: every figure and every owner stands in the text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_pipeline import plans
from data_pipeline.cities import load_packs

DOCUMENTS = {"511400": "000", "510400": "001", "330600": "002", "500114": "003", "420700": "004"}
NUMERALS = {1: "一", 2: "二", 3: "三", 4: "四", 5: "五"}
# what the document says in other words: 黔江云, 黔江大数据中心 (一云一中心一平台); 零的突破; 零见面
IN_WORDS = {"ez-national-lab": "零的突破", "qj-zero-visit": "零见面", "sx-tourism-pioneer": "1—2个"}
# one office in the table, written out together with another one in the document
WRITTEN_TOGETHER = {"葛店开发区管委会": "葛店开发区、临空经济区管委会"}


def document(city: str, seeds: Path) -> str:
    (path,) = seeds.glob(f"{DOCUMENTS[city]}_*.txt")
    text = path.read_text(encoding="utf-8").replace("〔", "(").replace("〕", ")")
    return re.sub(r"\s", "", text)


@pytest.fixture(scope="module")
def seeds(shared_data: Path) -> Path:
    return shared_data.parent / "seeds"


def facts(city: str) -> plans.PlanFacts:
    return plans.read_plan_facts(load_packs()[city].folder / "plan", city)


def ways_to_print(value: float) -> list[str]:
    ways = [f"{value:g}" if value != int(value) else str(int(value))]
    if value >= 10_000:
        ways.append(f"{value / 10_000:g}万")
    if value in NUMERALS:
        ways.append(NUMERALS[int(value)])
    return ways


@pytest.mark.parametrize("city", DOCUMENTS)
def test_every_promised_figure_stands_in_the_document(city: str, seeds: Path) -> None:
    text = document(city, seeds)
    missing = []
    for target in facts(city).targets:
        for value in (target.value, target.value_high):
            if value is None:
                continue
            ways = [IN_WORDS[target.target_id]] if target.target_id in IN_WORDS else ways_to_print(value)
            if not any(re.search(rf"(?<![\d.]){re.escape(way)}(?![\d.]*\d)", text) for way in ways):
                missing.append((target.target_id, value))
    assert missing == []


@pytest.mark.parametrize("city", DOCUMENTS)
def test_every_owner_stands_in_the_document_as_it_is_spelt(city: str, seeds: Path) -> None:
    text = document(city, seeds)
    offices = {
        office for clause in facts(city).clauses for office in (*clause.lead_depts_zh, *clause.responsible_depts_zh)
    }
    printed = {office: WRITTEN_TOGETHER.get(office, office).replace("〔", "(").replace("〕", ")") for office in offices}
    assert [office for office, words in printed.items() if words not in text] == []


# 〔牵头单位：…；责任单位：…〕 at the end of a clause, in the order of the clauses
def owner_lists(text: str) -> list[tuple[list[str], list[str]]]:
    found = []
    for body in re.findall(r"\((?=牵头单位|责任单位|实施单位)((?:[^()]|\([^()]*\))*)\)", text):
        leads: list[str] = []
        others: list[str] = []
        for part in body.replace(":列第一位的为牵头单位,下同", "").split(";"):
            label, _, names = part.partition(":")
            (leads if label == "牵头单位" else others).extend(n for n in re.split("[、,]", names) if n)
        found.append((leads, others))
    return found


@pytest.mark.parametrize("city", ["511400", "420700"])
def test_lead_and_responsible_offices_equal_the_printed_lists_clause_by_clause(city: str, seeds: Path) -> None:
    printed = owner_lists(document(city, seeds))
    owned = [c for c in facts(city).clauses if c.lead_depts_zh or c.responsible_depts_zh]
    assert len(printed) == len(owned)
    wrong = []
    for (leads, others), clause in zip(printed, owned, strict=True):
        if clause.lead_basis == "presumed":  # 责任单位 is printed twice; the first office is taken as the lead
            leads, others = others[:1], others[1:]
        own = [office.replace("葛店开发区管委会", "葛店开发区") for office in clause.responsible_depts_zh]
        if list(clause.lead_depts_zh) != leads or sorted(own) != sorted(others):
            wrong.append((clause.clause, leads, clause.lead_depts_zh))
    assert wrong == []
