"""Plan targets as printed: promised value, deadline and lead as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from components import formats
from components.i18n import Lang, has, pick, t
from data_pipeline.ledger.types import COUNTED_UNITS
from data_pipeline.queries.types import Target

# endings of a plural → of its singular, the longer first
PLURALS = (("ies", "y"), ("xes", "x"), ("sses", "ss"), ("s", ""))
COMPARATORS = {">=": "ge", ">": "gt", "<=": "le", "about": "about", "=": "eq"}


def distinct(targets: Sequence[Target]) -> list[Target]:
    """Targets without the rows that restate another row of the same plan (`same_as`)."""
    return [target for target in targets if not target.same_as]


def target_value(target: Target, lang: Lang) -> str:
    """The promised value as printed: `≥ 2,000 个`; a target without figure says what kind it is."""
    if target.value is None:
        return t("target.tick" if target.comparator == "done" else "target.direction", lang)
    sign = t(f"target.{COMPARATORS.get(target.comparator, 'eq')}", lang)
    amount = formats.number(target.value, _decimals(target.value))
    if target.value_high is not None:
        amount = f"{amount}–{formats.number(target.value_high, _decimals(target.value_high))}"
    return f"{sign}{' ' if sign else ''}{with_unit(amount, target.unit_zh, target.unit_en, lang)}"


def with_unit(figure: str, unit_zh: str, unit_en: str, lang: Lang) -> str:
    """A figure in words with its printed unit: `1,980 个`, `86.5%`, `1 hospital`, `3 hospitals`; without a unit the figure alone."""
    unit = pick(unit_zh, unit_en, lang)
    if lang == "en" and unit_zh in COUNTED_UNITS and figure == "1":
        unit = one_of(unit)
    # "590 × 10,000 cubic metres": a unit that is a number itself is multiplied
    gap = "" if unit in ("%", "") else " × " if unit[:1].isdigit() else " "
    return f"{figure}{gap}{unit}"


def one_of(unit: str) -> str:
    """The singular of an English unit of what is counted: `scenic areas` → `scenic area`, `homes per district` → `home per district`."""
    noun, per, rest = unit.partition(" per ")
    ending, short = next(((many, one) for many, one in PLURALS if noun.endswith(many)), ("", ""))
    return f"{noun.removesuffix(ending)}{short}{per}{rest}"


def deadline_words(target: Target, lang: Lang, today: date) -> str:
    """"by 2022-12-31", and that it has passed; or that none is set."""
    if not target.deadline:
        return t("target.no_deadline", lang)
    due = date.fromisoformat(target.deadline)
    words = t("target.deadline", lang, date=t("time.date", lang, year=due.year, month=due.month, day=due.day))
    return t("target.overdue", lang, deadline=words) if due < today else words


def lead_words(leads: Sequence[str], lang: Lang, departments: Mapping[str, str] | None = None) -> str:
    """The lead departments as the plan names them (`departments`: spelling → name), or that it names none."""
    if not leads:
        return t("target.no_lead", lang)
    names = [(departments or {}).get(d, d) for d in leads]
    return t("target.lead", lang, dept=("、" if lang == "zh" else ", ").join(names))


def domain_words(domain: str, lang: Lang) -> str:
    """The word for a plan's domain; "other" where the catalogue has none."""
    key = f"domain.{domain}"
    return t(key, lang) if has(key, lang) else t("domain.other", lang)


def _decimals(value: float) -> int:
    return 0 if value == int(value) else 2 if round(value, 1) != value else 1
