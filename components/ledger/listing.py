"""The list of targets: a row each with goal, actual, path on the shared time axis, forecast and status."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dash import html

from components.i18n import Lang, has, pick, t
from components.ledger import printed
from components.ledger.paths import WIDTH, TimeAxis, small_path
from components.ledger.words import (
    amount,
    counts,
    join,
    owner_names,
    reason_words,
    short_day,
    simulated_mark,
    span,
    status_mark,
    status_sign,
    status_word,
    target_name,
)
from components.table import fold_body
from data_pipeline.ledger.types import STATUSES, LedgerTarget

COLUMNS = ("status", "name", "owner", "goal", "actual", "path", "forecast")
SORTS = ("status", "name", "owner", "goal", "actual", "forecast", "domain")
NEVER = date(9999, 12, 31)
NO_DEADLINE = "none"  # the filter for targets without a deadline
UNFOLDED = 12  # a list up to this long is whole on a phone, too


@dataclass(frozen=True)
class ListWords:
    """What a list of targets needs besides the rows: addresses, names of offices, language, the ledger's date."""

    lang: Lang
    departments: Mapping[str, str]
    target_href: Callable[[str], str]
    department_href: Callable[[str], str]
    status_href: Callable[[str], str]
    city: str
    on: date


def fold(rows: Sequence[LedgerTarget]) -> tuple[list[LedgerTarget], dict[str, list[LedgerTarget]]]:
    """The distinct targets, and for each the rows that restate it elsewhere in the same plan."""
    again: dict[str, list[LedgerTarget]] = {}
    for row in rows:
        if row.target.same_as:
            again.setdefault(row.target.same_as, []).append(row)
    return [row for row in rows if not row.target.same_as], again


def narrowed(rows: Sequence[LedgerTarget], only: Mapping[str, str]) -> list[LedgerTarget]:
    """The rows that match every filter given (plan, domain, department, deadline, kind, status); an empty value narrows nothing."""
    tests: dict[str, Callable[[LedgerTarget, str], bool]] = {
        "plan": lambda r, v: r.target.plan_id == v,
        "domain": lambda r, v: r.target.domain == v,
        "department": lambda r, v: v in r.leads or v in r.shares,
        "deadline": lambda r, v: (r.target.deadline or NO_DEADLINE) == v,
        "kind": lambda r, v: r.target.kind == v,
        "status": lambda r, v: r.status == v,
    }
    wanted = [(tests[name], value) for name, value in only.items() if value]
    return [row for row in rows if all(test(row, value) for test, value in wanted)]


def filter_words(rows: Sequence[LedgerTarget], only: Mapping[str, str], departments: Mapping[str, str], lang: Lang) -> list[str]:
    """The filters given, in words: what is narrowed and to what."""
    plans = {row.plan.plan_id: row.plan for row in rows}
    words: dict[str, Callable[[str], str]] = {
        "plan": lambda v: pick(plans[v].title_zh, plans[v].title_en, lang) if v in plans else v,
        "domain": lambda v: printed.domain_words(v, lang),
        "department": lambda v: departments.get(v, v),
        "deadline": lambda v: t("target.no_deadline", lang) if v == NO_DEADLINE else v,
        "kind": lambda v: t(f"target.{v}", lang) if has(f"target.{v}", lang) else v,
        "status": lambda v: status_word(v, lang) if v in STATUSES else v,  # type: ignore[arg-type]
    }
    return [f"{t(f'ledger.filter.{name}', lang)} {words[name](value)}" for name, value in only.items() if value]


def sort_rows(rows: Sequence[LedgerTarget], by: str, lang: Lang) -> list[LedgerTarget]:
    """`rows` in the order of a column, `-` before it turns it round; by status the worst first.

    Rows of one status follow the share of the way they have come, least first, so that the
    farthest from its promise stands on top; rows without a figure follow those with one.
    """
    name, backwards = by.removeprefix("-"), by.startswith("-")
    keys: dict[str, Callable[[LedgerTarget], Any]] = {
        "status": _worst,
        "name": lambda r: target_name(r.target, lang),
        "owner": lambda r: (not r.leads, r.leads),
        "goal": lambda r: r.target.deadline or NEVER.isoformat(),
        "actual": lambda r: -1e9 if r.pace is None or r.pace.progress_share is None else r.pace.progress_share,
        "forecast": lambda r: r.pace.earliest_reach or NEVER if r.pace else NEVER,
        "domain": lambda r: r.target.domain,
    }
    return sorted(sorted(rows, key=_worst), key=keys[name], reverse=backwards)


def _worst(row: LedgerTarget) -> tuple:
    share = row.pace.progress_share if row.pace and row.pace.progress_share is not None else None
    return (STATUSES.index(row.status), share is None, share or 0.0, row.target.deadline or NEVER.isoformat())


