"""The groups of an official's mind: every figure has a place, and a wrong declaration says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.domains import FILE, domain, domains, read_domains
from data_pipeline.errors import DeclarationError, UnknownId
from data_pipeline.metrics import metric, metrics


def test_there_are_the_nine_groups_in_the_order_of_the_menu() -> None:
    assert list(domains()) == ["coverage", "energy", "traffic", "services", "environment", "safety", "digital", "economy", "livelihood"]


def test_every_metric_stands_on_some_page() -> None:
    assert [m.id for m in metrics().values() if all(g.section_of(m) is None for g in domains().values())] == []


def test_a_figure_stands_in_one_section_of_a_page_by_id_before_dataset_before_domain() -> None:
    livelihood = domain("livelihood")
    beds = livelihood.section_of(metric("health.beds_n"))  # its dataset (facilities) is in no section, its id is
    alarms = livelihood.section_of(metric("health.food_alarms_n"))  # only its domain is
    assert beds is not None and beds.en == "Care for the sick"
    assert alarms is not None and alarms.en == "Public health, food and drugs"
    for group in domains().values():
        placed = [m.id for _, own in group.sections(list(metrics().values())) for m in own]
        assert len(placed) == len(set(placed))


def test_what_a_page_leaves_out_stands_on_another() -> None:
    assert domain("services").section_of(metric("government.deals_n")) is None
    assert domain("economy").section_of(metric("government.deals_n")) is not None


def test_an_unknown_group_names_the_near_one() -> None:
    with pytest.raises(UnknownId, match="traffic"):
        domain("trafic")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"traffic.tti", "traffic.speed_kmh", "traffic.delay_share"', '"traffic.ttii", "traffic.speed_kmh"', "did you mean 'traffic.tti'"),
        ('"traffic.tti", "traffic.tpi",', '"traffic.tti", "traffic.tpj",', "did you mean 'traffic.tpi'"),
        ('composition = "traffic.flow_veh"', 'composition = "energy.load_mw"', "in none of its sections"),
        ('{ dataset = "car_parks" }', '{ dataset = "road_speeds" }', "no register of sites"),
        ('kinds = ["signal_junction", "v2x_road"]', 'kinds = ["signal_junctoin"]', "did you mean 'signal_junction'"),
        ('datasets = ["road_speeds", "road_incidents"]', 'datasets = ["road_sped"]', "unknown dataset 'road_sped'"),
        ('asks_en = "Do the roads flow', 'ask_en = "Do the roads flow', "did you mean 'asks_en'"),
    ],
)
def test_a_wrong_declaration_is_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "domains.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        read_domains(path)
    assert any(said in problem for problem in caught.value.problems), caught.value.problems
