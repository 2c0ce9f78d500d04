"""The files of the simulated suppliers go through the ordinary door, bad rows and all."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.contracts import contract
from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import load_mapping
from data_pipeline.simulate import Simulator
from data_pipeline.simulate.declared import all_returns

UNTIL = datetime(2026, 11, 22, 6, 3)
START = datetime(2026, 11, 17, 16)


@pytest.fixture(scope="module")
def prepared(ezhou: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[pl.DataFrame, Counter, int]]:
    """Accepted rows, refusals by rule and rows in, by dataset."""
    folder: Path = tmp_path_factory.mktemp("sim")
    found: dict[str, tuple[list, Counter, int]] = {}
    for delivery in [*ezhou.registers(UNTIL), *ezhou.history(START, UNTIL)]:
        path = folder / delivery.filename
        delivery.write(path)
        mapping = load_mapping(delivery.mapping) if delivery.mapping else None
        result = prepare(path, contract(delivery.dataset), mapping, ezhou.pack.tz, filename=delivery.filename, now_utc=UNTIL)
        path.unlink()
        frames, rules, rows = found.setdefault(delivery.dataset, ([], Counter(), 0))
        frames.append(result.frame)
        rules.update(result.refused["rule"].to_list())
        found[delivery.dataset] = (frames, rules, rows + result.rows_in)
    return {name: (pl.concat(frames), rules, rows) for name, (frames, rules, rows) in found.items()}


def test_every_simulated_dataset_of_the_pack_is_delivered(ezhou: Simulator, prepared: dict) -> None:
    wanted = {d for d, s in ezhou.pack.sources.items() if s.state == "simulated"}
    # a few days of November hold no statement of a month, and plan reports come by a way of their own
    monthly = {name for name, declared in all_returns().items() if declared.cadence == "month"}
    assert wanted - monthly - {"plan_reports"} <= set(prepared) <= wanted


def test_rows_in_are_rows_accepted_or_refused(prepared: dict) -> None:
    for dataset, (frame, rules, rows) in prepared.items():
        assert rows == frame.height + rules.total(), dataset


def test_about_three_rows_in_a_thousand_are_bad_or_double(prepared: dict, ezhou: Simulator) -> None:
    rows = bad = double = unknown = 0
    for dataset, (frame, rules, n) in prepared.items():
        rules_of = contract(dataset)
        if rules_of.kind != "observation" or rules_of.register_dataset is None:
            continue
        rows, bad = rows + n, bad + rules.total()
        double += frame.height - frame.unique(list(rules_of.key)).height
        unknown += frame.filter(pl.col("site_id").str.ends_with("99999")).height
    assert rows > 100_000 and 0.0015 < (bad + double + unknown) / rows < 0.0045
    assert min(bad, double, unknown) > 20


def test_bad_rows_are_of_the_kinds_a_contract_must_catch(prepared: dict) -> None:
    rules = Counter()
    for _, found, _ in prepared.values():
        rules.update(found.keys())
    assert {"out_of_range", "too_late", "unknown_value", "null_island", "gun_hours_within_guns"} <= set(rules)


def test_times_come_out_in_utc_and_start_where_the_history_does(prepared: dict) -> None:
    for dataset in ("road_speeds", "parking_counts", "power_load", "weather_observations", "hotline_calls", "vehicle_positions"):
        event = prepared[dataset][0][contract(dataset).event_time]
        assert START <= event.min() <= START + timedelta(hours=8), dataset
        assert UNTIL - timedelta(hours=3) < event.max() <= UNTIL, dataset


def test_positions_come_back_from_gcj02_to_within_a_metre(prepared: dict, ezhou: Simulator) -> None:
    true = ezhou.world.sites["base_stations"].frame.select("site_id", x="lon", y="lat")
    both = prepared["base_stations"][0].unique("site_id", keep="first").join(true, on="site_id")
    assert both.height > 3000
    metres = (((pl.col("lon") - pl.col("x")) * 96_000) ** 2 + ((pl.col("lat") - pl.col("y")) * 111_000) ** 2).sqrt()
    assert both.select(metres.max()).item() < 1.0


def test_a_corrected_air_hour_is_known_later_than_the_hour_it_corrects(ezhou: Simulator, tmp_path: Path) -> None:
    start, until = datetime(2026, 10, 1, 16), datetime(2026, 11, 1, 16)
    known: dict[str, dict[tuple, tuple]] = {"air_quality": {}, "air_quality_reviewed": {}}
    for delivery in ezhou.history(start, until):
        kind = "air_quality_reviewed" if "reviewed" in delivery.filename else "air_quality"
        if delivery.dataset != "air_quality":
            continue
        path = tmp_path / "air.csv"
        delivery.write(path)
        for row in pl.read_csv(path.read_bytes().decode("gb18030").encode()).iter_rows(named=True):
            known[kind].setdefault((row["点位编号"], row["监测时间"]), (delivery.known_from_utc, row["PM2.5"]))
    corrected = known["air_quality_reviewed"]
    assert len(corrected) >= 3
    for key, (when, value) in corrected.items():
        assert when > known["air_quality"][key][0] and value < known["air_quality"][key][1]


def test_a_source_declared_off_or_real_is_left_alone(ezhou: Simulator) -> None:
    sources = {d: s.model_copy(update={"state": "real" if d == "road_speeds" else s.state}) for d, s in ezhou.pack.sources.items()}
    import copy

    pack = copy.copy(ezhou.pack)
    pack.sources = sources
    other = Simulator(pack, seed=7)
    assert {"road_speeds", "transit_entries"}.isdisjoint({d.dataset for d in other.history(START, UNTIL)})
    archived = next(other.archive(datetime(2026, 8, 31, 16), START))
    assert archived.dataset == "figures"
