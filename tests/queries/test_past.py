"""Series, alerts and events cut at a moment: what had happened, and what was known."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from data_pipeline.cities import load_packs
from data_pipeline.contracts import contract
from data_pipeline.metrics import metrics
from data_pipeline.queries.past import _alerts, _city_events
from data_pipeline.queries.past_series import Moment, PastSeries
from data_pipeline.queries.series import AS_OF, COLUMNS, DENOMINATOR, KNOWN, NUMERATOR, VALUE, N, Series, microseconds

AT = datetime(2026, 11, 21, 7)  # 15:00 in Ezhou
DAY = datetime(2026, 11, 20, 16)  # its local midnight
AREA = "420700"
SUM = next(m.id for m in metrics().values() if contract(m.dataset).kind == "observation" and m.over_time == "sum" and m.is_additive and not m.whole_periods_only and "hour" in m.grains)


def series(starts, span, value=10.0, lag=timedelta(minutes=5)):
    table = np.full((len(starts), len(COLUMNS)), np.nan)
    for row, start in zip(table, starts, strict=True):
        row[[NUMERATOR, VALUE, N]] = value, value, 4
        row[AS_OF], row[KNOWN] = microseconds(start + span), microseconds(start + span + lag)
        row[-1] = 0
    return Series(np.array([microseconds(s) for s in starts]), table)


def past(held, known_at=None, exact=lambda key, starts: []):
    return PastSeries(held, {}, load_packs()[AREA], Moment(AT, known_at), exact)


@pytest.fixture()
def hours():
    return series([DAY + timedelta(hours=i) for i in range(24)], timedelta(hours=1))


def test_no_hour_that_ended_after_the_moment_is_seen(hours):
    cut = past({(SUM, AREA, "hour"): hours})[SUM, AREA, "hour"]
    assert cut.last_us == microseconds(AT - timedelta(hours=1))
    assert len(cut) == 15


def test_what_had_not_arrived_by_then_is_not_known_then(hours):
    cut = past({(SUM, AREA, "hour"): hours}, known_at=AT)[SUM, AREA, "hour"]
    assert cut.last_us == microseconds(AT - timedelta(hours=2)), "the hour just over came five minutes later"


def test_the_day_so_far_is_the_sum_of_its_hours_and_not_the_whole_day(hours):
    days = series([DAY - timedelta(days=1), DAY], timedelta(days=1), value=240.0)
    found = past({(SUM, AREA, "hour"): hours, (SUM, AREA, "day"): days})[SUM, AREA, "day"]
    assert found.data[:, VALUE].tolist() == [240.0, 150.0]


def test_an_hour_corrected_since_is_asked_for_as_it_stood(hours):
    table = hours.data.copy()
    table[3, KNOWN] = microseconds(AT + timedelta(days=2))
    asked = []

    def exact(key, starts):
        asked.append((key, starts.tolist()))
        row = table[3].copy()
        row[VALUE] = 7.0
        return [(int(starts[0]), row)]

    cut = past({(SUM, AREA, "hour"): Series(hours.starts, table)}, known_at=AT, exact=exact)[SUM, AREA, "hour"]
    assert asked == [((SUM, AREA, "hour"), [int(hours.starts[3])])]
    assert cut.find(int(hours.starts[3]))[VALUE] == 7.0
    assert (np.diff(cut.starts) > 0).all()


def test_a_series_that_begins_later_is_not_there_at_all(hours):
    late = Series(hours.starts + 30 * 86_400_000_000, hours.data)
    assert (SUM, AREA, "hour") not in past({(SUM, AREA, "hour"): late})


def test_a_ratio_of_the_day_so_far_is_a_ratio_of_sums():
    share = next(m for m in metrics().values() if m.over_time == "sum" and m.denominator and not m.whole_periods_only and not m.is_stock and "hour" in m.grains)
    made = series([DAY + timedelta(hours=i) for i in range(4)], timedelta(hours=1))
    table = made.data.copy()
    table[:, NUMERATOR], table[:, DENOMINATOR] = [1, 2, 3, 4], [2, 4, 6, 80]
    found = past({(share.id, AREA, "hour"): Series(made.starts, table)}).get((share.id, AREA, "day"))
    assert found is None or found.data[-1, VALUE] == pytest.approx(share.value_of(10, 92))


def test_an_alert_closed_later_was_open_then():
    step = lambda state, at: {"state": state, "changed_at_utc": at, "changed_by": "x", "note": ""}  # noqa: E731
    opened, closed = AT - timedelta(hours=1), AT + timedelta(hours=1)
    frame = pl.DataFrame([
        {"alert_id": "a", "opened_at_utc": opened, "state": "closed", "changed_by": "y", "note": "done", "trail": [step("open", opened), step("closed", closed)]},
        {"alert_id": "b", "opened_at_utc": closed, "state": "open", "changed_by": "y", "note": "", "trail": [step("open", closed)]},
    ])  # fmt: skip
    found = _alerts(frame, Moment(AT)).to_dicts()
    assert [(r["alert_id"], r["state"], len(r["trail"])) for r in found] == [("a", "open", 1)]


def test_an_event_is_known_only_once_it_was_told_of():
    row = SimpleNamespace(started_at=AT - timedelta(hours=3), ended_at=AT + timedelta(hours=3), status="closed", known_from_utc=AT + timedelta(minutes=1))
    frame = pl.DataFrame([vars(row)])
    assert _city_events(frame, Moment(AT)).select("status", "ended_at").row(0) == ("open", None)
    assert _city_events(frame, Moment(AT, AT)).is_empty()
