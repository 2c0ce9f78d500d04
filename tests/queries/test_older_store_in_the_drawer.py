"""The drawer over a store that lacks a column of this version: what is there is shown, the rest is null."""

from __future__ import annotations

from datetime import datetime

from query_town import Town

from data_pipeline.queries import Queries


def test_the_drawer_of_a_dataset_whose_table_lacks_a_column_shows_its_records_with_null(town: Town) -> None:
    town.commit(town.charge(datetime(2026, 4, 3, 8), {"a": 5.0, "c": 7.0}))
    town.lake.execute("ALTER TABLE rec_charging_hourly DROP COLUMN charging_gun_hours")
    queries = Queries.open(town.home, {"toy": town.pack}, now=lambda: town.clock)
    try:
        shown = queries.provenance("charging.energy_kwh", "toy", "hour", datetime(2026, 4, 3, 0))
        assert (shown.reading.value, shown.records_n) == (12.0, 2)
        at = shown.sample_columns.index("charging_gun_hours")
        assert [row[at] for row in shown.sample_rows] == [None, None]
        assert [row[shown.sample_columns.index("energy_kwh")] for row in shown.sample_rows] == [5.0, 7.0]
        # computed anew from the records, which no longer say how long the guns charged
        known = queries.readings("charging.time_utilisation", "toy", "hour", datetime(2026, 4, 3), datetime(2026, 4, 3, 1), town.clock)
        assert [(r.status, r.value) for r in known] == [("missing", None)]
    finally:
        queries.close()
