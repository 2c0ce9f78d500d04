"""The door at an earlier moment: what had happened by then, or what was known then.

`Queries.at` gives a door whose clock stands at T and whose readings end there. Without `known_at` a period tells
all that is known of it today (何时发生); with it, only what had arrived by `known_at` (当时所知). A reading that was
corrected since is computed again from the records known at that moment, by the same SQL.

Registers (sites), plans and deliveries are those of today: they carry no state of every hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.ledger.types import Ledger
from data_pipeline.metrics import metrics
from data_pipeline.queries.ledger import Ledgers
from data_pipeline.queries.mirror import RECENT, Mirror, State
from data_pipeline.queries.past_day import Corrections, OldPeriods
from data_pipeline.queries.past_series import Moment, PastSeries
from data_pipeline.queries.series import AS_OF, KNOWN, microseconds, moment_of


class StillMirror(Mirror):
    """A mirror that stands: one state, never replaced."""

    def __init__(self, present: Mirror, state: State) -> None:
        self.__dict__.update(present.__dict__)
        self.state = state


class PastLedgers(Ledgers):
    """The ledgers of the present, none later than a day."""

    def __init__(self, present: Ledgers, day: date) -> None:
        self.__dict__.update(present.__dict__)
        self._present, self._day = present, day

    def ledger(self, city: str, on: date | None = None) -> Ledger:
        """The ledger of a city on the day of the moment, or an earlier one."""
        return self._present.ledger(city, self._day if on is None else min(on, self._day))


def past_state(state: State, packs: dict[str, Pack], city: str, moment: Moment, old: OldPeriods) -> State:
    """The state of one city as it was at a moment; other cities answer nothing."""
    pack = packs[city]
    at_us = microseconds(moment.at_utc)
    newest = max((us for (_, grain), us in state.newest.items() if grain == "hour"), default=at_us)
    # a course of a day stands beside every figure: memory must reach a day and a half further back than the moment
    is_old = at_us - 36 * 3_600_000_000 < newest - RECENT // timedelta(microseconds=1)
    day = old.day(pack, moment.at_utc)

    series = PastSeries(state.series, day.short(state.commit_seq) if is_old else {}, pack, moment,
                        Corrections(pack, day, moment, state.commit_seq).of, day)  # fmt: skip
    return replace(
        state,
        series=series,  # type: ignore[arg-type]
        newest={key: min(us, at_us) for key, us in state.newest.items()},
        sources=_sources(state, pack, series, moment),
        alerts={city: _alerts(state.alerts[city], moment)} if city in state.alerts else {},
        city_events={city: _city_events(state.city_events[city], moment)} if city in state.city_events else {},
    )


def _sources(state: State, pack: Pack, series: PastSeries, moment: Moment) -> dict[tuple[str, str], tuple[datetime | None, datetime | None]]:
    """Newest event and arrival of each source by what its figures rest on; one without figures keeps today's.

    Told by all that is known today nothing of the past is late.
    """
    found = dict(state.sources)
    if moment.known_at_utc is None:
        return found | {key: (moment.at_utc, moment.at_utc) for key, (event, _) in found.items() if event is not None}
    area = pack.city_area.id
    told: set[str] = set()
    for metric in metrics().values():
        if metric.dataset in told or (pack.id, metric.dataset) not in found:
            continue
        cut = series.get((metric.id, area, "hour" if "hour" in metric.grains else "day"))
        if cut is not None:
            told.add(metric.dataset)
            newest = cut.between(cut.last_us, cut.last_us + 1).data[-1]
            found[pack.id, metric.dataset] = (moment_of(newest[AS_OF]), moment_of(newest[KNOWN]))
    return found


def _alerts(frame: pl.DataFrame, moment: Moment) -> pl.DataFrame:
    """Alerts opened by then, in the state their trail gives them then."""
    rows: list[dict[str, Any]] = []
    for row in frame.filter(pl.col("opened_at_utc") <= moment.at_utc).iter_rows(named=True):
        trail = [step for step in row["trail"] if step["changed_at_utc"] <= moment.at_utc]
        if trail:
            now = trail[-1]
            rows.append(row | {"trail": trail, "state": now["state"], "changed_by": now["changed_by"], "note": now["note"]})
    return pl.DataFrame(rows, schema=frame.schema)


def _city_events(frame: pl.DataFrame, moment: Moment) -> pl.DataFrame:
    """Events begun by then (and, with `known_at`, told of by then); what had not ended yet was open."""
    begun = frame.filter(pl.col("started_at") <= moment.at_utc)
    if moment.known_at_utc is not None:
        begun = begun.filter(pl.col("known_from_utc") <= moment.known_at_utc)
    later = pl.col("ended_at") > moment.at_utc
    return begun.with_columns(
        pl.when(later).then(None).otherwise(pl.col("ended_at")).alias("ended_at"),
        pl.when(later).then(pl.lit("open")).otherwise(pl.col("status")).alias("status"),
    )


