"""One catalogue per language, complete, and no text outside it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from components.i18n import LANGS, catalogue, fill, t
from data_pipeline.errors import UnknownId
from data_pipeline.metrics import Unit, metrics
from data_pipeline.times import GRAINS

ROOT = Path(__file__).resolve().parents[2]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def literal_keys() -> set[str]:
    """Keys written out in calls of `t("…")` in components and pages."""
    keys = set()
    for path in [*(ROOT / "components").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    keys.add(first.value)
    return keys


def test_both_catalogues_have_the_same_keys() -> None:
    assert set(catalogue("zh")) == set(catalogue("en"))


def test_both_sides_of_a_text_take_the_same_values() -> None:
    def names(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)", text))

    # "08:15" needs no year where a language writes none
    different = {k for k in catalogue("zh") if names(catalogue("zh")[k]) != names(catalogue("en")[k])}
    assert different == set()


@pytest.mark.parametrize("lang", LANGS)
def test_every_key_the_code_asks_for_is_there(lang: str) -> None:
    assert len(literal_keys()) > 60
    assert literal_keys() - set(catalogue(lang)) == set()


@pytest.mark.parametrize("lang", LANGS)
def test_every_unit_grain_and_domain_has_a_word(lang: str) -> None:
    wanted = {f"unit.{u}" for u in get_args(Unit)} | {f"grain.{g}" for g in GRAINS}
    wanted |= {f"domain.{m.domain}" for m in metrics().values()}
    assert wanted - set(catalogue(lang)) == set()


def test_english_holds_no_chinese_but_names_of_what_stands_in_chinese() -> None:
    assert {k for k, v in catalogue("en").items() if CHINESE.search(v)} <= {"nav.other_lang", "login.hint_open"}


def test_a_count_of_one_takes_the_singular() -> None:
    assert [fill("{n} {n:project is|projects are} late", {"n": n}) for n in (1, 2, 0)] == ["1 project is late", "2 projects are late", "0 projects are late"]
    assert t("ledger.late_days", "en", n=1) == "1 day late"
    assert t("ledger.late_days", "en", n=12) == "12 days late"


def test_no_english_text_counts_one_in_the_plural() -> None:
    nouns = "days|projects|systems|targets|rows|entries|files|columns|months|trials|values"
    never_one = {"ledger.best", "served.heavy", "reports.find.file_members"}  # twelve or three months, more than ten systems, 10,000 files
    found = {k for k, v in catalogue("en").items() if re.search(rf"\{{n\}} (more |blocked |consecutive )?({nouns})\b", v)}
    assert found == never_one


def test_an_unknown_key_names_near_ones() -> None:
    with pytest.raises(UnknownId, match="state.no_data"):
        t("state.no_dat", "zh")


def test_no_chinese_text_stands_in_the_code_of_components_and_pages() -> None:
    found = []
    for path in [*(ROOT / "components").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(n.body[0].value) for n in ast.walk(tree)
                if isinstance(n, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                and n.body and isinstance(n.body[0], ast.Expr)}  # fmt: skip
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docs:
                continue
            if CHINESE.search(node.value):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}")
    # 万, 亿 belong to the way of counting; 、；（ are punctuation between parts
    assert [f for f in found if not f.startswith("components/formats.py")] == []
