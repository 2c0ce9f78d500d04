"""Departments of the plans side by side: what each leads, by status, ranked by a stated method that is fair to small ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dash import html

from components import formats
from components.i18n import Lang, pick, t
from components.ledger.listing import ListWords
from components.ledger.words import simulated_mark, status_sign, status_word
from components.states import mark
from components.table import table
from data_pipeline.ledger.types import STATUSES, DepartmentBoard


def board_name(board: DepartmentBoard, lang: Lang) -> str:
    """The office in the language of the page."""
    return pick(board.department.dept_zh, board.department.dept_en, lang)


def ordered(boards: Sequence[DepartmentBoard]) -> list[DepartmentBoard]:
    """By rank; those without a rank after them by what they lead, then by what they share."""
    return sorted(boards, key=lambda b: (b.rank is None, b.rank or 0, -b.led, -b.shared))


def strip(board: DepartmentBoard, lang: Lang) -> html.Span:
    """One sign a led target, the worst first; nothing is averaged."""
    signs: list[Any] = []
    for status in STATUSES:
        n = board.by_status.get(status, 0)
        if n:
            signs.append(html.Span([status_sign(status) for _ in range(n)], className="signs", title=f"{status_word(status, lang)} {n}"))
    label = "；".join(f"{status_word(s, lang)} {board.by_status[s]}" for s in STATUSES if board.by_status.get(s))
    return html.Span(signs, className="sign-strip", role="img", **{"aria-label": label})


def board_table(
    boards: Sequence[DepartmentBoard], words: ListWords, count_href: Callable[[str], str]
) -> html.Div:  # fmt: skip
    """A row a department: rank, what it leads as signs, counts by kind, overdue targets and reports."""
    lang = words.lang
    heads = ("rank", "department", "led", "signs", "on_pace", "behind", "overdue", "no_data", "late_reports", "score", "shared")
    body = []
    for board in ordered(boards):
        behind = sum(board.by_status.get(s, 0) for s in ("behind", "at_risk"))
        name = board.department.dept_zh
        body.append([
            str(board.rank) if board.rank is not None else html.Span(t("ledger.no_rank", lang), className="nothing"),
            [html.A(board_name(board, lang), href=words.department_href(name)), " ", *simulated_mark(board.is_simulated, lang)],
            html.A(str(board.led), href=count_href(name)) if board.led else "0",
            strip(board, lang),
            _of(board.on_pace, board.judged, lang), _count(behind), _count(board.overdue_targets), _count(board.by_status.get("no_data", 0)),
            mark(str(board.overdue_reports), "warn") if board.overdue_reports else _count(0),
            formats.share(board.score, lang) if board.rank is not None else None,
            _count(board.shared),
        ])  # fmt: skip
    return table([t(f"ledger.dept.{h}", lang) for h in heads], body, lang, numeric=(2, 4, 5, 6, 7, 8, 9, 10),
                 class_name="wide-table department-table", first=8)  # fmt: skip


def sharing(boards: Sequence[DepartmentBoard], words: ListWords) -> html.Div:
    """Departments that lead nothing and only share: a name and a count each."""
    lang = words.lang
    items = [html.Span([html.A(board_name(b, lang), href=words.department_href(b.department.dept_zh)), html.Small(str(b.shared))])
             for b in sorted(boards, key=lambda b: -b.shared)]  # fmt: skip
    return html.Div(items, className="sharing")


def facts(board: DepartmentBoard, lang: Lang) -> html.Div:
    """The counts of one department as figures."""
    behind = sum(board.by_status.get(s, 0) for s in ("behind", "at_risk"))
    cells = [
        ("led", str(board.led), ""), ("on_pace", _of(board.on_pace, board.judged, lang) or "—", ""), ("behind", str(behind), ""),
        ("overdue", str(board.overdue_targets), ""), ("no_data", str(board.by_status.get("no_data", 0)), ""),
        ("late_reports", str(board.overdue_reports), "is-warn" if board.overdue_reports else ""), ("shared", str(board.shared), ""),
        ("rank", str(board.rank) if board.rank is not None else t("ledger.no_rank", lang), ""),
    ]  # fmt: skip
    return html.Div(
        [html.Div([html.Span(t(f"ledger.dept.{name}", lang), className="fig-name"), html.B(value)], className=f"target-figure {tone}")
         for name, value, tone in cells],
        className="target-figures",
    )  # fmt: skip


def _of(part: int, whole: int, lang: Lang) -> str | None:
    return t("ledger.part_of", lang, part=part, whole=whole) if whole else None


def _count(n: int) -> Any:
    return str(n) if n else html.Span("0", className="nothing")
