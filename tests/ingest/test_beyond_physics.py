"""Sensor values no world has, and prices in another currency: quarantine with a reason, never a figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.rows import one

WEATHER = {"site_id": "W1", "at": "2026-11-22 08:00"}
AIR = {"site_id": "A1", "start_at": "2026-11-22 08:00"}
WATER = {"site_id": "H1", "at": "2026-11-22 08:00"}
TARIFF = {"site_id": "S1", "valid_from": "2026-11-01 00:00", "currency": "CNY", "energy_yuan_kwh": "0.7", "service_yuan_kwh": "0.4"}


@pytest.mark.parametrize(
    ("dataset", "base", "column", "written"),
    [
        ("weather_observations", WEATHER, "humidity_pct", "130"), ("weather_observations", WEATHER, "humidity_pct", "-1"),
        ("weather_observations", WEATHER, "temperature_c", "-300"), ("weather_observations", WEATHER, "temperature_c", "999.9"),
        ("weather_observations", WEATHER, "rain_mm", "-0.1"), ("weather_observations", WEATHER, "rain_mm", "900"),
        ("weather_observations", WEATHER, "wind_m_s", "900"), ("weather_observations", WEATHER, "wind_deg", "361"),
        ("weather_observations", WEATHER, "pressure_hpa", "0"), ("air_quality", AIR, "pm25_ug_m3", "-999"), ("air_quality", AIR, "co_mg_m3", "1400"),
        ("air_quality", AIR, "o3_ug_m3", "9999"), ("water_observations", WATER, "level_m", "-9999"), ("water_observations", WATER, "temperature_c", "120"),
        ("noise_hours", AIR, "leq_db", "199.9"), ("power_load", AIR | {"interval_s": "900"}, "load_mw", "-5"),
        ("water_quality_months", {"area_id": "420702", "section": "A", "start_at": "2026-10-01 00:00"}, "ph", "15"),
        ("charging_tariffs", TARIFF, "energy_yuan_kwh", "-0.2"),
    ],
)  # fmt: skip
def test_a_value_beyond_physics_is_out_of_range(tmp_path: Path, dataset: str, base: dict[str, str], column: str, written: str) -> None:
    assert one(tmp_path, dataset, column, written, base) == ("out_of_range", column)


@pytest.mark.parametrize(("column", "written", "becomes"), [("humidity_pct", "100", 100.0), ("temperature_c", "-41.5", -41.5), ("rain_mm", "0", 0.0)])
def test_the_edge_of_what_can_be_is_taken(tmp_path: Path, column: str, written: str, becomes: float) -> None:
    assert one(tmp_path, "weather_observations", column, written, WEATHER) == becomes


@pytest.mark.parametrize("currency", ["USD", "AUD", "cny", "元"])
def test_a_tariff_in_another_currency_is_not_taken_as_yuan(tmp_path: Path, currency: str) -> None:
    assert one(tmp_path, "charging_tariffs", "currency", currency, TARIFF) == ("unknown_value", "currency")


def test_more_hours_of_states_than_connectors_are_refused(tmp_path: Path) -> None:
    base = {"site_id": "S1", "start_at": "2026-11-22 08:00", "guns": "4", "charging_gun_hours": "2", "fault_gun_hours": "1.5"}
    assert one(tmp_path, "charging_hourly", "inoperative_gun_hours", "0.5", base) == 0.5
    assert one(tmp_path, "charging_hourly", "inoperative_gun_hours", "0.6", base)[0] == "states_within_guns"