def status_counts(rows: Sequence[LedgerTarget], lang: Lang, chosen: str, href: Callable[[str | None], str]) -> html.Nav:
    """How many targets stand where; each count shows only its own. Nothing is averaged."""
    total = html.A([html.B(str(len(rows))), html.Span(t("ledger.all_targets", lang))], href=href(None),
                   className="count" + ("" if chosen else " is-active"))  # fmt: skip
    each = [
        html.A([html.B(str(n)), html.Span([status_sign(status), status_word(status, lang)])],
               href=href(None if chosen == status else status), title=t(f"ledger.why.{status}", lang),
               className=f"count is-{status}{' is-active' if chosen == status else ''}")
        for status, n in counts(rows).items()
    ]  # fmt: skip
    return html.Nav([total, *each], className="status-counts", **{"aria-label": t("ledger.by_status", lang)})


def target_table(
    rows: Sequence[LedgerTarget], again: Mapping[str, Sequence[LedgerTarget]], axis: TimeAxis, words: ListWords, *,
    sort: str = "status", sort_href: Callable[[str], str] | None = None,
) -> html.Div:  # fmt: skip
    """The rows as a table; on a phone each row is a card, and of a long list only the first group is open.

    Parameters
    ----------
    rows : already filtered and sorted
    again : original's id → rows that restate it (`fold`)
    axis : the time axis all paths share
    sort, sort_href : the present order, and the address of another one
    """
    lang = words.lang
    if not rows:
        return html.Div(html.P(t("ledger.none_match", lang), className="empty-text"), className="empty")
    body = []
    for number, (head, part) in enumerate(_groups(rows, sort, lang)):
        lines = [_row(row, again.get(row.target.target_id, ()), axis, words) for row in part]
        body.append(fold_body(head, lines, len(COLUMNS), is_open=number == 0) if head else html.Tbody(lines))
    return html.Div(
        html.Table([html.Thead(html.Tr([_head(c, axis, lang, sort, sort_href) for c in COLUMNS])), *body]),
        className="target-table",
    )


def _groups(rows: Sequence[LedgerTarget], sort: str, lang: Lang) -> list[tuple[list[Any], Sequence[LedgerTarget]]]:
    """The parts of a list with their headings: by status where it stands in that order, else the first and the rest."""
    if len(rows) <= UNFOLDED:
        return [([], rows)]
    if sort != "status":
        return [([], rows[:UNFOLDED]), ([t("ledger.more_targets", lang, n=len(rows) - UNFOLDED)], rows[UNFOLDED:])]
    return [([status_sign(status), status_word(status, lang), html.B(str(n))], [row for row in rows if row.status == status])
            for status, n in counts(rows).items()]  # fmt: skip


def _head(column: str, axis: TimeAxis, lang: Lang, sort: str, href: Callable[[str], str] | None) -> html.Th:
    words = t(f"ledger.col.{column}", lang)
    if column == "path":
        return html.Th(axis_scale(axis, lang), scope="col", className="c-path")
    if href is None or column not in SORTS:
        return html.Th(words, scope="col", className=f"c-{column}")
    active = sort.removeprefix("-") == column
    order = "descending" if active and sort.startswith("-") else "ascending" if active else "none"
    to = f"-{column}" if sort == column else column
    link = html.A(words, href=href(to), className=f"sort is-{order}", title=t("ledger.sort_by", lang, column=words))
    return html.Th(link, scope="col", className=f"c-{column}", **{"aria-sort": order})


def axis_scale(axis: TimeAxis, lang: Lang) -> html.Div:
    """The years over the paths, and where the ledger's date lies."""
    years = axis.years()
    at = axis.x(axis.on) / WIDTH
    # a year that would stand under the date's own words, or run out of the column, is left to its line
    taken = (at - 0.14, at + 0.02) if at > 0.85 else (at - 0.1, at + 0.14)
    marks = [html.Span(str(year), style={"left": f"{share:.1%}"}) for year, share in years
             if share < 0.95 and not taken[0] < share < taken[1]]  # fmt: skip
    marks.append(html.B(t("ledger.on_short", lang, month=axis.on.month, day=axis.on.day), style={"left": f"{at:.1%}"},
                        className="is-left" if at > 0.85 else ""))  # fmt: skip
    return html.Div(marks, className="axis-scale", title=t("ledger.axis", lang))


def _row(row: LedgerTarget, again: Sequence[LedgerTarget], axis: TimeAxis, words: ListWords) -> html.Tr:
    lang, target = words.lang, row.target
    reason = reason_words(row, lang)
    about = [printed.domain_words(target.domain, lang)]
    if target.is_provincial:
        about.insert(0, t("target.provincial", lang))
    if target.is_milestone:
        about.append(t("ledger.milestone", lang))
    cell = [html.A(target_name(target, lang), href=words.target_href(target.target_id)), html.Small(clause_facts(target.clause, about, lang))]
    if again:
        where = [part for r in again for part in (*clause_facts(r.target.clause, (), lang), f" {printed.target_value(r.target, lang)} ")]
        cell.append(html.Small([t("ledger.restated", lang), " ", *where]))
    cells = [
        html.Td(status_mark(row.status, lang, reason), className="c-status"),
        html.Td(cell, className="c-name"),
        html.Td(owner_cell(row.leads, row.is_simulated, words), className="c-owner"),
        html.Td(_goal(row, lang), className="c-goal", **_label("goal", lang)),
    ]
    if row.status == "not_measurable":
        cells.append(html.Td(reason, className="c-text", colSpan=3))
    else:
        cells += [
            html.Td(_actual(row, words), className="c-actual", **_label("actual", lang)),
            html.Td(small_path(row, axis), className="c-path"),
            html.Td(_forecast(row, lang), className="c-forecast", **_label("forecast", lang)),
        ]
    return html.Tr(cells, className=f"is-{row.status}")


