"""The registry: every metric is complete, honest about its standard, and strict about its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.errors import DeclarationError, UnknownId
from data_pipeline.metrics import FOLDER, load_metrics, metric, metrics

DOMAINS = ("coverage", "charging", "energy", "traffic", "services", "environment", "sensing")


def test_every_domain_has_at_least_three_metrics_and_a_headline() -> None:
    for domain in DOMAINS:
        own = [m for m in metrics().values() if m.domain == domain]
        assert len(own) >= 3, domain
        assert any(m.headline for m in own), domain


def test_every_metric_says_what_it_says_and_does_not_say_in_both_languages_and_has_an_example() -> None:
    for m in metrics().values():
        assert all((m.says_zh, m.says_en, m.does_not_say_zh, m.does_not_say_en)), m.id
        assert m.says_zh.endswith("。") and m.says_en.endswith("."), m.id
        assert m.examples and all(e.source for e in m.examples), m.id


def test_thresholds_stand_only_where_a_standard_gives_them() -> None:
    graded = {m.id for m in metrics().values() if m.thresholds}
    assert {"traffic.delay_share", "environment.aqi_daily", "water.worst_class", "weather.rain_day_max_mm"} <= graded
    for m in metrics().values():
        assert not m.thresholds or m.standard, m.id


def test_coverage_by_drive_test_is_never_labelled_a_standard() -> None:
    for m in metrics().values():
        if m.domain in ("coverage", "charging", "energy", "sensing"):
            assert m.standard == "", m.id
    assert "自定口径" in metric("coverage.composite_share").assumption_zh


def test_a_mean_over_time_stands_only_where_it_is_prescribed_or_said() -> None:
    means = {m.id: m for m in metrics().values() if m.over_time == "mean"}
    prescribed = {i for i, m in means.items() if m.standard.startswith("GB/T 33171")}
    assert prescribed == {"traffic.tti", "traffic.tti_peak", "traffic.tpi", "traffic.tpi_peak", "traffic.delay_share"}
    own = set(means) - prescribed
    assert own == {"energy.load_mw", "charging.power_kw"}  # a power is no amount: hours of it cannot be added
    assert all("平均" in metric(m).assumption_zh for m in own)


def _with(tmp_path: Path, old: str, new: str) -> Path:
    text = (FOLDER / "sensing.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "sensing.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('base_grain = "day"', 'base_grian = "day"', "did you mean 'base_grain'"),
        ('dataset = "sensing_terminals"', 'dataset = "sensing_terminal"', "did you mean 'sensing_terminals'"),
        ('over_time = "last"', 'over_time = "recompute"', 'needs over_area "recompute"'),
        ('unit = "count"', 'unit = "counts"', "unit"),
    ],
)
def test_a_wrong_metric_file_is_refused_and_the_message_helps(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        load_metrics([_with(tmp_path, old, new)])


def test_a_metric_declared_twice_is_refused() -> None:
    path = FOLDER / "sensing.toml"
    with pytest.raises(DeclarationError, match="declared twice"):
        load_metrics([path, path])


def test_an_unknown_metric_gets_a_suggestion() -> None:
    with pytest.raises(UnknownId, match="traffic.tti"):
        metric("traffic.tii")


def test_a_clause_is_given_in_both_languages() -> None:
    for declared in metrics().values():
        assert not any(word in declared.clause for word in ("table", "annex", "clause")), declared.id
        assert (declared.clause_en or declared.clause).isascii(), declared.id
