"""Every mapping of a real supplier names where its data are from, their licence and their quirks."""

from __future__ import annotations

import pytest

from data_pipeline.mappings import load_mapping, names

REAL = [name for name in names() if not name.startswith("sim_")]


@pytest.mark.parametrize("name", REAL)
def test_mapping_names_title_source_licence_and_quirks(name: str) -> None:
    mapping = load_mapping(name)
    assert all(len(text) > 10 for text in (mapping.title, mapping.source, mapping.notes))
    assert mapping.licence


def test_every_real_data_set_of_the_job_has_a_mapping() -> None:
    datasets = {load_mapping(name).dataset for name in REAL}
    assert datasets >= {
        "charging_stations", "charging_hourly", "vehicle_positions", "road_sections", "road_speeds", "car_parks",
        "parking_counts", "base_stations", "drive_tests", "transit_entries", "air_quality", "weather_observations",
        "water_observations", "power_load", "service_requests", "investment_projects",
    }  # fmt: skip
