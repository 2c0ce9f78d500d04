"""From the contract's columns to the supplier's own file: its mapping, read backwards."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.simulate import formats
from data_pipeline.simulate.declared import File


@cache
def _mapping(name: str) -> Mapping:
    return load_mapping(name)


def save(frame: pl.DataFrame, file: File, tz: ZoneInfo, path: Path) -> None:
    """Write rows (contract's columns, naive UTC) as the supplier would.

    Headers, words and times follow the mapping: `rename` and `values` the other way round, local
    times in its `time_formats`. Without a mapping the file has the contract's columns; text formats
    then carry ISO 8601 with the offset, so that nothing is guessed.
    """
    mapping = _mapping(file.mapping) if file.mapping else None
    frame = _words(frame, mapping) if mapping else frame
    if file.ending != "parquet":
        frame = _local_times(frame, mapping, tz)
        frame = frame.with_columns(pl.col(pl.Date).cast(pl.String))
    if mapping:
        back = {ours: theirs for theirs, ours in mapping.rename.items()}
        frame = frame.rename({name: back[name] for name in frame.columns if name in back})
    encoding = {"GB18030": "gb18030", "UTF-8-SIG": "utf-8-sig"}.get((mapping.encoding if mapping else "").upper(), "utf-8")
    match file.ending:
        case "csv":
            formats.write_csv(frame, path, encoding)
        case "xlsx":
            formats.write_excel(frame, path)
        case "json":
            formats.write_json(frame, path, (mapping.records if mapping else "") or "data")
        case "ndjson":
            formats.write_ndjson(frame, path)
        case "geojson":
            formats.write_geojson(frame, path)
        case "parquet":
            formats.write_parquet(frame, path)


def _words(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Our words turned into the supplier's."""
    for name, words in mapping.values.items():
        if name in frame.columns:
            back = {str(ours).lower() if isinstance(ours, bool) else str(ours): theirs for theirs, ours in words.items()}
            frame = frame.with_columns(pl.col(name).cast(pl.String).replace(back))
    return frame


def _local_times(frame: pl.DataFrame, mapping: Mapping | None, tz: ZoneInfo) -> pl.DataFrame:
    """Moments as text: the mapping's format in local time, else ISO 8601 with the offset."""
    made = []
    for name, kind in frame.schema.items():
        if kind != pl.Datetime("us"):
            continue
        local = pl.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(tz.key)
        style: str | list[str] | None = None
        if mapping:
            style = mapping.time_formats.get(name) or mapping.time_formats.get("*")
        if isinstance(style, list):
            style = style[0]
        made.append(local.dt.strftime(style or "%Y-%m-%dT%H:%M:%S%:z").alias(name))
    return frame.with_columns(made)
