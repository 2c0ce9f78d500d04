"""Projects of the plans: sums by stage, what is blocked and by whom, the rolling list, groups apart from their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.ledger import printed
from components.ledger.listing import ListWords, clause_facts, owner_cell
from components.ledger.words import owner_names, short_day, simulated_mark, stage_word
from components.states import mark
from components.table import table
from data_pipeline.ledger.types import LedgerProject

FIRST = 8  # rows a phone shows before the rest opens by a tap
STAGES = ("reserve", "new_start", "under_construction", "done", "stopped", "")
# what needs a hand first: blocked or stopped, then what is being built, then what waits, what is done last
ROLLING = ("stopped", "under_construction", "new_start", "reserve", "", "done")


class StageSum(Protocol):
    """Sums of one stage as `data_pipeline.ledger.boards` makes them; money in 亿元, None where nobody gives any."""

    @property
    def stage(self) -> str: ...
    @property
    def projects_n(self) -> int: ...
    @property
    def planned_yi_yuan(self) -> float | None: ...
    @property
    def invested_yi_yuan(self) -> float | None: ...
    @property
    def blocked_n(self) -> int: ...
    @property
    def stated_n(self) -> int | None: ...
    @property
    def stated_yi_yuan(self) -> float | None: ...
    @property
    def is_simulated(self) -> bool: ...


def money(yi_yuan: float | None, lang: Lang) -> str:
    """亿元 as printed, or billions of yuan in English; None is "not given"."""
    if yi_yuan is None:
        return t("ledger.not_given", lang)
    return t("ledger.money", lang, n=formats.number(yi_yuan, 2) if lang == "zh" else formats.number(yi_yuan / 10, 3))


def is_group(row: LedgerProject) -> bool:
    """A row that gives only the total of several projects."""
    return row.project.row_type == "group"


def rolling(rows: Sequence[LedgerProject]) -> list[LedgerProject]:
    """Rows in the order in which they need a hand: blocked first, then by stage, the longest delay first."""
    return sorted(rows, key=lambda r: (not r.blocked, ROLLING.index(r.stage) if r.stage in ROLLING else 4,
                                       -(r.delay_days or 0), short_day(r.expected_on)))  # fmt: skip


def stage_board(sums: Sequence[StageSum], lang: Lang, chosen: str | None, href: Callable[[str | None], str]) -> html.Nav:
    """One column a stage: number of rows, money planned and done, blocked; beside it what the document itself states."""
    columns = []
    for item in sums:
        facts = [
            (t("ledger.planned", lang), [money(item.planned_yi_yuan, lang)]),
            (t("ledger.invested", lang), [money(item.invested_yi_yuan, lang), " ", *simulated_mark(item.is_simulated, lang)]),
        ]
        lines: list[Any] = [html.Span([html.Small(name), *value], className="stage-fact") for name, value in facts]
        if item.blocked_n:
            lines.append(mark(t("ledger.n_blocked", lang, n=item.blocked_n), "warn"))
        if item.stated_n is not None:
            lines.append(html.Span(t("ledger.stated", lang, n=item.stated_n, money=money(item.stated_yi_yuan, lang)),
                                   className="stage-stated"))  # fmt: skip
        key = item.stage or "unstated"
        columns.append(
            html.A([html.Span(stage_word(item.stage, lang, "project"), className="stage-name"), html.B(str(item.projects_n)), *lines],
                   href=href(None if chosen == key else key), className="stage" + (" is-active" if chosen == key else ""))
        )  # fmt: skip
    return html.Nav(columns, className="stage-board", **{"aria-label": t("ledger.by_stage", lang)})


def project_table(rows: Sequence[LedgerProject], words: ListWords, *, brief: bool = False) -> html.Div:
    """The rolling list: stage, progress, money, expected day and delay, what blocks it and whose that is.

    `brief`: without clause and owner, for a page that says both already.
    """
    lang = words.lang
    heads = ["project", "stage", "planned", "invested", "progress", "expected", "delay", "blocked", *(() if brief else ("owner",))]
    body = [
        [
            _name(row, lang, not brief),
            [stage_word(row.stage, lang, "project"), html.Small(t(f"ledger.stage_from_{row.stage_from}", lang))] if row.stage else nothing(lang),
            money(row.project.investment_yi_yuan, lang) if row.project.investment_yi_yuan is not None else None,
            money(row.invested_yi_yuan, lang) if row.invested_yi_yuan is not None else None,
            formats.share(row.progress_share, lang) if row.progress_share is not None else None,
            row.expected_on.isoformat() if row.expected_on else None,
            _delay(row.delay_days, lang),
            _blocked(row, words),
            *(() if brief else (owner_cell(row.project.lead_depts_zh, row.is_simulated, words),)),
        ]
        for row in rolling(rows)
    ]  # fmt: skip
    return table([t(f"ledger.prj.{h}", lang) for h in heads], body, lang, numeric=(2, 3, 4), class_name="project-table wide-table", first=FIRST)


def group_table(rows: Sequence[LedgerProject], words: ListWords) -> html.Div:
    """Rows that state a total of several projects, apart from the named ones: they are never added to them."""
    lang = words.lang
    body = [
        [_name(row, lang, True), str(row.project.n_projects) if row.project.n_projects is not None else None,
         stage_word(row.stage, lang, "project") if row.stage else nothing(lang),
         money(row.project.investment_yi_yuan, lang) if row.project.investment_yi_yuan is not None else None,
         owner_cell(row.project.lead_depts_zh, row.is_simulated, words)]
        for row in rows
    ]  # fmt: skip
    heads = [t(f"ledger.prj.{h}", lang) for h in ("group", "number", "stage", "planned", "owner")]
    return table(heads, body, lang, numeric=(1, 3), class_name="project-table wide-table", first=FIRST)


def nothing(lang: Lang) -> html.Span:
    """What neither the document nor a report gives."""
    return html.Span(t("ledger.not_given", lang), className="nothing")


def _name(row: LedgerProject, lang: Lang, with_clause: bool) -> html.Span:
    project = row.project
    facts = [printed.domain_words(project.domain, lang)]
    if project.row_type == "programme":
        facts.append(t("ledger.programme", lang))
    if project.n_projects is not None and project.row_type != "group":
        facts.append(t("ledger.n_projects", lang, n=project.n_projects))
    return html.Span([html.B(pick(project.name_zh, project.name_en, lang)),
                      html.Small(clause_facts(project.clause if with_clause else "", facts, lang))], className="two-lines")  # fmt: skip


def _delay(days: int | None, lang: Lang) -> Any:
    if not days:
        return None
    return t("ledger.late_days" if days > 0 else "ledger.early_days", lang, n=abs(days))


def _blocked(row: LedgerProject, words: ListWords) -> Any:
    lang = words.lang
    if row.blocked is None:
        return None
    if not row.blocked:
        return t("ledger.not_blocked", lang)
    cause = html.Span(row.blocked_cause or t("ledger.no_cause", lang), lang="zh")
    owner = owner_names([row.blocked_owner], words.departments)[0] if row.blocked_owner else t("ledger.no_blocker", lang)
    return html.Span([mark(t("ledger.blocked", lang), "warn"), " ", cause, html.Small(t("ledger.blocked_by", lang, owner=owner))],
                     className="blocked")  # fmt: skip
