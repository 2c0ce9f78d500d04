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
    """
    own = {"id": id} if id else {}
    if not rows:
        return html.Div(empty(t("state.no_rows", lang)), className=f"table-box {class_name}", **own)
    right = set(numeric)
    head = html.Thead(html.Tr([html.Th(c, scope="col", className="is-number" if i in right else "")
                               for i, c in enumerate(columns)]))  # fmt: skip
    body = html.Tbody(
        [
            # on a phone a row is a card, and each cell carries its heading
            html.Tr([html.Td(html.Div("—" if cell is None else cell, className="cell"), className="is-number" if i in right else "",
                             **{"data-label": columns[i]}) for i, cell in enumerate(row)])
            for row in rows
        ]
    )  # fmt: skip
    parts = [html.Caption(caption)] if caption else []
    return html.Div(html.Table([*parts, head, body]), className=f"table-box {class_name}", **own)


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