def _label(column: str, lang: Lang) -> dict[str, str]:
    """The heading a cell carries on a phone, where a row is a card."""
    return {"data-label": t(f"ledger.col.{column}", lang)}


def owner_cell(names_zh: Sequence[str], is_simulated: bool, words: ListWords) -> list[Any]:
    """The first office with its page, how many more, and whether what it reported is simulated."""
    lang = words.lang
    if not names_zh:
        return [html.Small(t("target.no_lead", lang)), " ", *simulated_mark(is_simulated, lang)]
    first, *others = names_zh
    found: list[Any] = [html.A(owner_names([first], words.departments)[0], href=words.department_href(first)), " "]
    if others:
        found += [html.Small(t("ledger.and_more", lang, n=len(others)), title=join(owner_names(others, words.departments), lang)), " "]
    return [*found, *simulated_mark(is_simulated, lang)]


def clause_facts(clause: str, facts: Sequence[str], lang: Lang) -> list[Any]:
    """The clause and what else stands under a name. Clauses are quoted as the document numbers them."""
    if not clause:
        return [" · ".join(facts)]
    if lang == "zh":
        return [" · ".join([t("target.clause", lang, clause=clause), *facts])]
    before, after = t("target.clause", lang, clause="|").split("|")
    return [before, html.Span(clause, lang="zh"), after, "".join(f" · {fact}" for fact in facts)]


def _goal(row: LedgerTarget, lang: Lang) -> list[Any]:
    target = row.target
    strive = [t("ledger.strive", lang)] if target.strength == "strive" else []
    due = short_day(target.deadline) if target.deadline else t("target.no_deadline", lang)
    return [printed.target_value(target, lang), html.Small(_parts([due, *strive]))]


def _parts(facts: Sequence[str]) -> list[Any]:
    """Facts in one line that breaks between them, never within one."""
    return [part for i, fact in enumerate(facts) for part in ([" · "] * (i > 0) + [html.Span(fact)])]


def figure_key(city: str, row: LedgerTarget, on: date) -> str:
    """`target|city|id|date`: the figure of a target a click explains (`pages.plan.figure`)."""
    return f"target|{city}|{row.target.target_id}|{on.isoformat()}"


def _actual(row: LedgerTarget, words: ListWords) -> list[Any]:
    lang, target = words.lang, row.target
    if row.pace is None and row.last_report is None:
        found: list[Any] = [html.Span(t("target.no_actual", lang), className="nothing")]
        return [*found, *_late(row, lang)]
    if row.pace is not None and target.value is not None:
        said = amount(row.pace.actual, target, lang)
        at = row.pace.actual_on
    else:
        stage = row.last_report.stage if row.last_report else ""
        said = t(f"ledger.stage.{stage}", lang) if stage else t("state.no_data", lang)
        at = row.last_report.data_on if row.last_report else row.pace.actual_on  # type: ignore[union-attr]
    source = t(f"ledger.from_{row.actual_from}", lang) if row.actual_from else ""
    key = {"data-figure": figure_key(words.city, row, words.on), "aria-label": f"{target_name(target, lang)} {said}"}
    return [
        html.Button(said, className="fig", **key),
        html.Small(_parts([x for x in (at.isoformat(), source) if x])),
        *_late(row, lang),
    ]


def _late(row: LedgerTarget, lang: Lang) -> list[Any]:
    if not row.report_overdue_days:
        return []
    return [html.Small(t("ledger.report_late", lang, n=row.report_overdue_days), className="tone-warn")]


def _forecast(row: LedgerTarget, lang: Lang) -> list[Any]:
    """What is to come: the forecast with its interval; when it was done where it is done."""
    pace, target = row.pace, row.target
    if row.done_on is not None:
        return [html.Small(t("ledger.reached_on", lang, date=short_day(row.done_on)))]
    if pace is not None and pace.forecast is not None and target.value is not None:
        return [
            html.Span(amount(pace.forecast.value, target, lang)),
            html.Small([f"{span(pace.forecast.low, pace.forecast.high, target, lang)} · ", html.Span(pace.forecast.on.isoformat())],
                       title=t("ledger.interval", lang, level=round(pace.forecast.level * 100))),
        ]  # fmt: skip
    said = row.last_report
    if target.value is None and said is not None and said.expected_on is not None:
        return [html.Small(t("ledger.expected_on", lang, date=short_day(said.expected_on)))]
    return [html.Small(t("ledger.no_forecast", lang), className="nothing")]
