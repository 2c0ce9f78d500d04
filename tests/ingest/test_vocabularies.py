"""Words of protocols become one set; the supplier's own word is kept, one nobody knows goes to quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.contracts import contract
from data_pipeline.errors import DeclarationError
from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.mappings.vocabularies import vocabularies
from tests.ingest.rows import run

# standards 3.1, row by row
TABLE = {
    "tcec102": {"1": "AVAILABLE", "2": "BLOCKED", "3": "CHARGING", "4": "RESERVED", "255": "OUTOFORDER", "0": "UNKNOWN"},
    "ocpi": {w: w for w in ["AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED", "UNKNOWN"]},
    "ocpp16": {
        "Available": "AVAILABLE", "Preparing": "BLOCKED", "SuspendedEV": "BLOCKED", "SuspendedEVSE": "BLOCKED", "Finishing": "BLOCKED",
        "Charging": "CHARGING", "Reserved": "RESERVED", "Faulted": "OUTOFORDER", "Unavailable": "INOPERATIVE",
    },
    "ocpp2": {"Available": "AVAILABLE", "Occupied": "OCCUPIED", "Reserved": "RESERVED", "Faulted": "OUTOFORDER", "Unavailable": "INOPERATIVE"},
}  # fmt: skip
HEAD = "ConnectorID,StationID,StatusTime,Status\n"


def mapping(vocabulary: str) -> Mapping:
    declared = load_mapping("sim_connector_states").model_dump() | {"format": "csv", "vocabularies": {"status": vocabulary}}
    return Mapping.model_validate(declared)


@pytest.mark.parametrize("vocabulary", list(TABLE))
def test_every_state_of_a_protocol_becomes_the_one_of_the_set_and_stays_beside_it(tmp_path: Path, vocabulary: str) -> None:
    words = TABLE[vocabulary]
    assert vocabularies()[vocabulary].words == words
    text = HEAD + "".join(f"c{k},S1,2026-11-22 08:00,{word}\n" for k, word in enumerate(words))
    done = run(tmp_path, text, "connector_states", mapping(vocabulary))
    assert done.refused.is_empty()
    assert done.frame["native_status"].to_list() == list(words)
    assert done.frame["status"].to_list() == list(words.values())


def test_an_unknown_state_is_refused_with_the_near_ones_and_the_good_rows_go_on(tmp_path: Path) -> None:
    text = HEAD + "c1,S1,2026-11-22 08:00,Faultd\nc2,S1,2026-11-22 08:00,Charging\nc3,S1,2026-11-22 08:00,???\nc4,S1,2026-11-22 08:00,\n"
    done = run(tmp_path, text, "connector_states", mapping("ocpp16"))
    assert done.frame["connector_id"].to_list() == ["c2"]
    found = {row["row_number"]: (row["rule"], row["column_name"], row["reason"]) for row in done.refused.iter_rows(named=True)}
    assert found[1][:2] == ("unknown_word", "status") and "did you mean 'Faulted'" in found[1][2] and "OCPP 1.6" in found[1][2]
    assert found[3][0] == "unknown_word" and "allowed: Available, Preparing" in found[3][2]
    assert found[4][0] == "missing_value"


def test_every_word_a_vocabulary_gives_is_a_state_of_the_contracts() -> None:
    states = set(contract("connector_states").columns["status"].values)
    assert states == set(contract("charging_stations").columns["status"].values)
    for found in vocabularies().values():
        assert set(found.words.values()) <= states, found.id


def test_a_mapping_with_a_misspelt_vocabulary_or_one_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    head = 'dataset = "connector_states"\n[vocabularies]\n'
    path.write_text(head + 'status = "ocpp61"\n', encoding="utf-8")
    with pytest.raises(DeclarationError, match="ocpp16"):
        load_mapping(path)
    path.write_text('dataset = "monitoring_stations"\n[vocabularies]\nstation_kind = "ocpi"\n', encoding="utf-8")
    with pytest.raises(DeclarationError, match="does not allow"):
        load_mapping(path)
