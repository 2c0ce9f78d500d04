"""`metrics`, `query`, `explain` on the command line: rows, formats, exit codes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from query_town import Town

from data_pipeline.cli import main
from data_pipeline.queries.output import OUTPUT_COLUMNS


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out = capsys.readouterr()
    return int(ended.value.code or 0), out.out, out.err


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    folder = tmp_path / "packs" / "toy"
    folder.mkdir(parents=True)
    (folder / "city.toml").write_text(
        'id = "toy"\nname_zh = "玩具城"\nname_en = "Toy"\ntimezone = "Asia/Shanghai"\nmetric_crs = "EPSG:4547"\n'
        "bbox = [114, 30, 115, 31]\n[layers]\n[sources.charging_hourly]\n"
        'state = "real"\nname_zh = "充电"\nname_en = "charging"\n',
        encoding="utf-8",
    )
    (folder / "areas.csv").write_text(
        "id,name_zh,name_en,level,parent\ntoy,玩具城,Toy,city,\neast,东区,East,district,toy\nwest,西区,West,district,toy\n",
        encoding="utf-8",
    )
    return folder.parent


def test_query_prints_one_row_a_period_with_the_keys_other_programs_rely_on(
    town: Town, packs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town.commit(town.charge(datetime(2026, 4, 3, 10), {"a": 9.0}))
    common = [
        "--metric",
        "charging.energy_kwh",
        "--area",
        "toy",
        "--grain",
        "hour",
        "--home",
        str(town.home.root),
        "--packs",
        str(packs),
    ]
    code, out, _ = run(
        capsys, "query", *common, "--from", "2026-04-03T10:00", "--to", "2026-04-03T12:00", "--format", "json"
    )
    rows = json.loads(out)
    assert code == 0 and len(rows) == 2 and set(rows[0]) == set(OUTPUT_COLUMNS)
    assert rows[0]["value"] == 9.0 and rows[0]["period_start"] == "2026-04-03T10:00:00+08:00"
    assert rows[1]["value"] is None and rows[1]["status"] == "missing"
    code, out, _ = run(
        capsys, "query", *common, "--from", "2026-04-03T02:00Z", "--to", "2026-04-03T03:00Z", "--format", "csv"
    )
    assert (
        code == 0
        and out.splitlines()[0] == ",".join(OUTPUT_COLUMNS)
        and out.splitlines()[1].startswith("toy,charging.energy_kwh")
    )


def test_explain_names_formula_deliveries_and_rows(town: Town, packs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    town.commit(town.charge(datetime(2026, 4, 3, 10), {"a": 9.0, "c": 1.0}))
    code, out, _ = run(
        capsys, "explain", "--metric", "charging.energy_kwh", "--area", "toy", "--grain", "hour", "--period", "2026-04-03T10:30",
        "--home", str(town.home.root), "--packs", str(packs), "--format", "json",
    )  # fmt: skip
    row = json.loads(out)
    assert code == 0 and row["value"] == 10.0 and row["records_n"] == 2
    assert row["formula"] == "Σ(energy_kwh)" and "rec_charging_hourly" in row["sql"]
    assert {r["site_id"] for r in row["sample"]} == {"a", "c"}
    assert row["simulated_share"] == 0.0


def test_query_as_of_and_explain_tell_what_was_known_before_a_correction_came(
    town: Town, packs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for value, hour in ((9.0, 3), (12.0, 9)):
        town.commit(town.charge(datetime(2026, 4, 2, 10), {"a": value}, known_from=datetime(2026, 4, 2, hour)))
    common = ["--metric", "charging.energy_kwh", "--area", "toy", "--grain", "hour", "--home", str(town.home.root), "--packs", str(packs),
              "--format", "json"]  # fmt: skip
    span = ["--from", "2026-04-02T10:00", "--to", "2026-04-02T11:00"]
    now, then = (json.loads(run(capsys, "query", *common, *span, *more)[1]) for more in ((), ("--as-of", "2026-04-02T12:00")))
    assert (then[0]["value"], now[0]["value"]) == (9.0, 12.0)
    told = json.loads(run(capsys, "explain", *common, "--period", "2026-04-02T10:30")[1])["vintages"]
    assert [(v["known_at"], v["value"]) for v in told] == [("2026-04-02T11:00:00+08:00", 9.0), ("2026-04-02T17:00:00+08:00", 12.0)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--metric": "charging.energy"}, "charging.energy_kwh"),
        ({"--area": "eest"}, "east"),
        ({"--grain": "minute"}, "allowed"),
        ({"--from": "yesterday"}, "--from"),
        ({"--to": "2026-04-01"}, "before it starts"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_allowed(
    town: Town, packs: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], says: str
) -> None:
    options = {"--metric": "charging.energy_kwh", "--area": "toy", "--grain": "hour", "--from": "2026-04-03", "--to": "2026-04-04",
               "--home": str(town.home.root), "--packs": str(packs)} | change  # fmt: skip
    code, _, err = run(capsys, "query", *[part for pair in options.items() for part in pair])
    assert code == 2 and says in err


def test_metrics_lists_all_and_refuses_an_unknown_domain(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "metrics", "--format", "json")
    rows = json.loads(out)
    assert code == 0 and len(rows) >= 30 and all(row["says_zh"] and row["formula"] for row in rows)
    code, _, err = run(capsys, "metrics", "--domain", "trafic")
    assert code == 2 and "traffic" in err


def test_a_home_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    code, _, err = run(capsys, "build", "--city", "420700", "--days", "1", "--home", str(tmp_path / "file/home"))
    assert code == 2 and "file/home" in err
