"""Plain tables: every cell text, a caption, pages by address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from components.i18n import Lang, t
from components.states import empty


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    lang: Lang,
    *,
    id: str | None = None,
    caption: str = "",
    numeric: Sequence[int] = (),
    class_name: str = "",
    first: int = 0,
) -> html.Div:
    """Rows as an HTML table that scrolls in its own box; without rows it says there are none.

    Parameters
    ----------
    columns : sequence of str
        Headings, already in `lang`.
    rows : sequence of sequences
        Cells: text, numbers already formatted, Dash components; None is an em dash.
    numeric : sequence of int
        Columns set right with tabular numerals.
    first : int
        On a phone, where a row is a card, rows after this many open by a tap; 0: all are shown.
    """
    own = {"id": id} if id else {}
    if not rows:
        return html.Div(empty(t("state.no_rows", lang)), className=f"table-box {class_name}", **own)
    right = set(numeric)
    head = html.Thead(html.Tr([html.Th(c, scope="col", className="is-number" if i in right else "")
                               for i, c in enumerate(columns)]))  # fmt: skip
    lines = [
        # on a phone a row is a card, and each cell carries its heading
        html.Tr([html.Td(html.Div("—" if cell is None else cell, className="cell"),
                         className=" ".join(["is-number"] * (i in right) + ["is-none"] * (cell is None)),
                         **{"data-label": columns[i]}) for i, cell in enumerate(row)])
        for row in rows
    ]  # fmt: skip
    bodies = [html.Tbody(lines)]
    if first and len(lines) > first + 1:
        rest = len(lines) - first
        bodies = [html.Tbody(lines[:first]), fold_body([t("table.more", lang, n=rest)], lines[first:], len(columns), is_open=False)]
    parts = [html.Caption(caption)] if caption else []
    return html.Div(html.Table([*parts, head, *bodies]), className=f"table-box {class_name}", **own)


def fold_body(head: Sequence[Any], lines: Sequence[html.Tr], columns: int, *, is_open: bool) -> html.Tbody:
    """A part of a table under a heading that is seen on a phone only, where a tap opens and shuts it (`assets/ledger.js`)."""
    said = str(is_open).lower()
    fold = html.Button(list(head), type="button", className="fold-head", **{"aria-expanded": said})
    top = html.Tr(html.Th(fold, colSpan=columns, scope="rowgroup"), className="group-head")
    return html.Tbody([top, *lines], **{"data-open": said})


def pager(offset: int, shown: int, limit: int, href_of: Any, lang: Lang) -> html.Nav:
    """Previous and next page of a long table. `href_of(offset)` gives the address."""
    parts: list[Any] = []
    if offset > 0:
        parts.append(html.A(t("table.previous", lang), href=href_of(max(offset - limit, 0)), className="button"))
    if shown:
        parts.append(html.Span(t("table.page", lang, first=offset + 1, last=offset + shown), className="note"))
    if shown == limit:
        parts.append(html.A(t("table.next", lang), href=href_of(offset + limit), className="button"))
    return html.Nav(parts, className="pager")
