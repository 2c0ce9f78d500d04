"""What a desk does with any page: search, watch, compare, share, print. `assets/desk.js` and `search.js` do the work."""

from __future__ import annotations

from typing import Any

from dash import html

from components.i18n import LANGS, Lang, t
from components.svg import Svg

STROKE = {"fill": "none", "stroke": "currentColor", "strokeWidth": 1.6, "strokeLinecap": "round", "strokeLinejoin": "round"}
STAR = "M8 1.8l1.9 4 4.3.5-3.2 3 .9 4.3L8 11.4l-3.9 2.2.9-4.3-3.2-3 4.3-.5z"


def icon(name: str) -> Svg:
    """A drawn sign of 16 × 16 in the colour of the text around it: search, star, more, download."""
    parts: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "search": [("circle", {"cx": 6.8, "cy": 6.8, "r": 4.6, **STROKE}), ("path", {"d": "M10.3 10.3L14.2 14.2", **STROKE})],
        "star": [("path", {"d": STAR, **STROKE, "strokeWidth": 1.3})],
        "more": [("circle", {"cx": x, "cy": 8, "r": 1.4, "fill": "currentColor"}) for x in (3, 8, 13)],
        "download": [("path", {"d": "M8 2v8M4.7 7L8 10.3 11.3 7M2.8 13.6h10.4", **STROKE})],
    }  # fmt: skip
    return Svg(parts[name], viewBox="0 0 16 16", className="icon-drawn")


def search_button(lang: Lang) -> html.Button:
    """Opens the search; the key `/` does the same."""
    return html.Button(icon("search"), className="tool-button", title=t("search.open", lang), id="search-open",
                       **{"data-do": "search", "aria-label": t("search.open", lang), "aria-haspopup": "dialog", "aria-keyshortcuts": "/"})


def search_dialog() -> html.Div:
    """The empty search, mounted once for all pages; its words in every language stand in `data-…`."""
    words = {f"data-{key}-{lang}": t(f"search.{key}", lang) for key in ("title", "hint", "none", "failed", "start", "found", "close") for lang in LANGS}
    return html.Div(
        [
            html.Div(className="drawer-scrim", **{"data-close": "search"}),
            html.Div(id="search-panel", className="search-panel", role="dialog", **{"aria-modal": "true"}),
        ],
        id="search", className="search", hidden=True, **words,
    )  # fmt: skip


def menu(lang: Lang, *, watch_href: str, compare_href: str, theme_href: str, theme_words: str, theme_to: str, as_of: str, id: str) -> html.Details:
    """Watch list, comparison, both share links, print, theme (for the phone, where the header has no room for it).

    Parameters
    ----------
    as_of : str
        Moment of the snapshot on screen (ISO, with offset) for the frozen link; empty leaves that one out.
    """
    def does(what: str, words: str, **more: str) -> html.Button:
        return html.Button(words, className="menu-item", **{"data-do": what, **more})

    items: list[Any] = [
        html.A(t("watch.title", lang), href=watch_href, className="menu-item"),
        html.A(t("compare.title", lang), href=compare_href, className="menu-item"),
        does("share", t("share.copy", lang), **{"data-done": t("share.done", lang)}),
    ]
    if as_of:
        items.append(html.Span(does("share-frozen", t("share.frozen", lang), **{"data-done": t("share.frozen_done", lang), "data-as-of": as_of}), id=id))
    items += [
        does("print", t("print.print", lang)),
        html.A(theme_words, href=theme_href, className="menu-item phone-only", **{"data-theme-to": theme_to}),
        html.P(t("share.keys", lang), className="note menu-note desk-only"),
    ]
    return html.Details(
        [html.Summary(icon("more"), className="tool-button", title=t("share.menu", lang), **{"aria-label": t("share.menu", lang)}),
         html.Div(items, className="tool-menu-list")],
        className="tool-menu",
    )  # fmt: skip
