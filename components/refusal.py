"""Why a row, or what a person asked for, was refused, in the words of the reader's language."""

from __future__ import annotations

from components.cells import unit_after
from components.i18n import Lang, has, pick, t
from data_pipeline.contracts import Check, Column, Contract, Step
from data_pipeline.errors import CityBrainError


def error_words(error: CityBrainError, lang: Lang) -> str:
    """An error as a page says it: the sentence of its code (`reports.find.*`), else its own English message."""
    key = f"reports.find.{error.code}"
    if not error.code or not has(key, lang):
        return error.message
    near = error.facts.get("near")
    return t(key, lang, **error.facts | ({"near": t("reports.find.near", lang, near=near) if near else ""} if "near" in error.facts else {}))


def rule_words(rule: str, lang: Lang, contract: Contract | None = None) -> str:
    """The words for a rule: of the dataset's own check, or of the rules every dataset has; an unknown one as it is."""
    rules: list[Check | Step] = [*contract.checks, *contract.steps] if contract else []
    declared = next((c for c in rules if c.name == rule), None)
    if declared:
        return pick(declared.zh, declared.en, lang)
    key = f"rule.{rule}"
    return t(key, lang) if has(key, lang) else rule


def reason_words(rule: str, column_name: str, contract: Contract | None, lang: Lang) -> str:
    """Column, rule and what is allowed, as the contract declares it; "" where nothing more than the rule is known.

    The check's own record, which also has the value, is in English only: a page shows it beside this.
    """
    column = contract.columns.get(column_name) if contract else None
    if column is None:
        return ""
    said = t("refusal.said", lang, column=pick(column.zh, column.en, lang), rule=rule_words(rule, lang, contract))
    allowed = _allowed(rule, column, lang)
    return said + allowed


def _allowed(rule: str, column: Column, lang: Lang) -> str:
    unit = unit_after(column.unit, lang)
    if rule == "unknown_value" and column.values:
        return t("refusal.one_of", lang, values=t("refusal.comma", lang).join(column.values))
    if rule == "wrong_pattern" and column.pattern:
        return t("refusal.form", lang, pattern=column.pattern)
    if rule != "out_of_range":
        return ""
    if column.min is not None and column.max is not None:
        return t("refusal.between", lang, low=f"{column.min:g}", high=f"{column.max:g}", unit=unit)
    if column.min is not None:
        return t("refusal.at_least", lang, low=f"{column.min:g}", unit=unit)
    return t("refusal.at_most", lang, high=f"{column.max:g}", unit=unit) if column.max is not None else ""
