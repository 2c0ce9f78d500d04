"""Empty, missing and failed: every box says why there is nothing in it."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from components.i18n import Lang, t


def empty(text: str, hint: str = "", *, links: Sequence[tuple[str, str]] = (), id: str | None = None) -> html.Div:
    """A box without data: what is missing, why or what to do, and where to go (label, href)."""
    children: list = [html.P(text, className="empty-text")]
    if hint:
        children.append(html.P(hint, className="empty-hint"))
    if links:
        children.append(html.P([html.A(label, href=href, className="button") for label, href in links]))
    return html.Div(children, className="empty", **({"id": id} if id else {}))


def mark(text: str, kind: str = "plain", title: str = "") -> html.Span:
    """A small word beside a figure. `kind`: plain, simulated, warn, alert."""
    return html.Span(text, className=f"mark mark-{kind}", **({"title": title} if title else {}))


def simulated_badge(simulated_share: float | None, lang: Lang, id: str) -> html.Span:
    """The header's badge: simulated, partly simulated, or nothing (hidden) where all data are real."""
    if not simulated_share:
        return html.Span("", id=id, className="badge is-hidden")
    text = t("live.simulated" if simulated_share >= 1 else "live.part_simulated", lang)
    return html.Span(text, id=id, className="badge")
