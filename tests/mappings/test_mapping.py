"""Mapping files: strict, complete in their complaints, and unable to reach beyond the row."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from data_pipeline import mappings
from data_pipeline.errors import DeclarationError, UnknownId
from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.mappings.units import CONVERSIONS, conversion


def problems(tmp_path: Path, text: str) -> str:
    (tmp_path / "m.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError) as error:
        load_mapping(tmp_path / "m.toml")
    return str(error.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('delimitr = ","', "unknown key 'delimitr'; did you mean 'delimiter'?"),
        (
            "wide_to_long = {name_in = 'site_id', value_into = 'speed_kmh'}",
            "'wide_to_long.name_in'; did you mean 'name_into'?",
        ),
        ('rename = { v = "sped_kmh" }', "rename: 'sped_kmh' is no column of the contract; did you mean 'speed_kmh'?"),
        ('constants = { colour = "red" }', "helper columns begin with '_'"),
        ('units = { speed_kmh = "furlong" }', "to 'km/h' can be converted: mph, m/s, kn"),
        ('units = { sped_kmh = "mph" }', "did you mean 'speed_kmh'?"),
        ('timezone = "Asia/Wuhan"', "unknown time zone 'Asia/Wuhan'"),
        ('datum = "WGS72"', "WGS72"),
        ('format = "exel"', "did you mean 'excel'?"),
        ('allowed_lateness = "3 weeks"', "is not a duration"),
        ('file_pattern = "(?P<site_id>["', "file_pattern"),
        ('expressions = { flow_veh = "a +* b" }', "is not a Polars SQL expression"),
        ('expressions = { flow_veh = "(SELECT 1)" }', "sub-queries are not allowed"),
        ("filters = [\"x IN (select y from read_csv('/etc/passwd'))\"]", "sub-queries are not allowed"),
        ('time_formats = { strt_at = "unix" }', "did you mean 'start_at'?"),
        ('datum = "GCJ-02"\ncoordinates = { crs = "EPSG:4547" }', "contradict each other"),
        ("skip_rows = -1", "skip_rows"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_named_with_what_is_allowed(tmp_path: Path, line: str, says: str) -> None:
    assert says in problems(tmp_path, f'dataset = "road_speeds"\n{line}\n')


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = problems(
        tmp_path, 'dataset = "road_speeds"\ntimezone = "Nowhere"\nunits = { speed_kmh = "x" }\nrename = { a = "b" }\n'
    )
    assert all(part in text for part in ("Nowhere", "cannot convert", "'b' is no column"))


def test_an_unknown_dataset_or_mapping_gets_did_you_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean road_speeds" in problems(tmp_path, 'dataset = "road_sped"\n')
    monkeypatch.setattr(mappings, "FOLDER", tmp_path)
    (tmp_path / "metro_hangzhou.toml").write_text('dataset = "transit_entries"\n')
    assert load_mapping("metro_hangzhou").dataset == "transit_entries"
    with pytest.raises(UnknownId, match="did you mean metro_hangzhou"):
        load_mapping("metro_hangzou")


def test_a_mapping_knows_its_name_its_folder_and_its_contract(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('dataset = "road_speeds"\nunits = { speed_kmh = "mph" }\n')
    mapping = load_mapping(tmp_path / "m.toml")
    assert (mapping.name, mapping.folder, mapping.contract.id) == ("m", tmp_path, "road_speeds")
    assert mapping.conversion_of("speed_kmh") == (1.609344, 0)
    assert mapping.conversion_of("flow_veh") == (1.0, 0.0)


def test_every_mapping_of_the_product_is_valid() -> None:
    for name in mappings.names():
        assert load_mapping(name).contract is not None, name


@pytest.mark.parametrize(
    ("given", "wanted", "value", "becomes"),
    [
        ("degF", "degC", 212.0, 100.0),
        ("degF", "degC", -40.0, -40.0),
        ("K", "degC", 273.15, 0.0),
        ("mph", "km/h", 60.0, 96.56064),
        ("m/s", "km/h", 10.0, 36.0),
        ("kn", "km/h", 1.0, 1.852),
        ("mmHg", "hPa", 760.0, 1013.25),  # the standard atmosphere
        ("inch", "mm", 1.0, 25.4),
        ("ft", "m", 1.0, 0.3048),
        ("ug/m3", "mg/m3", 300.0, 0.3),
        ("GW", "MW", 3.9, 3900.0),
        ("min", "h", 90.0, 1.5),
    ],
)
def test_units_convert_as_defined(given: str, wanted: str, value: float, becomes: float) -> None:
    factor, offset = conversion(given, wanted)
    assert value * factor + offset == pytest.approx(becomes, rel=1e-6, abs=1e-9)


def test_units_that_convert_both_ways_come_back_to_where_they_were() -> None:
    pairs = [(a, b) for b, known in CONVERSIONS.items() for a in known if b in CONVERSIONS.get(a, {})]
    assert pairs
    for given, wanted in pairs:
        (f1, o1), (f2, o2) = conversion(given, wanted), conversion(wanted, given)
        assert (17.0 * f1 + o1) * f2 + o2 == pytest.approx(17.0), (given, wanted)


def test_an_expression_cannot_reach_a_file_even_if_it_slips_through() -> None:
    with pytest.raises(pl.exceptions.PolarsError):
        pl.DataFrame({"a": [1]}).select(pl.sql_expr("read_csv('/etc/hostname')"))


def test_a_mapping_made_in_code_needs_no_file() -> None:
    assert Mapping(dataset="road_speeds").name == ""
