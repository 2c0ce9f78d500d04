"""The words for a refused row."""

from __future__ import annotations

from components.i18n import has
from components.refusal import reason_words, rule_words
from data_pipeline.contracts import contracts

RULES_OF_EVERY_DATASET = (
    "missing_value", "out_of_range", "unknown_value", "wrong_pattern", "future_time", "too_late", "no_place", "outside_city",
    "no_partner", "conflicting_duplicate", "not_a_number", "ragged_row",
)  # fmt: skip


def test_every_common_rule_has_words_in_both_languages() -> None:
    assert not [r for r in RULES_OF_EVERY_DATASET if not (has(f"rule.{r}", "zh") and has(f"rule.{r}", "en"))]


def test_a_range_is_said_with_the_contracts_bounds_and_the_columns_own_name() -> None:
    contract = contracts()["air_quality"]
    column = contract.columns["pm25_ug_m3"]
    said = reason_words("out_of_range", "pm25_ug_m3", contract, "zh")
    assert said.startswith(f"{column.zh}：超出允许范围") and f"{column.min:g}" in said and f"{column.max:g}" in said
    assert reason_words("out_of_range", "pm25_ug_m3", contract, "en").startswith(f"{column.en}: outside the allowed range")


def test_a_datasets_own_check_speaks_for_itself() -> None:
    contract = next(c for c in contracts().values() if c.checks)
    check = contract.checks[0]
    assert rule_words(check.name, "zh", contract) == check.zh
    assert rule_words(check.name, "en", contract) == check.en


def test_an_unknown_rule_or_column_is_not_dressed_up() -> None:
    assert rule_words("made_up", "zh") == "made_up"
    assert reason_words("missing_value", "no_such_column", contracts()["air_quality"], "zh") == ""
    assert reason_words("missing_value", "a", None, "zh") == ""
