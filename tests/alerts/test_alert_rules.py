"""Rules are strict: every problem of a pack's alerts.toml is named, the built-in ones have none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_pipeline.alerts import load_rules, rule_problems
from data_pipeline.cities import Pack, load_pack, load_packs
from data_pipeline.errors import DeclarationError
from tests.alerts.scene import LATE_RULE, TTI_RULE


def pack_with(tmp_path: Path, rules: str) -> Pack:
    folder = tmp_path / "420700"
    shutil.copytree(load_packs()["420700"].folder, folder)
    (folder / "alerts.toml").write_text(rules, encoding="utf-8")
    return load_pack(folder)


@pytest.mark.parametrize("city", ["420700", "330600", "511400", "510400", "500114"])
def test_rules_of_a_built_in_pack_are_sound_and_cover_the_domains(city: str) -> None:
    pack = load_packs()[city]
    assert rule_problems(pack) == []
    rules = load_rules(pack)
    assert 6 <= len(rules) <= 10
    domains = {rule.metric.split(".")[0] for rule in rules if rule.metric}
    assert domains >= {"traffic", "charging", "services", "environment", "sensing"}
    assert any(rule.kind == "freshness" for rule in rules)
    assert all(rule.min_completeness >= 0.75 for rule in rules)


def test_a_pack_without_rules_has_none(tmp_path: Path) -> None:
    pack = pack_with(tmp_path, "")
    (pack.folder / "alerts.toml").unlink()
    assert load_rules(pack) == () and rule_problems(pack) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("metric = ", "metrics = "), "did you mean 'metric'"),
        (('"traffic.tti"', '"traffic.tty"'), "did you mean 'traffic.tti'"),
        (('["district"]', '["districts"]'), "did you mean 'district'"),
        (('["district"]', '["420799"]'), "unknown area or level '420799'"),
        (("市交通局", "市交通厅"), "did you mean '市交通局'"),
        (("hold_periods = 2", "min_completeness = 0.5"), "min_completeness"),
        (('clear = { op = "<"', 'clear = { op = ">"'), "clear must look the other way"),
        (('grain = "5min"', ""), "needs grain"),
        (('grain = "5min"', 'grain = "15min"'), "not kept by '15min' (kept: 5min, hour, day, month)"),
        (('"traffic.tti"', '"charging.stations_n"'), "is a stock"),
        (('op = ">", value = 2.0', 'op = ">"'), "give value, band, or both"),
        (('op = ">", value = 2.0', 'op = "=", value = 2.0'), "when.op"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_to_do(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    assert change[0] in TTI_RULE
    pack = pack_with(tmp_path, TTI_RULE.replace(*change))
    assert says in " ".join(rule_problems(pack))
    with pytest.raises(DeclarationError):
        load_rules(pack)


def test_all_problems_of_several_rules_come_in_one_list(tmp_path: Path) -> None:
    bad = LATE_RULE.replace('"air_quality"', '"air_qualty"')
    pack = pack_with(tmp_path, TTI_RULE.replace("市交通局", "无此局") + TTI_RULE + bad)
    problems = " | ".join(rule_problems(pack))
    assert "rule 'jam' stands twice" in problems
    assert "无此局" in problems
    assert "did you mean 'air_quality'" in problems


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    pack = pack_with(tmp_path, TTI_RULE)
    assert [rule.id for rule in load_rules(pack)] == ["jam"]
    (pack.folder / "alerts.toml").write_text(TTI_RULE.replace('"jam"', '"queue"'), encoding="utf-8")
    assert [rule.id for rule in load_rules(pack)] == ["queue"]
