"""The past on any page that can be replayed, and the frames that its slider plays.

=========================================  ==================================================================
`?at=2026-11-21T15:00`                     what had happened by then, told by all that is known today (何时发生)
`?as_of=2026-11-21T15:00`                  what was known then (当时所知); with `at` beside it: of that moment
`?step=hour|day|month`                     how far one step of the slider goes
`?span=2026-11-21T01:00/2026-11-22T00:00`  first and last frame of the replay that the moment belongs to
`GET /view/frames?path&search&step&n`      many moments of one page in one answer, each as its difference to the
                                           one before: `from=` names the first, without it the newest n are given
=========================================  ==================================================================

Times are the city's local time. A frame stands at the end of its hour, day or month. No live answer is among them.

A moment is one frame of a span: without `span` the day of its hour, the month of its day, the year of its month.
The classes of a map come from all frames of the span (`Doors.by_area`), so that a colour means the same in each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

import orjson

from components.i18n import Lang, t
from components.ledger.words import day, stamp
from data_pipeline.cities import Pack
from data_pipeline.errors import UsageError
from data_pipeline.queries.types import Reading
from data_pipeline.times import Grain, iso_local, local_day, parse_time, period_end, period_start, to_local

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

AT, AS_OF, STEP, SPAN = "at", "as_of", "step", "span"
Step = Literal["hour", "day", "month"]
STEPS: tuple[Step, ...] = get_args(Step)
Mode = Literal["happened", "known"]
DOORS_KEPT, SPANS_KEPT, MOST_FRAMES = 64, 64, 31
WINDOW: dict[Step, Grain] = {"hour": "day", "day": "month", "month": "year"}


@dataclass(frozen=True)
class Rewound:
    """The moment a page shows instead of now (naive UTC); `live_utc` is the clock's real moment.

    `ends`: the moments of all frames of the replay it belongs to.
    """

    at_utc: datetime
    known_at_utc: datetime | None
    live_utc: datetime
    ends: tuple[datetime, ...] = ()

    @property
    def mode(self) -> Mode:
        """What happened by then, or what was known then."""
        return "happened" if self.known_at_utc is None else "known"


def rewound(params: Mapping[str, str], pack: Pack, now: datetime) -> Rewound | None:
    """The moment an address asks for; None for the present and for what is still to come.

    Raises
    ------
    UsageError
        `at` or `as_of` is not an ISO 8601 time.
    """
    at, as_of = (parse_time(params[name], pack.tz, name) if params.get(name) else None for name in (AT, AS_OF))
    moment = at or as_of
    if moment is None or moment >= now:
        return None
    return Rewound(moment, None if as_of is None else min(as_of, now), now, _span(params, moment, now, pack))


def _span(params: Mapping[str, str], moment: datetime, now: datetime, pack: Pack) -> tuple[datetime, ...]:
    """The frames of the span an address names, else of the window that holds the moment; none after now."""
    step = step_of(params)
    if params.get(SPAN):
        first, _, last = params[SPAN].partition("/")
        begin, end = parse_time(first, pack.tz, SPAN), parse_time(last, pack.tz, SPAN)
    else:
        begin = period_start(moment - timedelta(seconds=1), WINDOW[step], pack.tz) + timedelta(seconds=1)
        end = period_end(begin, WINDOW[step], pack.tz)
    return tuple(moments(step, MOST_FRAMES, begin, min(end, now), pack)) or (moment,)


def of_the_present(search: str) -> str:
    """The query of an address without what asks for the past."""
    return urlencode([(k, v) for k, v in parse_qsl(search.lstrip("?")) if k not in (AT, AS_OF, STEP, SPAN)])


def is_past(search: str) -> bool:
    """Whether an address looks back: its answer changes with a snapshot only, not with the clock."""
    return any(name in (AT, AS_OF) for name, _ in parse_qsl(search.lstrip("?")))


def step_of(params: Mapping[str, str]) -> Step:
    """The step in the address; an hour where there is none."""
    return next((s for s in STEPS if s == params.get(STEP)), "hour")


class Doors:
    """Doors to past moments, the least recently used forgotten first."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._kept: OrderedDict[tuple, Queries] = OrderedDict()
        self._spans: OrderedDict[tuple, list[Reading]] = OrderedDict()
        self._guard = Lock()

    def at(self, city: str, moment: Rewound) -> Queries:
        """The queries of a city at a moment."""
        snapshot = self._queries.snapshot()
        key = (city, moment.at_utc, moment.known_at_utc, snapshot.id if snapshot else 0)
        with self._guard:
            found = self._kept.get(key)
        if found is None:
            found = self._queries.at(city, moment.at_utc, moment.known_at_utc)
        with self._guard:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > DOORS_KEPT:
                self._kept.popitem(last=False)
        return found

    def by_area(self, city: str, moment: Rewound, metric: str, parent: str, grain: Grain, level: str | None) -> list[Reading]:
        """What a map shows in all frames of a moment's span, told by all that is known today: one answer for every frame."""
        snapshot = self._queries.snapshot()
        key = (city, moment.ends, metric, parent, grain, level, snapshot.id if snapshot else 0)
        with self._guard:
            found = self._spans.get(key)
        if found is None:
            doors = [self.at(city, Rewound(end, None, moment.live_utc)) for end in moment.ends]
            found = [reading for door in doors for reading in door.by_area(metric, parent, grain, level=level)]
        with self._guard:
            self._spans[key] = found
            self._spans.move_to_end(key)
            while len(self._spans) > SPANS_KEPT:
                self._spans.popitem(last=False)
        return found


