"""Suppliers declared as text: reproducible, believable, in the shape of their contracts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_pipeline.contracts import contract
from data_pipeline.errors import DeclarationError
from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import load_mapping
from data_pipeline.simulate import Simulator, declared
from data_pipeline.simulate.clock import seconds
from data_pipeline.simulate.declared import Cases, Quantity, Returns, files
from data_pipeline.simulate.declared.cases import DeclaredCases
from data_pipeline.simulate.declared.statements import DeclaredReturns

START, MIDDLE, END = (seconds(datetime(2026, 6, day, 3)) for day in (1, 5, 9))
RETURNS, CASES = declared.all_returns(), declared.all_cases()


def supplier(ezhou: Simulator, dataset: str) -> DeclaredReturns | DeclaredCases:
    if dataset in RETURNS:
        return DeclaredReturns(ezhou.world, RETURNS[dataset])
    return DeclaredCases(ezhou.world, CASES[dataset])


@pytest.mark.parametrize("dataset", [*RETURNS, *CASES])
def test_what_a_supplier_sends_passes_its_contract_but_for_its_declared_dirt(ezhou: Simulator, dataset: str, tmp_path: Path) -> None:
    found = supplier(ezhou, dataset)
    rules, file = contract(dataset), found.declared.file
    span = 40 * 86400 if dataset in RETURNS else 3 * 86400
    rows = found.table(START, START + span, 0)
    assert rows.height > 0, "nothing is delivered"
    path = tmp_path / f"delivery.{file.ending}"
    files.save(rows, file, ezhou.pack.tz, path)
    mapping = load_mapping(file.mapping) if file.mapping else None
    taken = prepare(path, rules, mapping, ezhou.pack.tz, filename=path.name, now_utc=datetime(2026, 12, 1), bbox=ezhou.pack.bbox)
    assert taken.rows_in == rows.height
    assert taken.frame.height >= rows.height * 0.99
    assert not taken.unused_columns


@pytest.mark.parametrize("dataset", ["hospital_days", "gov_service_days", "network_statement"])
def test_statements_do_not_depend_on_how_the_time_is_cut(ezhou: Simulator, dataset: str) -> None:
    found = supplier(ezhou, dataset)
    key = list(contract(dataset).key)
    whole = found.table(START, END, 0).sort(key)
    cut = pl.concat([found.table(START, MIDDLE, 0), found.table(MIDDLE, END, 0)]).sort(key)
    assert_frame_equal(whole, cut)


def test_a_case_that_is_seen_twice_tells_the_same_life(ezhou: Simulator) -> None:
    found = supplier(ezhou, "road_incidents")
    early = found.table(START, MIDDLE, 0).filter(pl.col("cleared_at").is_not_null()).unique("incident_id")
    whole = found.table(START, END, 0).unique("incident_id")
    both = early.join(whole, on="incident_id", suffix="_later")
    assert both.height == early.height > 0
    assert (both["cleared_at"] == both["cleared_at_later"]).all()
    assert (both["cleared_at"] >= both["occurred_at"]).all()


def test_shares_of_a_whole_never_pass_the_whole(ezhou: Simulator) -> None:
    rows = supplier(ezhou, "gov_service_days").table(START, END, 0).filter(pl.col("cases_n") >= 0)
    assert (rows["online_n"] <= rows["cases_n"]).all()
    assert (rows["electronic_n"] <= rows["online_n"]).all()


def test_a_week_has_its_weekend(ezhou: Simulator) -> None:
    rows = supplier(ezhou, "gov_service_days").table(START, START + 28 * 86400, 0).filter(pl.col("cases_n") >= 0)
    weekday = (rows["start_at"] + pl.duration(hours=8)).dt.weekday()
    by_day = rows.with_columns(weekday=weekday).group_by("weekday").agg(pl.col("cases_n").mean())
    mean = dict(by_day.iter_rows())
    assert mean[7] < 0.4 * mean[3]


def test_there_is_no_heat_warning_in_winter_and_no_snow_in_summer(ezhou: Simulator) -> None:
    rows = supplier(ezhou, "weather_warnings").table(seconds(datetime(2024, 1, 1)), seconds(datetime(2026, 1, 1)), 0)
    month = (rows["issued_at"] + pl.duration(hours=8)).dt.month()
    kinds = rows.with_columns(month=month).select("warning_kind", "month").unique()
    assert set(kinds.filter(warning_kind="heat")["month"]) <= {6, 7, 8, 9}
    assert set(kinds.filter(warning_kind="snow")["month"]) <= {12, 1, 2}


def test_a_stock_grows_along_its_curve_and_does_not_jump(ezhou: Simulator) -> None:
    rows = supplier(ezhou, "industry_statement").table(seconds(datetime(2022, 1, 1)), seconds(datetime(2026, 6, 1)), 0)
    one = rows.filter(pl.col("area_id") == rows["area_id"][0]).unique("reported_at").sort("reported_at")["on_cloud_n"].to_numpy()
    assert one[-1] > 1.5 * one[0]
    assert np.abs(np.diff(one)).max() < 0.2 * one[-1]


def test_forecast_points_lie_in_the_city_on_a_grid_of_the_declared_step(ezhou: Simulator) -> None:
    rows = supplier(ezhou, "grid_forecasts").table(START, START + 2 * 86400, 0).unique("point_id")
    lat = np.unique(rows["lat"].to_numpy())
    assert np.allclose(np.diff(lat) * 111.195, 2.5, atol=0.02)
    assert 100 < rows.height < 400


def test_joined_facilities_are_only_named_once_they_have_joined(ezhou: Simulator) -> None:
    frame = ezhou.world.sites["facilities"].frame
    assert (frame["joined_on"] >= frame["opened_on"]).drop_nulls().all()
    assert frame["joined_on"].null_count() > 0


def test_a_misspelt_key_and_a_step_after_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        Quantity(per_10k=1.0, base=2.0)
    with pytest.raises(ValueError, match="no earlier step"):
        Cases.model_validate({
            "dataset": "road_incidents", "prefix": "X", "id_column": "incident_id", "created": "occurred_at", "per_day": 1,
            "steps": {"cleared_at": {"after": "arrived_at", "median_min": 5}},
        })  # fmt: skip
    with pytest.raises(ValueError, match="no column guests_n"):
        Returns.model_validate({"dataset": "venue_days", "each": {"level": "city"}, "cadence": "day", "columns": {"guests_n": {"base": 1}}})
    with pytest.raises(DeclarationError):
        declared.validate(Returns, {"dataset": "venue_days", "cadense": "day"}, "x.toml")


def test_totals_of_a_month_are_of_the_size_of_the_city(ezhou: Simulator) -> None:
    # about 1.08 million residents: some 80 to 130 yi yuan of GDP a month at 0.3 to 0.6 tce a wan yuan; fewer firms rated than households
    begin, end = seconds(datetime(2026, 6, 1)), seconds(datetime(2026, 7, 20))
    energy = supplier(ezhou, "energy_mix_months").table(begin, end, 0).group_by("start_at").agg(pl.col("total_tce", "gdp_wan").sum())
    assert energy.height > 0 and energy["gdp_wan"].is_between(800_000, 1_300_000).all()
    assert (energy["total_tce"] / energy["gdp_wan"]).is_between(0.3, 0.6).all()
    rated = supplier(ezhou, "credit_statement").table(begin, end, 0).group_by("reported_at").agg(pl.col("firms_n").sum())
    assert rated.height > 0 and rated["firms_n"].is_between(30_000, 200_000).all()
