"""The bar of the replay: what is shown, the moment, and what `assets/replay.js` needs to build its slider."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from dash import html

from components.i18n import Lang, t
from data_pipeline.times import to_local

WORDS = ("mode", "happened", "known", "step", "step_hour", "step_day", "step_month", "slider", "play", "pause", "earlier", "later",
         "speed", "live", "loading", "failed")  # fmt: skip
HINTS = ("happened_hint", "known_hint")


def bar(
    at_utc: datetime, live_utc: datetime, mode: Literal["happened", "known"], step: str, tz: ZoneInfo, lang: Lang, *, can_play: bool, live_href: str,
) -> html.Section:  # fmt: skip
    """The bar over a page that looks back: it says so with the moment, whether or not a script runs.

    Parameters
    ----------
    at_utc, live_utc : the moment shown and the clock's real one, naive UTC
    can_play : the script puts slider and buttons into it; without, the moment and the way back stand alone
    live_href : address of the same page in the present
    """
    local = f"{to_local(at_utc, tz):%Y-%m-%dT%H:%M}"
    data = {
        "data-at": local, "data-now": f"{to_local(live_utc, tz):%Y-%m-%dT%H:%M}", "data-mode": mode, "data-step": step,
        **({f"data-{w.replace('_', '-')}-words": t(f"replay.{w}", lang) for w in (*WORDS, *HINTS)} if can_play else {}),
    }  # fmt: skip
    said = [html.Strong(t("replay.title", lang), className="replay-mark"), html.Span(local.replace("T", " "), className="replay-moment"),
            html.Span(t(f"replay.{mode}", lang), className="replay-mode", title=t(f"replay.{mode}_hint", lang))]  # fmt: skip
    return html.Section(
        [
            html.Div(said, className="replay-said", role="status"),
            html.Div(id="replay-controls", className="replay-controls", **data) if can_play else html.Span(t("replay.frozen", lang), className="note"),
            html.A(t("replay.live", lang), href=live_href, className="button replay-live"),
        ],
        className="replay-bar", id="replay", **{"aria-label": t("replay.title", lang)},
    )  # fmt: skip
