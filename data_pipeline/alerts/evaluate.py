"""Rules → alerts: open, update and close, inside the writer's transaction.

What opens an alert is read from the readings of the same transaction, so an alert and the figure
it speaks about belong to one snapshot. Only whole periods count. No alert rises from a late
source, from a reading below the rule's completeness, or from one that is too old to act on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from data_pipeline.alerts import words
from data_pipeline.alerts.rules import LEVELS, Condition, Rule, load_rules
from data_pipeline.alerts.state import SYSTEM, AlertRow, after, alert_id, append, present
from data_pipeline.alerts.usual import usual_bands
from data_pipeline.metrics import metrics
from data_pipeline.times import SUB_DAY_SECONDS, period_end

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.store.lake import Lake

CATCHING_UP = timedelta(hours=1)  # the time over which a backlog's progress is judged
STILL_COMING = timedelta(minutes=10)  # a backlog that pauses longer than this has ended
REFRESH = timedelta(hours=1)  # an alert that only gets older is written again at most this often
LOOK_BACK = {"day": timedelta(days=31), "week": timedelta(days=120)}
_SUB_DAY_LOOK_BACK = timedelta(hours=24)
_LONG_LOOK_BACK = timedelta(days=800)
_NO_CADENCE = timedelta(days=1)  # a source that promises no rhythm: its last period may be this old
# a figure whose completeness nobody knows counts as complete unless the reading itself says otherwise
_COMPLETENESS = (
    "CASE WHEN expected_n > 0 AND reported_n IS NOT NULL THEN least(reported_n / expected_n, 1.0) "
    "WHEN status IN ('missing', 'suppressed') THEN 0.0 ELSE 1.0 END"
)


@dataclass(frozen=True)
class Point:
    """One period of a figure as rules see it."""

    start: datetime
    end: datetime
    value: float | None
    completeness: float
    is_simulated: bool


@dataclass(frozen=True)
class _Found:
    """What a rule says about one subject now. `state`: `fires`, `clears` or `waits` (neither)."""

    state: str
    area_id: str
    metric: str | None
    value: float | None
    title: tuple[str, str]
    is_simulated: bool


def evaluate(
    lake: Lake, packs: Mapping[str, Pack], cities: Iterable[str], *, commit_seq: int, now: datetime
) -> int:
    """Open, update and close the alerts of the cities a commit touched.

    Parameters
    ----------
    lake : the writer's lake, inside its transaction
    packs : city id → pack
    cities : ids of the cities to look at; ids without a pack are passed over
    commit_seq : number of the commit
    now : naive UTC; the age of data is measured against it

    Returns
    -------
    int
        Rows appended to `alerts` (a row a change).

    Raises
    ------
    DeclarationError
        A pack's `alerts.toml` is wrong; all problems are listed.
    """
    changes: list[AlertRow] = []
    for city in sorted(set(cities)):
        pack = packs.get(city)
        if pack is not None:
            changes += _city(lake, pack, load_rules(pack), commit_seq, now)
    return append(lake, changes)


def _city(lake: Lake, pack: Pack, rules: tuple[Rule, ...], commit_seq: int, now: datetime) -> list[AlertRow]:
    newest: dict[str, AlertRow] = {row.subject: row for row in present(lake, pack.id)}
    if not rules and not newest:
        return []
    late = _late(lake, pack, now)
    points = points_of(lake, pack, _since_when((r for r in rules if r.kind == "metric"), now), now)
    changes = _withdrawn(pack, rules, newest, commit_seq, now)
    for rule in rules:
        if rule.kind == "freshness":
            found = _freshness(rule, pack, late, newest, now, lake)
        else:
            found = _metric(rule, pack, points, late, newest, now, lake)
        for subject, what in found.items():
            row = change(rule, pack, subject, what, newest.get(subject), commit_seq, now)
            if row is not None:
                changes.append(row)
    return changes


def change(
    rule: Rule, pack: Pack, subject: str, found: _Found, last: AlertRow | None, commit_seq: int, now: datetime
) -> AlertRow | None:
    """The row to append, None where nothing changes."""
    is_open = last is not None and last.state != "closed"
    if not is_open:
        if found.state != "fires":
            return None
        return AlertRow(
            alert_id=alert_id(subject, now), city=pack.id, rule_id=rule.id, area_id=found.area_id, metric=found.metric,
            state="open", severity=rule.severity, department=rule.department, opened_at_utc=now, changed_at_utc=now,
            changed_by=SYSTEM, value=found.value, note="", title_zh=found.title[0], title_en=found.title[1],
            is_simulated=found.is_simulated, commit_seq=commit_seq,
        )  # fmt: skip
    assert last is not None
    changed = replace(
        last, value=found.value, title_zh=found.title[0], title_en=found.title[1], changed_by=SYSTEM, note="",
        changed_at_utc=after(last, now), commit_seq=commit_seq, is_simulated=last.is_simulated or found.is_simulated,
    )  # fmt: skip
    if found.state == "clears":
        return replace(changed, state="closed")
    if found.state != "fires":
        return None
    same_figure = _shown(last.value, rule) == _shown(found.value, rule)
    if same_figure and now - last.changed_at_utc < REFRESH:
        return None
    return replace(changed, changed_by=last.changed_by, note=last.note)  # who has it in hand stays named


def _withdrawn(
    pack: Pack, rules: tuple[Rule, ...], newest: Mapping[str, AlertRow], commit_seq: int, now: datetime
) -> list[AlertRow]:
    """Close what nobody watches any more: its rule, area or source was taken out of the pack."""
    watched = {rule.id: rule for rule in rules}
    rows = []
    for last in newest.values():
        rule = watched.get(last.rule_id)
        if last.state == "closed" or (rule is not None and _watches(rule, pack, last)):
            continue
        note = f"rule {last.rule_id} no longer watches this"
        moment = after(last, now)
        rows.append(
            replace(last, state="closed", changed_by=SYSTEM, changed_at_utc=moment, note=note, commit_seq=commit_seq)
        )
    return rows


def _watches(rule: Rule, pack: Pack, last: AlertRow) -> bool:
    dataset = metrics()[rule.metric].dataset if rule.kind == "metric" else last.subject.rsplit("/", 1)[1]
    source = pack.sources.get(dataset)
    if source is None or source.state == "off":
        return False
    if rule.kind == "metric":
        return last.metric == rule.metric and last.area_id in areas_of(rule, pack)
    return not rule.datasets or dataset in rule.datasets


def _shown(value: float | None, rule: Rule) -> str | None:
    """A value as a person sees it: smaller changes are none."""
    if value is None or rule.kind == "freshness":
        return None
    return words.number(value, metrics()[rule.metric])[1]


# ------------------------------------------------------------------ freshness


def _late(lake: Lake, pack: Pack, now: datetime) -> dict[str, timedelta]:
    """Dataset → time past due, negative while in time; datasets without a promised rhythm are absent."""
    # here, not above: the queries read packs, packs are checked with rules
    from data_pipeline.queries.lateness import past_due

    rows = lake.frame("SELECT dataset, last_event_utc, last_received_utc FROM source_state WHERE city = ?", [pack.id])
    sources = ((pack.sources.get(dataset), event, received) for dataset, event, received in rows.iter_rows())
    found = {s.dataset: past_due(s, event, received, now) for s, event, received in sources if s is not None}
    return {dataset: late for dataset, late in found.items() if late is not None}


def _freshness(
    rule: Rule,
    pack: Pack,
    late: Mapping[str, timedelta],
    newest: Mapping[str, AlertRow],
    now: datetime,
    lake: Lake,
) -> dict[str, _Found]:
    """What a freshness rule says about each source. A source that is catching up opens nothing."""
    place = (pack.name_zh, pack.name_en)
    watched = {dataset: past for dataset, past in late.items() if not rule.datasets or dataset in rule.datasets}
    minutes = {dataset: past.total_seconds() / 60 for dataset, past in watched.items()}
    firing = {dataset for dataset, m in minutes.items() if rule.when.holds(m, None)}
    subjects = {dataset: f"{pack.id}/{rule.id}/{dataset}" for dataset in watched}
    fresh = {d for d in firing if (last := newest.get(subjects[d])) is None or last.state == "closed"}
    coming = _catching_up(lake, pack, now) if fresh else set()
    found = {}
    for dataset, past_due in watched.items():
        fires = dataset in firing and not (dataset in fresh and dataset in coming)
        clears = rule.clear.holds(minutes[dataset], None) if rule.clear else dataset not in firing
        state = "fires" if fires else "clears" if clears else "waits"
        source = pack.sources[dataset]
        names = (source.name_zh, source.name_en)
        title = words.late_title(place, names, past_due) if fires else words.arrived_title(place, names)
        found[subjects[dataset]] = _Found(
            state, pack.city_area.id, None, max(minutes[dataset], 0.0), title, source.state == "simulated"
        )
    return found


def _catching_up(lake: Lake, pack: Pack, now: datetime) -> set[str]:
    """Datasets that are delivering a backlog: their data time runs faster than the clock.

    So it is while a store is built or after a stop. A source that always sends old data is not
    catching up, it is late.
    """
    rows = lake.frame(
        "SELECT dataset, max(last_event_utc) FILTER (WHERE received_at_utc <= ?), max(last_event_utc), max(received_at_utc) "
        "FROM deliveries WHERE city = ? AND status = 'accepted' GROUP BY dataset",
        [now - CATCHING_UP, pack.id],
    )
    found = set()
    for dataset, before, newest, received in rows.iter_rows():
        moving = before is None or (newest is not None and newest - before > 2 * CATCHING_UP)
        if moving and now - received <= STILL_COMING:
            found.add(dataset)
    return found


# ------------------------------------------------------------------ metrics


def _look_back(rule: Rule) -> timedelta:
    """How far back the start of a condition is looked for."""
    if rule.grain in SUB_DAY_SECONDS:
        return max(_SUB_DAY_LOOK_BACK, timedelta(seconds=SUB_DAY_SECONDS[rule.grain] * (max(rule.hold_periods, rule.clear_periods) + 4)))
    return LOOK_BACK.get(str(rule.grain), _LONG_LOOK_BACK)


def points_of(
    lake: Lake, pack: Pack, since: Mapping[tuple[str, str], datetime], now: datetime
) -> dict[tuple[str, str, str], list[Point]]:
    """(metric, grain, area) → its whole periods that are over by `now`, oldest first; one query a city.

    `since`: (metric, grain) → from when on its periods are wanted.
    """
    found: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
    if not since:
        return found
    either = " OR ".join("(metric = ? AND grain = ? AND period_start_utc >= ?)" for _ in since)
    params: list = [pack.id, now]
    for (metric, grain), first in since.items():
        params += [metric, grain, first]
    rows = lake.frame(
        f"SELECT metric, grain, area_id, period_start_utc, period_end_utc, value, {_COMPLETENESS}, "
        "coalesce(simulated_n, 0) > 0 FROM readings "
        f"WHERE city = ? AND period_end_utc <= ? AND ({either}) ORDER BY period_start_utc",
        params,
    )
    for metric, grain, area, *rest in rows.iter_rows():
        found[metric, grain, area].append(Point(*rest))
    return found


def _since_when(rules: Iterable[Rule], now: datetime) -> dict[tuple[str, str], datetime]:
    """(metric, grain) → how far back its rules look."""
    found: dict[tuple[str, str], datetime] = {}
    for rule in rules:
        key, first = (rule.metric, str(rule.grain)), now - _look_back(rule)
        found[key] = min(found.get(key, first), first)
    return found


def areas_of(rule: Rule, pack: Pack) -> list[str]:
    """Ids of the areas a rule looks at, levels resolved, in the order of the pack."""
    return [
        area.id for area in pack.areas.values() if area.id in rule.areas or (area.level in rule.areas and area.level in LEVELS)
    ]


def _metric(
    rule: Rule,
    pack: Pack,
    points: Mapping[tuple[str, str, str], list[Point]],
    late: Mapping[str, timedelta],
    newest: Mapping[str, AlertRow],
    now: datetime,
    lake: Lake,
) -> dict[str, _Found]:
    """What a metric rule says about each of its areas; areas without a usable reading are absent."""
    metric = metrics()[rule.metric]
    source = pack.sources.get(metric.dataset)
    if source is None or source.state == "off":
        return {}
    if late.get(metric.dataset, timedelta()) > timedelta():
        return {}  # a late source says nothing about now: nothing rises, nothing is closed
    usable: dict[str, list[Point]] = {}
    for area in areas_of(rule, pack):
        trail = _usable(points.get((rule.metric, str(rule.grain), area), []), rule)
        if trail and now - trail[-1].end <= _oldest(rule, pack, source.cadence_s, source.grace_s, trail[-1].start):
            usable[area] = trail
    needed = max(rule.hold_periods, rule.clear_periods)
    bands = usual_bands(lake, pack, rule, {a: [p.start for p in t[-needed:]] for a, t in usable.items()})
    found = {}
    for area_id, trail in usable.items():
        subject = f"{pack.id}/{rule.id}/{area_id}"
        found[subject] = judge(rule, pack, area_id, trail, bands, newest.get(subject))
    return found


def _oldest(rule: Rule, pack: Pack, cadence_s: int | None, grace_s: int | None, start: datetime) -> timedelta:
    """How long after its end a period may still speak for the present."""
    if rule.oldest is not None:
        return rule.oldest
    assert rule.grain is not None
    length = period_end(start, rule.grain, pack.tz) - start
    due = timedelta(seconds=cadence_s + (grace_s or 0)) if cadence_s is not None else _NO_CADENCE
    return length + due


def _usable(trail: list[Point], rule: Rule) -> list[Point]:
    """The periods from the end backwards that are complete enough and follow each other without a gap.

    The newest periods that are not yet complete are passed over: they are still being reported.
    """
    ends = len(trail)
    while ends and not is_sound(trail[ends - 1], rule):
        ends -= 1
    first = ends
    while first and is_sound(trail[first - 1], rule) and (first == ends or trail[first - 1].end == trail[first].start):
        first -= 1
    return trail[first:ends]


def is_sound(point: Point, rule: Rule) -> bool:
    """Whether a rule may judge by this period: it has a value and is complete enough."""
    return point.value is not None and point.completeness >= rule.min_completeness


def judge(
    rule: Rule,
    pack: Pack,
    area_id: str,
    trail: list[Point],
    bands: Mapping[tuple[str, datetime], tuple[float, float]],
    last: AlertRow | None,
) -> _Found:
    """What a rule says about an area whose usable periods, oldest first, are `trail`; `last`: its newest alert."""
    metric, area, point = metrics()[rule.metric], pack.areas[area_id], trail[-1]
    names = (area.name_zh, area.name_en)
    value = float(point.value)  # type: ignore[arg-type]  # _usable keeps only periods with a value
    held = [_holds(rule.when, area_id, p, bands) for p in trail[-rule.hold_periods :]]
    recent = trail[-rule.clear_periods :]
    gone = [
        _holds(rule.clear, area_id, p, bands) if rule.clear else not _holds(rule.when, area_id, p, bands) for p in recent
    ]
    is_open = last is not None and last.state != "closed"
    clears = len(gone) == rule.clear_periods and all(gone)
    since = _since(rule, trail)
    fires = held[-1] if is_open else len(held) == rule.hold_periods and all(held)
    if fires and not is_open and last is not None and last.changed_by != SYSTEM and since < last.changed_at_utc:
        fires = False  # a person has closed it and the condition has never been gone since
    if fires:
        if is_open:
            assert last is not None
            since = min(since, last.opened_at_utc - rule.hold_periods * (point.end - point.start))
        title = words.metric_title(rule, metric, names, value, point.end - since)
        return _Found("fires", area_id, rule.metric, value, title, point.is_simulated)
    title = words.cleared_title(metric, names, value)
    return _Found("clears" if clears else "waits", area_id, rule.metric, value, title, point.is_simulated)


def _holds(
    condition: Condition, area_id: str, point: Point, bands: Mapping[tuple[str, datetime], tuple[float, float]]
) -> bool:
    return condition.holds(float(point.value), bands.get((area_id, point.start)))  # type: ignore[arg-type]


def _since(rule: Rule, trail: list[Point]) -> datetime:
    """Start of the unbroken run of periods beyond the rule's bound that ends with the newest one.

    Bounds by usual range are judged for the hold only, so there the hold is the run.
    """
    if rule.when.value is None:
        return trail[-min(rule.hold_periods, len(trail))].start
    bound = rule.when.model_copy(update={"band": None})
    since = trail[-1].end
    for point in reversed(trail):
        if not bound.holds(float(point.value), None):  # type: ignore[arg-type]
            break
        since = point.start
    return since
