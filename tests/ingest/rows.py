"""A few lines of text through `prepare`, and the promise that every row is accounted for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from data_pipeline.contracts import Contract, contract
from data_pipeline.ingest.prepare import Prepared, prepare
from data_pipeline.mappings import Mapping

NOW = datetime(2026, 11, 22, 4, 0)  # 12:00 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")


def run(tmp_path: Path, text: str, dataset: str | Contract, mapping: Mapping | None = None, **more: object) -> Prepared:
    (tmp_path / "d").write_text(text, encoding="utf-8")
    rules = contract(dataset) if isinstance(dataset, str) else dataset
    tz = more.pop("tz", SHANGHAI)
    done = prepare(tmp_path / "d", rules, mapping, tz, filename="d.csv", now_utc=NOW, **more)  # type: ignore[arg-type]
    assert done.frame.height + done.refused.height == done.rows_in
    assert done.refused["row_number"].n_unique() == done.refused.height
    assert dict(done.frame.schema) == rules.polars_schema() | {"row_number": pl.Int64()}
    return done


def one(
    tmp_path: Path,
    dataset: str,
    column: str,
    value: str,
    base: dict[str, str],
    mapping: Mapping | None = None,
    **more: object,
):  # type: ignore[no-untyped-def]
    """The converted value of one cell, or the rule and column it was refused for."""
    row = base | {column: value}
    cells = ",".join('"' + v.replace('"', '""') + '"' for v in row.values())
    done = run(tmp_path, ",".join(row) + "\n" + cells + "\n", dataset, mapping, **more)
    if done.frame.height:
        return done.frame[column][0]
    return done.refused["rule"][0], done.refused["column_name"][0]
