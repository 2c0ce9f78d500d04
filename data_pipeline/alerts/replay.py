"""What the rules would have said while a history came in: alerts that opened and closed before anybody watched.

A history is delivered in one go, and `evaluate` only looks at the present. So that the list of a city
just built does not begin with a blank, its rules are followed through the periods of the history, one
after the other, with the very judgement `evaluate` uses. Lateness is not replayed: a history has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from data_pipeline.alerts.evaluate import Point, areas_of, change, is_sound, judge, points_of
from data_pipeline.alerts.rules import Rule, load_rules
from data_pipeline.alerts.state import AlertRow, append, present
from data_pipeline.alerts.usual import WEEKS, bands_among, wants_band
from data_pipeline.times import SUB_DAY_SECONDS

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.store.lake import Lake


def replay(lake: Lake, pack: Pack, start_utc: datetime, until_utc: datetime, *, commit_seq: int) -> int:
    """Open and close alerts for the whole periods of [start, until), each at the end of its period.

    Parameters
    ----------
    lake : the writer's lake, inside its transaction
    start_utc, until_utc : naive UTC

    Returns
    -------
    int
        Rows appended to `alerts`. A city that has alerts already was watched: nothing is written.
    """
    if present(lake, pack.id):
        return 0
    rules = [rule for rule in load_rules(pack) if rule.kind == "metric"]
    since = {(r.metric, str(r.grain)): start_utc for r in rules}
    since |= {(r.metric, _past_grain(r)): start_utc - timedelta(weeks=WEEKS) for r in rules if wants_band(r)}
    points = points_of(lake, pack, since, until_utc)
    rows: list[AlertRow] = []
    for rule in rules:
        for area in areas_of(rule, pack):
            trail = [p for p in points.get((rule.metric, str(rule.grain), area), []) if p.start >= start_utc]
            past = points.get((rule.metric, _past_grain(rule), area), []) if wants_band(rule) else []
            values = {p.start: p.value for p in past if p.value is not None}
            rows += _followed(pack, rule, area, trail, values, commit_seq)
    return append(lake, sorted(rows, key=lambda row: row.changed_at_utc))


def _past_grain(rule: Rule) -> str:
    """The grain a rule's usual range is taken from."""
    return "day" if rule.grain == "day" else "hour"


def _followed(
    pack: Pack, rule: Rule, area: str, trail: list[Point], past: Mapping[datetime, float], commit_seq: int
) -> list[AlertRow]:
    """Every opening and closing of one rule in one area; `past`: what its usual range is taken from."""
    found: list[AlertRow] = []
    last: AlertRow | None = None
    bound = rule.when.model_copy(update={"band": None})
    begin = 0  # of the unbroken run of usable periods
    for at, point in enumerate(trail):
        if not is_sound(point, rule):
            begin = at + 1
            continue
        if at > begin and trail[at - 1].end != point.start:
            begin = at
        is_open = last is not None and last.state != "closed"
        # most periods are quiet: only where the figure is beyond the bound, or an alert is open, is there anything to judge
        if not is_open and rule.when.value is not None and not bound.holds(float(point.value), None):  # type: ignore[arg-type]
            continue
        run = trail[max(begin, at - _longest(rule)) : at + 1]
        needed = max(rule.hold_periods, rule.clear_periods)
        usual = bands_among(past, pack, rule, [p.start for p in run[-needed:]])
        bands = {(area, begun): band for begun, band in usual.items()}
        what = judge(rule, pack, area, run, bands, last)
        row = change(rule, pack, f"{pack.id}/{rule.id}/{area}", what, last, commit_seq, point.end)
        if row is None or (is_open and row.state != "closed"):
            continue
        last = replace(row, is_simulated=point.is_simulated)
        found.append(last)
    return found


def _longest(rule: Rule) -> int:
    """How many periods back the beginning of a condition is looked for: a day of short ones, a month of days."""
    if rule.grain in SUB_DAY_SECONDS:
        return max(86_400 // SUB_DAY_SECONDS[rule.grain], rule.hold_periods, rule.clear_periods)
    return 31