# ---------------------------------------------------------------------------- frames


def moments(step: Step, n: int, first: datetime | None, now: datetime, pack: Pack) -> list[datetime]:
    """Up to `n` ends of periods (naive UTC) from `first` on, none after now; without `first` the newest `n`."""
    if not 1 <= n <= MOST_FRAMES:
        raise UsageError(f"n: {n} frames asked for", hint=f"1 to {MOST_FRAMES}")
    if first is None:
        ends = [period_start(now, step, pack.tz)]
        while len(ends) < n:
            ends.append(period_start(ends[-1] - timedelta(seconds=1), step, pack.tz))
        return ends[::-1]
    at = period_end(period_start(first - timedelta(seconds=1), step, pack.tz), step, pack.tz)
    found: list[datetime] = []
    while len(found) < n and at <= now:
        found.append(at)
        at = period_end(at, step, pack.tz)
    return found


def words(at_utc: datetime, step: Step, pack: Pack, lang: Lang) -> str:
    """A frame's moment as the slider says it: `11月21日 15:00`; the day or month that ends then."""
    if step == "hour":
        return str(stamp(at_utc, pack.tz))
    last = local_day(at_utc - timedelta(seconds=1), pack.tz)
    return day(last, lang) if step == "day" else t("replay.month_words", lang, year=last.year, month=last.month)


def local_text(at_utc: datetime, pack: Pack) -> str:
    """A moment as addresses hold it: `2026-11-21T15:00`, local."""
    return f"{to_local(at_utc, pack.tz):%Y-%m-%dT%H:%M}"


def frames(
    page: Callable[[str, str], bytes], pack: Pack, lang: Lang, search: str, step: Step, mode: Mode, ends: list[datetime], have: str = "",
    span: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The page at each of some moments: the first whole, the others as what changed (`patch`), whole again where the structure did.

    Parameters
    ----------
    page : (search, have) → the page of one address as the browser takes it
    have : key of the structure the browser has already; a whole view of that key comes without its tree
    span : first and last frame of the whole replay (`SPAN`); empty: the window of each moment
    """
    params = dict(parse_qsl(of_the_present(search)))
    params |= {name: text for name, text in ((STEP, "" if step == STEPS[0] else step), (SPAN, span)) if text}
    found, before, key = [], None, have
    for at in ends:
        local = local_text(at, pack)
        body = orjson.loads(page("?" + urlencode(params | {AT if mode == "happened" else AS_OF: local}), key))
        frame: dict[str, Any] = {"at": local, "iso": iso_local(at, pack.tz), "words": words(at, step, pack, lang)}
        if "tree" in body or before is None:
            frame["view"] = body
        else:
            frame["patch"] = patch(before, body["updates"])
        before, key = body.get("updates", {}), body.get("key", "")
        found.append(frame)
    return {"step": step, "mode": mode, "frames": found}


def patch(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> list[list[Any]]:
    """What turns one JSON value into another: `[path, value]` pairs, `[path]` for what is gone.

    Objects, and lists of objects of equal length, are compared inside; other lists are replaced whole.
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        gone = [[[*path, k]] for k in before if k not in after]
        return gone + [change for k, v in after.items() for change in (patch(before[k], v, (*path, k)) if k in before else [[[*path, k], v]])]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and any(isinstance(v, (dict, list)) for v in after):
        return [change for i, (a, b) in enumerate(zip(before, after, strict=True)) for change in patch(a, b, (*path, i))]
    return [[list(path), after]]
