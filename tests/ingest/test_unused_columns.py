"""Columns of a supplier's table that become nothing are named: in the receipt, in the delivery's message, on /data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline.api.models import ReceiptOut
from data_pipeline.cli import main
from data_pipeline.ingest.types import Receipt, unused_in, unused_words
from data_pipeline.mappings import Mapping
from tests.ingest.rows import run
from tests.ingest.stage import stage

HOURS = Mapping.model_validate({
    "dataset": "charging_hourly", "rename": {"Station": "site_id", "Hour": "start_at"}, "drop": ["Remark"],
    "expressions": {"energy_kwh": "CAST(wh AS DOUBLE) / 1000"},
})  # fmt: skip
TABLE = "Station,Hour,WH,Remark,Tariff zone,备注; 二\nA,2026-11-22 01:00,5000,x,3,y\n"


def test_a_column_neither_read_nor_renamed_nor_dropped_on_purpose_is_unused(tmp_path: Path) -> None:
    done = run(tmp_path, TABLE.replace("WH", "wh"), "charging_hourly", HOURS)
    assert done.unused_columns == ("Tariff zone", "备注; 二")
    assert done.frame["energy_kwh"].to_list() == [5.0]


def test_columns_a_wide_table_turns_keeps_or_excludes_are_used_and_the_rest_is_not(tmp_path: Path) -> None:
    wide = Mapping.model_validate({
        "dataset": "charging_hourly",
        "wide_to_long": {"keep": ["start_at"], "columns": "^S", "exclude": "total$", "name_into": "site_id", "value_into": "energy_kwh"},
    })  # fmt: skip
    done = run(tmp_path, "start_at,S1,S2,S total,operator\n2026-11-22,1,2,3,z\n", "charging_hourly", wide)
    assert done.frame.height == 2 and done.unused_columns == ("operator",)


def test_the_receipt_and_the_stored_message_name_them_and_survive_the_way_through_the_inbox(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.deliver("charging_stations", [s.station(1)])
        receipt = s.deliver("charging_hourly", [{"site_id": "S1", "start_at": "2026-03-09 08:00", "energy_kwh": 5, "tariff, zone": 3}])
        stored = s.lake.value("SELECT message FROM deliveries WHERE delivery_id = ?", [receipt.delivery_id])
    assert receipt.unused_columns == ("tariff, zone",)
    assert unused_in(stored) == ["tariff, zone"] and unused_in("all is well") == []
    again = Receipt.from_dict(json.loads(json.dumps(receipt.as_dict())))
    assert again == receipt and set(ReceiptOut.model_fields) == set(receipt.as_dict())


def test_the_words_keep_any_name_apart() -> None:
    names = ['a "b"', "c; d", "列,一"]
    assert unused_in(f"GB18030 text; {unused_words(names)}; more") == names
    assert unused_words([]) == ""


@pytest.mark.parametrize("fmt", ["table", "json"])
def test_import_prints_them_as_table_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], fmt: str) -> None:
    file = tmp_path / "stations.csv"
    file.write_text("site_id,name,lon,lat,colour\nS1,One,114.87,30.39,red\n", encoding="utf-8")
    main_arguments = ["import", str(file), "--city", "420700", "--dataset", "charging_stations", "--format", fmt]
    with pytest.raises(SystemExit) as end:
        main([*main_arguments, "--home", str(tmp_path / "home")])
    said = capsys.readouterr().out
    assert not end.value.code
    assert json.loads(said)["unused_columns"] == ["colour"] if fmt == "json" else "unused_columns" in said and "colour" in said
