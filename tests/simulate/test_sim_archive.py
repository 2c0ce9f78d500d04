"""The archive's figures join the records without a jump."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data_pipeline.metrics import metrics
from data_pipeline.simulate import Simulator
from data_pipeline.simulate.air_index import sub_index
from data_pipeline.simulate.archive import archived_metrics, table
from data_pipeline.simulate.clock import seconds
from data_pipeline.simulate.figures import Figures
from data_pipeline.simulate.files import further_datasets
from data_pipeline.times import SUB_DAY_SECONDS

FIRST, DAYS = date(2026, 9, 7), 4


@pytest.fixture(scope="module")
def figures(ezhou: Simulator) -> pl.DataFrame:
    window = FIRST.toordinal(), FIRST.toordinal() + DAYS
    return table(Figures(ezhou), window).with_columns(value=pl.coalesce("value", pl.col("numerator") / pl.col("denominator"), "numerator"))


def _city(figures: pl.DataFrame, metric: str, column: str = "value") -> np.ndarray:
    rows = figures.filter((pl.col("metric_id") == metric) & (pl.col("area_id") == "420700") & (pl.col("grain") == "day"))
    assert rows.height == DAYS
    return rows.sort("period_start")[column].to_numpy()


def _records(ezhou: Simulator, dataset: str) -> pl.DataFrame:
    """Native records of the same days as delivered, without what the contract would refuse or count twice."""
    feed = ezhou.feeds[dataset]
    start = ezhou.world.midnight_s(FIRST)
    end = start + DAYS * 86400
    time = feed.time_column
    frame = feed.batch(start + feed.wait_s - 1, end + feed.wait_s - 1 + 2 * 86400, start).unique(["site_id", time], keep="first")
    frame = frame.filter(~pl.col("site_id").str.ends_with("99999"), pl.col(time).dt.epoch("s").is_between(start, end - 1))
    return frame.with_columns(day=((pl.col(time).dt.epoch("s") - start) // 86400))


def test_energy_and_utilisation_of_the_archive_are_those_of_the_records(ezhou: Simulator, figures: pl.DataFrame) -> None:
    rows = _records(ezhou, "charging_hourly").filter(pl.col("energy_kwh") >= 0, pl.col("charging_gun_hours") <= pl.col("guns"))
    native = rows.group_by("day").agg(pl.col("energy_kwh").sum(), u=pl.col("charging_gun_hours").sum() / pl.col("guns").sum()).sort("day")
    np.testing.assert_allclose(native["energy_kwh"], _city(figures, "charging.energy_kwh"), rtol=0.01)
    np.testing.assert_allclose(native["u"], _city(figures, "charging.time_utilisation"), rtol=0.01)


def test_travel_times_of_the_archive_are_those_of_the_records_to_one_per_cent(ezhou: Simulator, figures: pl.DataFrame) -> None:
    register = ezhou.world.sites["road_sections"].frame.select("site_id", "length_km", "free_speed_kmh")
    rows = _records(ezhou, "road_speeds").filter(pl.col("speed_kmh") > 0).join(register, on="site_id")
    slow = pl.max_horizontal(pl.col("length_km") / pl.col("speed_kmh"), pl.col("length_km") / pl.col("free_speed_kmh"))
    free = pl.col("length_km") / pl.col("free_speed_kmh")
    by_slot = rows.group_by("day", "start_at").agg(tti=(slow * pl.col("flow_veh")).sum() / (free * pl.col("flow_veh")).sum())
    native = by_slot.group_by("day").agg(pl.col("tti").mean()).sort("day")
    np.testing.assert_allclose(native["tti"], _city(figures, "traffic.tti"), rtol=0.01)
    # DTP = 1 - 1 / TTI, and the index of annex C is 2 at 0.3 and 4 at 0.5
    share = 1 - 1 / pl.col("tti")
    assert by_slot.select(share.max()).item() < 0.5
    index = by_slot.with_columns(tpi=pl.when(share < 0.3).then(share / 0.15).otherwise(2 + (share - 0.3) / 0.1), hour=(pl.col("start_at") + pl.duration(hours=8)).dt.hour())
    np.testing.assert_allclose(index.group_by("day").agg(pl.col("tpi").mean()).sort("day")["tpi"], _city(figures, "traffic.tpi"), rtol=0.02)
    peak = index.filter(pl.col("hour").is_in([7, 8, 17, 18])).group_by("day").agg(pl.col("tpi", "tti").mean()).sort("day")
    np.testing.assert_allclose(peak["tpi"], _city(figures, "traffic.tpi_peak"), rtol=0.03)
    np.testing.assert_allclose(peak["tti"], _city(figures, "traffic.tti_peak"), rtol=0.02)


def test_terminals_and_parking_of_the_archive_are_those_of_the_records(ezhou: Simulator, figures: pl.DataFrame) -> None:
    online = _records(ezhou, "terminal_status").filter(pl.col("online_s") <= 3600).group_by("day").agg(pl.col("online_s").mean() / 3600).sort("day")
    np.testing.assert_allclose(online["online_s"], _city(figures, "sensing.online_share"), atol=0.006)
    parked = _records(ezhou, "parking_counts").filter(pl.col("free_spaces") <= pl.col("capacity"))
    share = parked.group_by("day").agg(s=1 - pl.col("free_spaces").sum() / pl.col("capacity").sum()).sort("day")
    np.testing.assert_allclose(share["s"], _city(figures, "traffic.parking_occupancy"), atol=0.01)


def test_tickets_of_the_archive_are_those_of_the_hotline(ezhou: Simulator, figures: pl.DataFrame) -> None:
    start = ezhou.world.midnight_s(FIRST)
    end = start + DAYS * 86400
    delivered = ezhou.tickets.changed(start - 27 * 86400, end + 40 * 86400).unique("工单编号")
    local = delivered["受理时间"].str.to_datetime("%Y/%m/%d %H:%M:%S")
    counts = [int((local.dt.date() == FIRST + timedelta(days=k)).sum()) for k in range(DAYS)]
    assert counts == _city(figures, "services.requests_n").astype(int).tolist()


def test_drive_tests_and_taxis_are_close_to_the_records(ezhou: Simulator, figures: pl.DataFrame) -> None:
    share, occupied = [], []
    for k in range(DAYS):
        d = ezhou.drives.day(FIRST.toordinal() + k)
        share.append((d["rsrp"][d["five"]] >= -105).mean())
        taxis = ezhou.vehicles.of_day(FIRST.toordinal() + k).filter(pl.col("kind") == "taxi")
        occupied.append(taxis["occupied"].mean())
    np.testing.assert_allclose(share, _city(figures, "coverage.rsrp_share"), atol=0.04)
    np.testing.assert_allclose(occupied, _city(figures, "traffic.taxi_occupied_share"), atol=1e-6)


def test_sums_of_districts_are_the_city_and_zones_lie_within(figures: pl.DataFrame) -> None:
    sums = figures.filter(pl.col("metric_id").is_in(["charging.energy_kwh", "services.requests_n", "sensing.messages_n"]), pl.col("grain") == "day")
    districts = sums.filter(pl.col("area_id").is_in(["420702", "420703", "420704"])).group_by("metric_id", "period_start").agg(pl.col("numerator").sum())
    city = sums.filter(pl.col("area_id") == "420700").select("metric_id", "period_start", pl.col("numerator").alias("city"))
    both = city.join(districts, on=["metric_id", "period_start"])
    assert both.height == 3 * DAYS
    np.testing.assert_allclose(both["numerator"], both["city"], rtol=1e-6)
    zone = sums.filter(pl.col("area_id") == "420703400")
    assert zone.height == 3 * DAYS and (zone["numerator"] > 0).all()


def test_a_whole_month_is_the_sum_of_its_days(ezhou: Simulator) -> None:
    window = date(2026, 6, 1).toordinal(), date(2026, 7, 1).toordinal()
    rows = table(Figures(ezhou), window).filter(pl.col("metric_id") == "charging.energy_kwh", pl.col("area_id") == "420704")
    days, month = (rows.filter(pl.col("grain") == g)["numerator"] for g in ("day", "month"))
    assert days.len() == 30 and month.len() == 1
    assert days.sum() == pytest.approx(month[0], rel=1e-9)


def test_every_metric_that_is_no_stock_of_a_simulated_source_is_archived(ezhou: Simulator, figures: pl.DataFrame) -> None:
    # suppliers declared as text hand over their old records instead; the duty office keeps no old events
    others = {*further_datasets(), "city_events"}
    # an archive has days and months: a figure of the hour alone is not in it
    own = [m for m in metrics().values() if m.over_time != "last" and m.coarsest not in SUB_DAY_SECONDS]
    wanted = {m.id for m in own if ezhou.simulated(m.dataset) and m.dataset not in others}
    assert wanted <= {m.id for m in archived_metrics()}
    assert wanted == set(figures["metric_id"])


def test_archive_files_are_known_before_the_history_begins(ezhou: Simulator) -> None:
    start, until = datetime(2026, 2, 28, 16), datetime(2026, 9, 22, 16)
    everything = list(ezhou.archive(start, until))
    assert all(d.known_from_utc <= until for d in everything)
    found = [d for d in everything if d.dataset == "figures"]
    assert [d.filename.split("_")[2] for d in found] == ["20260301", "20260401", "20260701"]
    assert seconds(found[0].known_from_utc) == ezhou.world.midnight_s(date(2026, 4, 2))


def test_what_counts_by_closing_day_is_archived_until_the_old_tickets_are_gone(ezhou: Simulator, tmp_path) -> None:  # noqa: ANN001
    start, until = datetime(2026, 9, 22, 16), datetime(2026, 11, 22, 6)
    found = [d for d in ezhou.history(start, until) if d.dataset == "figures"]
    assert len(found) == 1
    found[0].write(tmp_path / "f.parquet")
    rows = pl.read_parquet(tmp_path / "f.parquet")
    assert set(rows["metric_id"]) == {m.id for m in metrics().values() if m.dataset == "service_requests" and m.period_on}
    assert set(rows["grain"]) == {"day"} and rows["period_start"].n_unique() == 27
    assert seconds(found[0].known_from_utc) == ezhou.world.midnight_s(date(2026, 10, 21))
    # from then on every ticket that is closed was received after the start
    life = ezhou.tickets.created(seconds(start) - 40 * 86400, seconds(start))
    assert life["closed_s"].max() < ezhou.world.midnight_s(date(2026, 10, 20))


# standards: HJ 633-2026 and HJ 633-2012, worked values of table 3
@pytest.mark.parametrize(("item", "given", "new", "old"), [
    ("pm25", [35, 36, 50, 60, 61, 75], [50, 52, 80, 100, 101, 114], [50, 52, 69, 82, 83, 100]),
    ("pm25", [130, 500, 620], [172, 500, 500], [172, 500, 500]),
    ("pm10", [85, 120, 151], [75, 100, 112], [68, 85, 101]),
    ("o3_8h", [160, 188, 265, 900], [100, 126, 200, 300], [100, 126, 200, 300]),
    ("no2", [63], [79], [79]),
    ("co", [13, 22], [33, 55], [33, 55]),
    ("so2", [12, 312.5], [12, 125], [12, 125]),
])  # fmt: skip
def test_sub_indices_are_those_of_the_standards(item: str, given: list, new: list, old: list) -> None:
    values = np.array(given, dtype=float)
    if item == "so2":
        values = values[:1]  # 312.5 tests a formula without rounding; concentrations are rounded first here
        new, old = new[:1], old[:1]
    assert sub_index(item, values, np.zeros(values.size, dtype=bool)).tolist() == new
    assert sub_index(item, values, np.ones(values.size, dtype=bool)).tolist() == old
