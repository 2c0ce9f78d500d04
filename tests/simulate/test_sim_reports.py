"""The simulated monthly reports: believable paths, each kind of keeping a promise, the same for the same seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data_pipeline.cities import built_in_packs
from data_pipeline.contracts import contract
from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import load_mapping
from data_pipeline.simulate import Simulator
from data_pipeline.simulate.build import NO_REPORTS
from data_pipeline.simulate.files import FIRST_REPORTS
from data_pipeline.simulate.promises import MONTHS, Draws, fates, month_end, month_number, project_steps, target_path
from data_pipeline.simulate.reports import Reports
from data_pipeline.simulate.suppliers import SimDelivery

UNTIL = datetime(2026, 11, 22, 9)


@pytest.fixture(scope="module")
def made(ezhou: Simulator) -> Reports:
    return Reports(ezhou)


@pytest.fixture(scope="module")
def rows(made: Reports) -> pl.DataFrame:
    """Every row sent by `UNTIL` with the moment its file became known; the last word on each date."""
    parts = []
    for month in range(month_number(UNTIL.date())):
        for extra in (False, True):
            if made.known_utc(month, extra) <= UNTIL:
                parts.append(made.table(month, extra).with_columns(known=made.known_utc(month, extra)))
    return pl.concat(parts).sort("known").unique(["编号", "数据日期"], keep="last").sort("编号", "数据日期")


def taken(delivery: SimDelivery, folder: Path) -> pl.DataFrame:
    path = folder / delivery.filename
    delivery.write(path)
    pack = built_in_packs()["420700"]
    mapping = load_mapping(delivery.mapping) if delivery.mapping else None
    found = prepare(path, contract("plan_reports"), mapping, pack.tz, filename=path.name, now_utc=delivery.known_from_utc, bbox=pack.bbox)
    assert found.refused.to_dicts() == []
    return found.frame


def test_counts_never_fall_and_percentages_stay_below_a_hundred(made: Reports, rows: pl.DataFrame) -> None:
    for target in made.quantified:
        values = rows.filter(pl.col("编号") == target.target_id)["完成值"].to_numpy()
        if target.unit_zh == "%":
            assert ((values >= 0) & (values <= 100)).all(), target.target_id
        elif target.comparator != "<=" and len(values):
            assert (np.diff(values) >= 0).all(), target.target_id


def test_most_targets_are_reported_and_some_never(made: Reports, rows: pl.DataFrame) -> None:
    reported = set(rows["编号"].to_list())
    silent = [t.target_id for t in made.quantified if t.target_id not in reported]
    assert 1 <= len(silent) <= 0.15 * len(made.quantified)


def test_every_kind_of_keeping_a_promise_occurs_whatever_the_seed() -> None:
    ids = [f"t{n}" for n in range(16)]
    for key in range(20):
        assert set(fates(ids, key).values()) == {"early", "in_time", "late", "creeping", "stalled", "never"}


def test_a_promise_is_kept_when_its_fate_says_so(made: Reports) -> None:
    dealt = {t: f for t, f in made._dealt(made.quantified).items() if t.comparator in (">=", "=", ">") and t.deadline}
    for target, fate in dealt.items():
        path, deadline = target_path(target, fate, made._draw(target.target_id)), month_number(date.fromisoformat(target.deadline))
        if made.facts.metric_of(target.target_id):
            continue  # reported is what the register counts
        goal = float(target.value or 0)
        if fate in ("in_time", "early"):
            assert path[deadline] >= goal, target.target_id
        if fate in ("late", "creeping", "stalled"):
            assert path[deadline] < goal, target.target_id
        if fate == "stalled":
            assert path[deadline + 12] == path[-1] < goal, target.target_id


def test_the_masts_reported_are_the_masts_of_the_register(ezhou: Simulator, rows: pl.DataFrame) -> None:
    register = ezhou.world.sites["base_stations"]
    own = rows.filter(pl.col("编号") == "ez-5g-stations").sort("数据日期")
    is_5g = (register.frame["technology"] == "5G").to_numpy()
    assert own.height > 70
    for text, value in own.select("数据日期", "完成值").iter_rows():
        day = date.fromisoformat(text).toordinal()
        assert value == (is_5g & (register.opened <= day) & (register.closed > day)).sum(), text


def test_a_project_goes_through_its_stages_in_order(made: Reports) -> None:
    order = ("reserve", "new_start", "under_construction", "done")
    for project, fate in made._dealt(made.projects).items():
        steps = project_steps(project, fate, made._draw(project.project_id))
        places = [order.index(step.stage) for step in steps if step.stage in order]
        assert places == sorted(places), project.project_id
        shares = [step.progress_share for step in steps]
        assert shares == sorted(shares) and shares[-1] <= 1, project.project_id
        assert len(steps) <= MONTHS


def test_some_projects_are_blocked_and_say_by_whom(rows: pl.DataFrame) -> None:
    blocked = rows.filter(pl.col("是否受阻") == "是")
    assert blocked["编号"].n_unique() >= 2
    assert blocked.select(pl.col("受阻原因", "协调责任单位").is_null().any()).row(0) == (False, False)


def test_reports_are_known_in_the_following_month_and_some_are_late_or_corrected(made: Reports) -> None:
    for month in range(82):
        days = (made.known_utc(month) + timedelta(hours=8)).date() - month_end(month)
        assert 6 <= days.days <= 20
    extra = pl.concat([made.table(month, True) for month in range(5, 82, 6)])
    assert {"迟报", "更正：核减重复统计"} <= set(extra["说明"].to_list())
    assert extra.filter(pl.col("说明") == "迟报").height < 0.1 * 82 * len(made.quantified)


def test_a_workbook_and_an_archived_month_come_through_the_door_alike(made: Reports, tmp_path: Path) -> None:
    archive, book = made._delivery(59, False, UNTIL), made._delivery(60, False, UNTIL)
    assert (archive.filename[-8:], book.filename[-5:]) == (".parquet", ".xlsx")
    for delivery, month in ((archive, 59), (book, 60)):
        frame, table = taken(delivery, tmp_path), made.table(month)
        assert frame["value"].to_list() == table["完成值"].to_list()
        assert frame["data_on"].unique().to_list() == [month_end(month)]
        assert frame["submitted_at"][0] == datetime.fromisoformat(table["填报时间"][0]) - timedelta(hours=8)
        assert frame["progress_share"].drop_nulls().is_between(0, 1).all()


def test_the_same_seed_gives_the_same_bytes_and_a_later_end_changes_nothing_earlier(ezhou: Simulator, made: Reports, tmp_path: Path) -> None:
    early = {d.filename: d for d in ezhou.reports(FIRST_REPORTS, datetime(2021, 6, 30))}
    late = {d.filename: d for d in made.deliveries(FIRST_REPORTS, UNTIL)}
    assert set(early) < set(late)
    name = sorted(early)[-1]
    for n, delivery in enumerate((early[name], late[name])):
        delivery.write(tmp_path / str(n))
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_history_and_live_deliver_every_file_once(made: Reports) -> None:
    whole = [d.filename for d in made.deliveries(FIRST_REPORTS, UNTIL)]
    edges = [FIRST_REPORTS + (UNTIL - FIRST_REPORTS) * n / 40 for n in range(41)]
    pieces = [d.filename for a, b in zip(edges, edges[1:], strict=False) for d in made.deliveries(a, b)]
    assert pieces == whole


def test_reports_can_be_left_out_and_the_provinces_plan_gets_none() -> None:
    packs = built_in_packs()
    assert list(Simulator(packs["420700"], left_out=NO_REPORTS).reports(FIRST_REPORTS, UNTIL)) == []
    assert list(Simulator(packs["510400"]).reports(FIRST_REPORTS, UNTIL)) == []


def test_draws_depend_on_the_purpose_alone() -> None:
    one, two = Draws(1, "a"), Draws(1, "a")
    first = one.share("x")
    assert (two.share("y"), two.share("x")) == (one.share("y"), first)
    assert 3 <= one.whole("n", 3, 5) <= 5
