"""Plan targets as printed: one mark per target, never averaged into one percentage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dash import html

from components import formats
from components.i18n import Lang, has, pick, t
from data_pipeline.queries.types import Target

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
    unit = pick(target.unit_zh, target.unit_en, lang)
    gap = "" if unit in ("%", "") else " "
    return f"{sign}{' ' if sign else ''}{amount}{gap}{unit}"


def deadline_words(target: Target, lang: Lang, today: date) -> str:
    """"by 2022-12-31", and that it has passed; or that none is set."""
    if not target.deadline:
        return t("target.no_deadline", lang)
    due = date.fromisoformat(target.deadline)
    words = t("target.deadline", lang, date=t("time.date", lang, year=due.year, month=due.month, day=due.day))
    return t("target.overdue", lang, deadline=words) if due < today else words


def lead_words(target: Target, lang: Lang, departments: Mapping[str, str] | None = None) -> str:
    """The lead departments as the plan names them (`departments`: spelling → name), or that it names none."""
    if not target.lead_dept_zh:
        return t("target.no_lead", lang)
    names = [(departments or {}).get(d, d) for d in target.lead_dept_zh.split(";")]
    return t("target.lead", lang, dept=("、" if lang == "zh" else ", ").join(names))


def plan_strip(
    targets: Sequence[Target], lang: Lang, today: date, *, id: str, departments: Mapping[str, str] | None = None
) -> html.Div:
    """One mark per distinct target, grouped by domain; each mark carries its words.

    No actual values stand here: they come with the ledger, until then every mark is open and says
    "not reported yet".
    """
    groups: dict[str, list[Target]] = {}
    for target in distinct(targets):
        groups.setdefault(target.domain, []).append(target)
    return html.Div(
        [
            html.Div(
                [
                    html.Span(t("target.group", lang, domain=domain_words(domain, lang), n=len(members)),
                              className="plan-group-name"),
                    html.Span([_mark(target, lang, today, departments) for target in members], className="plan-marks"),
                ],
                className="plan-group",
            )
            for domain, members in groups.items()
        ],
        id=id,
        className="plan-strip",
    )  # fmt: skip


def target_list(
    targets: Sequence[Target], lang: Lang, today: date, *, id: str, limit: int | None = None,
    departments: Mapping[str, str] | None = None,
) -> html.Div:  # fmt: skip
    """Targets as lines: indicator, promised value, actual (not reported yet), deadline, lead."""
    lines = [
        html.Li(
            [
                html.Span(pick(target.indicator_zh, target.indicator_en, lang), className="target-name",
                          title=pick(target.indicator_zh, target.indicator_en, lang)),
                html.Span([html.Small(t("target.value", lang)), html.B(target_value(target, lang))],
                          className="target-value"),
                html.Span([html.Small(t("target.actual", lang)), t("target.no_actual", lang)],
                          className="target-actual"),
                html.Span([html.Span(deadline_words(target, lang, today)),
                           html.Span(lead_words(target, lang, departments), title=lead_words(target, lang, departments))],
                          className="target-owner"),
            ],
            className="target-line",
        )
        for target in list(targets)[:limit]
    ]  # fmt: skip
    return html.Div(html.Ul(lines, className="target-list"), id=id)


def domain_words(domain: str, lang: Lang) -> str:
    """The word for a plan's domain; "other" where the catalogue has none."""
    key = f"domain.{domain}"
    return t(key, lang) if has(key, lang) else t("domain.other", lang)


def _mark(target: Target, lang: Lang, today: date, departments: Mapping[str, str] | None) -> html.Span:
    label = t("target.mark_label", lang, name=pick(target.indicator_zh, target.indicator_en, lang),
              value=target_value(target, lang), deadline=deadline_words(target, lang, today),
              lead=lead_words(target, lang, departments))  # fmt: skip
    classes: list[Any] = ["plan-mark", f"is-{target.kind}"]
    if target.is_provincial:
        classes.append("is-provincial")
        label = f"{t('target.provincial', lang)} · {label}"
    return html.Span(className=" ".join(classes), title=label, role="img", **{"aria-label": label})


def _decimals(value: float) -> int:
    return 0 if value == int(value) else 2 if round(value, 1) != value else 1
