"""The composed SQL: one statement a group, parameters only, and understood by Spark's dialect."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from data_pipeline.aggregate.compose import Window, compose, group_key, grouped
from data_pipeline.metrics import Metric, metrics
from data_pipeline.store.lake import Lake

sqlglot = pytest.importorskip("sqlglot", reason="sqlglot stands in tests/requirements.txt")

GROUPS = grouped(list(metrics().values()))
WINDOWS = {
    "present": Window("420700", date(2026, 1, 1), date(2026, 2, 1), ZoneInfo("Asia/Shanghai")),
    "as known, one area": Window(
        "420700", date(2026, 1, 1), date(2026, 2, 1), ZoneInfo("Asia/Shanghai"), datetime(2026, 1, 15), ("420700", "420702")
    ),
    "where clocks change": Window("420700", date(2025, 1, 1), date(2026, 1, 1), ZoneInfo("America/New_York")),
}


def _grains(group: list[Metric]) -> list:
    return list(group[0].grains) if group[0].over_time == "recompute" else [None]


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_every_composed_statement_runs_on_an_empty_store(empty_lake: Lake, window: Window) -> None:
    from data_pipeline.aggregate.engine import DuckEngine, areas_of
    from data_pipeline.cities import built_in_packs

    engine, areas = DuckEngine(empty_lake), areas_of(built_in_packs()["420700"])
    for group in GROUPS:
        for grain in _grains(group):
            assert engine.run(compose(group, window, grain), areas).is_empty()


def test_every_composed_statement_turns_into_spark_sql() -> None:
    # with all that a window may bring: a moment of knowledge, areas, changing clocks
    window = Window("420700", date(2025, 1, 1), date(2026, 1, 1), ZoneInfo("America/New_York"), datetime(2026, 1, 15), ("420700", "420702"))
    for group in GROUPS:
        for grain in _grains(group):
            spark = sqlglot.transpile(compose(group, window, grain).sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
            assert len(spark) == 1 and sqlglot.parse_one(spark[0], read="spark") is not None


def test_no_two_branches_of_a_union_join_or_group() -> None:
    # DuckDB 1.5 waits for ever on such a statement once it expects more than 245,760 rows a thread of what both read
    for group in GROUPS:
        parsed = sqlglot.parse_one(compose(group, WINDOWS["present"]).sql, read="duckdb")
        for union in (u for u in parsed.find_all(sqlglot.exp.Union) if not isinstance(u.parent, sqlglot.exp.Union)):
            branches = [s for s in union.find_all(sqlglot.exp.Select) if s.find_ancestor(sqlglot.exp.CTE) is union.find_ancestor(sqlglot.exp.CTE)]
            assert len(branches) > 1
            busy = [s for s in branches if s.args.get("group") or s.args.get("joins")]
            assert len(busy) < 2, (group[0].id, [s.sql() for s in busy])


def test_values_are_parameters_and_never_stand_in_the_text() -> None:
    for group in GROUPS:
        composed = compose(group, WINDOWS["as known, one area"])
        assert "420700" not in composed.sql and "2026-01-15" not in composed.sql
        assert composed.sql.count("?") == len(composed.params)


def test_metrics_of_different_datasets_cannot_share_a_statement() -> None:
    with pytest.raises(ValueError, match="different groups"):
        compose([metrics()["traffic.tti"], metrics()["charging.energy_kwh"]], WINDOWS["present"])


def test_metrics_of_one_dataset_and_mart_are_read_in_one_statement() -> None:
    road = [m for m in metrics().values() if m.dataset == "road_speeds" and m.mart == "road_links"]
    assert {m.id.removeprefix("traffic.") for m in road} == {
        "tti", "tti_peak", "delay_share", "speed_kmh", "congested_length_share", "severe_length_share",
    }  # fmt: skip
    assert len({group_key(m) for m in road}) == 1
