"""The metric manual: written from the declarations, and up to date."""

from __future__ import annotations

from pathlib import Path

from data_pipeline.metrics import metric, metrics
from data_pipeline.metrics.manual import UNITS, entry, facts, pages, problems, write


def test_the_manual_in_the_repository_is_up_to_date() -> None:
    # out of date: python -m data_pipeline metrics manual
    assert problems() == []


def test_every_metric_stands_in_both_languages_with_what_it_says_and_does_not_say() -> None:
    found = pages()
    for lang in ("zh", "en"):
        text = "\n".join(body for name, body in found.items() if name.endswith(f".{lang}.md"))
        for m in metrics().values():
            parts = (m.says_zh, m.does_not_say_zh) if lang == "zh" else (m.says_en, m.does_not_say_en)
            assert f"`{m.id}`" in text and all(part in text for part in parts), m.id


def test_a_standard_stands_with_its_clause_and_an_own_definition_says_so() -> None:
    assert dict(facts(metric("traffic.tti"), "en"))["basis"] == "GB/T 33171-2016 7.2.2.1"
    assert dict(facts(metric("health.visits_n"), "zh"))["依据"] == "自定口径（没有采用标准）"


def test_the_worked_example_stands_with_its_rows_and_result() -> None:
    text = entry(metric("health.bed_occupancy"), "en")
    assert "beds_used_n = 240" in text and "numerator 270, denominator 400, value 0.675" in text


def test_every_unit_has_a_symbol() -> None:
    assert {m.unit for m in metrics().values()} <= set(UNITS)


def test_a_page_that_is_absent_changed_or_left_over_is_named_and_written_anew(tmp_path: Path) -> None:
    write(tmp_path)
    assert problems(tmp_path) == []
    (tmp_path / "energy.zh.md").unlink()
    (tmp_path / "traffic.en.md").write_text("by hand", encoding="utf-8")
    (tmp_path / "old.zh.md").write_text("", encoding="utf-8")
    assert problems(tmp_path) == ["energy.zh.md: is missing", "traffic.en.md: differs from the declarations", "old.zh.md: belongs to no domain"]
    write(tmp_path)
    assert problems(tmp_path) == []
