"""Changes between two ledgers in words: one line a change, the same on the page and in a briefing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from components import formats
from components.i18n import Lang, has, pick, t
from components.ledger.words import amount, day, join, owner_names, stage_word
from data_pipeline.ledger.diff import Change

MOST_NAMED = 3
NUMBER_KINDS = ("goal", "actual_up", "actual_down")


@dataclass(frozen=True)
class ChangeWords:
    """A change in words: what kind, of what, whose, from what to what. `tone` is `alert` for a new standstill only."""

    kind: str
    name: str
    owner: str
    before: str
    after: str
    tone: str


def change_words(change: Change, departments: Mapping[str, str], lang: Lang) -> ChangeWords:
    """One change in the language of the page (`departments`: office as printed → name)."""
    is_standstill = change.kind == "status_worse" and change.after == "stalled"
    return ChangeWords(
        kind=t(f"review.kind.{change.kind}", lang),
        name=pick(change.name_zh, change.name_en, lang),
        owner=_owners(owner_names(change.lead_zh, departments), lang),
        before=_value(change, change.before, departments, lang),
        after=_value(change, change.after, departments, lang),
        tone="alert" if is_standstill else "",
    )


def _owners(names: Sequence[str], lang: Lang) -> str:
    more = f" {t('ledger.and_more', lang, n=len(names) - MOST_NAMED)}" if len(names) > MOST_NAMED else ""
    return (join(names[:MOST_NAMED], lang) + more) or "—"


def _value(change: Change, value: str | float | None, departments: Mapping[str, str], lang: Lang) -> str:
    if value is None:
        return "—"
    if isinstance(value, float):
        if change.kind in NUMBER_KINDS and change.target is not None:
            return amount(value, change.target, lang)
        if change.kind == "report_overdue":
            return t("ledger.report_late", lang, n=int(value))
        return t("review.yi_yuan", lang, value=formats.number(value, 2))
    if change.kind == "owner":
        return join(owner_names(value, departments), lang)
    if change.kind == "deadline":
        return day(date.fromisoformat(value), lang)
    if change.subject != "target":
        return stage_word(value, lang, change.subject)
    return t(f"ledger.status.{value}", lang) if has(f"ledger.status.{value}", lang) else value
