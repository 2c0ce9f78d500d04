"""Everything behind one reading: what it says, what it is compared with, what it was taken for earlier, and its files and rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from data_pipeline.cities import Area
from data_pipeline.metrics import Metric
from data_pipeline.queries import lakeside
from data_pipeline.queries.answers import Answers
from data_pipeline.queries.cards import change, compared_with
from data_pipeline.queries.judged import Provenance, Vintage
from data_pipeline.queries.series import FROM_FIGURES
from data_pipeline.queries.types import Reading
from data_pipeline.store.lake import Lake

MOST_VINTAGES = 5  # each is computed from the records


def behind(
    answers: Answers, lake: Lake | None, metric: Metric, area: Area, reading: Reading, known_at: Callable[[datetime], Reading],
    as_of: datetime | None = None,
) -> Provenance:  # fmt: skip
    """Definition, formula, SQL, deliveries, number and sample of the records, changes and history of a reading.

    Parameters
    ----------
    known_at : callable
        The same reading as known at a moment (naive UTC).
    as_of : datetime, optional
        The moment `reading` was asked for; changes and history stand beside present readings only.
    """
    m = metric
    row = None if m.is_stock else answers.row(m, area.id, reading.grain, reading.period_start_utc)
    from_figures = row is not None and row[FROM_FIGURES] == 1
    sql, n = "", 0
    ids: list[int] = []
    columns: tuple[str, ...] = ()
    rows: tuple[tuple, ...] = ()
    if lake is not None:
        sql, ids, n, columns, rows = lakeside.behind(lake, answers.pack, m, reading, from_figures, as_of)
    if reading.status == "suppressed":
        n, columns, rows = 0, (), ()  # the few cases are not listed either
    wanted = set(ids)
    listed = tuple(d for d in answers.state.deliveries.get(answers.pack.id, ()) if d.delivery_id in wanted)
    present = as_of is None
    earlier, year_ago = compared_with(m, reading, answers.tz)
    return Provenance(
        reading=reading, metric_id=m.id, name_zh=m.name_zh, name_en=m.name_en, says_zh=m.says_zh, says_en=m.says_en,
        does_not_say_zh=m.does_not_say_zh, does_not_say_en=m.does_not_say_en, standard=m.standard, clause=m.clause, clause_en=m.clause_en,
        kind=m.kind, formula=m.formula, sql=sql, dataset="figures" if from_figures else m.dataset, deliveries=listed,
        records_n=n, sample_columns=columns, sample_rows=rows, snapshot=answers.state.snapshot,
        previous=change(answers, m, area, reading, earlier) if present else None,
        year_ago=change(answers, m, area, reading, year_ago) if present and year_ago else None,
        vintages=_vintages(answers, lake, m, reading, from_figures, known_at) if present and lake is not None else (),
    )  # fmt: skip


def _vintages(
    answers: Answers, lake: Lake, metric: Metric, reading: Reading, from_figures: bool, known_at: Callable[[datetime], Reading]
) -> tuple[Vintage, ...]:
    """What the figure of a period that is over was taken for as its deliveries arrived, oldest first; the last is the present one."""
    if reading.is_open or reading.n == 0:
        return ()
    found: list[Vintage] = []
    for moment in lakeside.moments_of_change(lake, answers.pack, metric, reading, from_figures, MOST_VINTAGES):
        then = known_at(moment)
        if not found or (then.value, then.n) != (found[-1].reading.value, found[-1].reading.n):
            found.append(Vintage(moment, then))
    return tuple(found)
