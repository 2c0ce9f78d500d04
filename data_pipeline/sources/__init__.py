"""Bytes of any format → a table, safely. `read` is the only door."""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import polars as pl

from data_pipeline.errors import DeliveryError
from data_pipeline.sources.base import (
    FILE,
    FORMATS,
    REFUSED_SCHEMA,
    ROW,
    Raw,
    ReadOptions,
    as_json,
    no_refusals,
    refusals,
)
from data_pipeline.sources.bundle import bundle
from data_pipeline.sources.gtfs import read_gtfs
from data_pipeline.sources.gtfs_feed import holds_feed
from data_pipeline.sources.gtfs_rt import read_gtfs_rt
from data_pipeline.sources.held import SHAPEFILE_PARTS, detect, gunzip, private_copy, unpack, zip_members
from data_pipeline.sources.records import read_geojson, read_json, read_ndjson
from data_pipeline.sources.sheets import read_excel
from data_pipeline.sources.tables import read_parquet, read_vector
from data_pipeline.sources.text import read_delimited

__all__ = [
    "FILE",
    "FORMATS",
    "REFUSED_SCHEMA",
    "ROW",
    "Raw",
    "ReadOptions",
    "as_json",
    "bundle",
    "no_refusals",
    "read",
    "refusals",
]


def read(path: Path, *, filename: str, fmt: str | None = None, options: ReadOptions | None = None) -> Raw:
    """The table in a delivered file, whatever its format.

    Parameters
    ----------
    path : Path
        The bytes (or the folder of a Shapefile). They are copied first, so nobody changes them meanwhile.
    filename : str
        The name the supplier gave; its ending helps to tell text formats apart.
    fmt : str, optional
        One of `FORMATS` where the mapping declares it.
    options : ReadOptions, optional
        Shape and limits.

    Returns
    -------
    Raw
        Rows read, rows refused (ragged, broken quotes, wrong encoding, invalid geometry), notes.

    Raises
    ------
    DeliveryError
        Nothing of the file can be read: absent, empty, truncated, protected, macros, a zip bomb,
        a line without end, another format than declared.
    """
    options = options or ReadOptions()
    with private_copy(path, filename, options) as held:
        return _read(held, filename, fmt, options, depth=0)


def _read(file: Path, filename: str, fmt: str | None, options: ReadOptions, depth: int) -> Raw:
    found = detect(file, filename, fmt)
    if found == "gzip":
        if depth > 1:
            raise DeliveryError(f"{filename}: packed more than twice over", hint="deliver it packed once")
        inner = file.with_name(file.name + ".unpacked")
        gunzip(file, inner, filename, options)
        name = filename[:-3] if filename.lower().endswith(".gz") else filename
        raw = _read(inner, name, fmt, options, depth + 1)
        inner.unlink(missing_ok=True)
        return raw
    if found == "zip" and fmt == "gtfs" and holds_feed(file):
        raw = read_gtfs(file, filename, options)
        return _with_file(raw, filename) if options.file_column else raw
    if found == "zip":
        return _read_zip(file, filename, fmt, options, depth)
    if found == "ole" or found == "excel":
        if fmt not in (None, "excel"):
            raise DeliveryError(
                f"{filename}: declared as {fmt}, but the bytes are an Excel workbook", hint="correct `format`"
            )
        raw = read_excel(file, filename, options, ole=True)
    elif found in ("csv", "tsv"):
        raw = read_delimited(file, filename, found, options)
    elif found == "parquet":
        raw = read_parquet(file, filename, options)
    elif found == "json":
        raw = read_json(file, filename, options)
    elif found == "ndjson":
        raw = read_ndjson(file, filename, options)
    elif found == "geojson":
        raw = read_geojson(file, filename, options)
    elif found == "gtfs_rt":
        raw = read_gtfs_rt(file, filename, options)
    else:
        raw = read_vector(file, filename, found, options)
    return _with_file(raw, filename) if options.file_column else raw


def _with_file(raw: Raw, filename: str) -> Raw:
    return replace(raw, frame=raw.frame.with_columns(pl.lit(filename).alias(FILE)))


def _read_zip(file: Path, filename: str, fmt: str | None, options: ReadOptions, depth: int) -> Raw:
    infos = zip_members(file, filename)
    names = [info.filename.replace("\\", "/") for info in infos]
    if "[Content_Types].xml" in names or "mimetype" in names:
        if fmt not in (None, "excel"):
            raise DeliveryError(
                f"{filename}: declared as {fmt}, but the bytes are an Excel workbook", hint="correct `format`"
            )
        raw = read_excel(file, filename, options, ole=False)
        return _with_file(raw, filename) if options.file_column else raw
    if depth > 0:
        raise DeliveryError(f"{filename}: a zip inside a packed file is not opened", hint="deliver it packed once")
    infos = [info for info in infos if info.filename not in options.exclude]
    if options.member:
        infos = [info for info in infos if fnmatch.fnmatch(info.filename.replace("\\", "/"), options.member)]
        if not infos:
            raise DeliveryError(
                f"{filename}: no file in the zip matches {options.member!r}; there is {', '.join(names[:20])}",
                hint="correct `member` in the mapping",
            )
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=file.parent) as folder:
        inside = Path(folder)
        if any(info.filename.lower().endswith(".shp") for info in infos) and fmt in (None, "shapefile"):
            parts = [i for i in infos if PurePosixPath(i.filename.lower()).suffix in SHAPEFILE_PARTS]
            unpack(file, filename, parts, options, lambda n, name: inside / PurePosixPath(name.replace("\\", "/")).name)
            raw = read_vector(inside, filename, "shapefile", options)
            return _with_file(raw, filename) if options.file_column else raw
        raws = []
        for name, held in unpack(file, filename, infos, options, lambda n, _: inside / f"member-{n}"):
            raws.append((name, _read(held, name, fmt, options, depth + 1)))
            held.unlink(missing_ok=True)
    return _together(raws, filename)


def _together(raws: list[tuple[str, Raw]], filename: str) -> Raw:
    """Tables of several members as one, row numbers running on; their columns must be the same."""
    if len(raws) == 1:
        return raws[0][1]
    kinds = sorted({raw.format for _, raw in raws})
    first_name, first = raws[0]
    if len(kinds) > 1:
        raise DeliveryError(
            f"{filename}: the zip holds files of several formats ({', '.join(kinds)})",
            hint="name the members to read in `member`",
        )
    frames, refused, at, notes = [], [], 0, [f"{len(raws)} files in the zip"]
    for name, raw in raws:
        differ = set(raw.frame.columns) ^ set(first.frame.columns)
        if differ:
            raise DeliveryError(
                f"{filename}: {name} and {first_name} do not have the same columns "
                f"(differ in {', '.join(sorted(differ)[:10])})",
                hint="name the members to read in the mapping's `member`, or deliver them apart",
            )
        frames.append(raw.frame.select(first.frame.columns).with_columns(pl.col(ROW) + at))
        refused.append(raw.refused.with_columns(pl.col(ROW) + at))
        at += raw.rows_in
        notes += [f"{name}: {note}" for note in raw.notes if "rows" in note or "lines" in note]
    frame = pl.concat(frames, how="vertical_relaxed")
    return Raw(frame, pl.concat(_nonempty(refused)), at, kinds[0], tuple(notes), first.crs)


def _nonempty(frames: Iterable[pl.DataFrame]) -> list[pl.DataFrame]:
    kept = [frame for frame in frames if frame.height]
    return kept or [no_refusals()]
