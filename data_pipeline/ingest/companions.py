"""Second files a mapping joins: found in the delivery's own zip, beside it, or beside the mapping."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import polars as pl

from data_pipeline.errors import DeliveryError
from data_pipeline.ingest.naming import rename, without_nulls
from data_pipeline.mappings import Join, Mapping
from data_pipeline.sources import ReadOptions, bundle, read


def members(path: Path) -> list[str]:
    """Names of the files inside a zip; empty where `path` is none."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [info.filename for info in archive.infolist() if not info.is_dir()]


def _fits(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(PurePosixPath(name).name, pattern)


def excluded(path: Path, mapping: Mapping | None) -> tuple[str, ...]:
    """Names inside the delivery's zip that are second files, and so no part of the main table."""
    if mapping is None or not mapping.joins:
        return ()
    return tuple(name for name in members(path) for join in mapping.joins if _fits(name, join.file))


def find(join: Join, path: Path, places: Sequence[Path]) -> tuple[Path, str] | None:
    """The second file and, where it lies inside a zip, its name there; None where it is nowhere."""
    for place in [path, *places]:
        for name in members(place) if place.is_file() else []:
            if _fits(name, join.file):
                return place, name
        folder = place if place.is_dir() else place.parent
        hits = sorted(folder.glob(join.file)) if not Path(join.file).is_absolute() else []
        if hits:
            return hits[0], ""
    return None


def joined(join: Join, filename: str, path: Path, places: Sequence[Path], notes: list[str]) -> pl.DataFrame:
    """The second file as a table under its new names.

    Raises
    ------
    DeliveryError
        It is nowhere, or cannot be read.
    """
    found = find(join, path, places)
    if found is None:
        raise DeliveryError(
            f"{filename}: the mapping joins {join.file!r}, which is not in the delivery nor beside it or the mapping",
            hint="deliver both files in one zip, or put it beside the delivered file",
        )
    file, member = found
    options = ReadOptions(
        delimiter=join.delimiter, encoding=join.encoding, sheet=join.sheet, records=join.records, member=member
    )
    raw = read(file, filename=join.file if not member else file.name, fmt=join.format or None, options=options)
    if raw.refused.height:
        notes.append(f"{raw.refused.height} rows of {join.file} cannot be read: {raw.refused['reason'][0]}")
    frame, _ = rename(raw.frame.drop("row_number"), join.rename, join.file, notes)
    return without_nulls(frame, join.null_values)


def with_companions(path: Path, mapping: Mapping | None, target: Path) -> Path:
    """The delivery as it should be kept: itself, or one zip of it and the files its mapping joins.

    Parameters
    ----------
    path : Path
        The file or folder as the operator names it.
    target : Path
        Where the zip may be written. A folder (a Shapefile) is always zipped.

    Returns
    -------
    Path
        `path`, or `target` where a zip was needed. The same files give the same bytes.

    Raises
    ------
    DeliveryError
        The delivery is a zip already and does not hold the second file.
    """
    extra = []
    for join in mapping.joins if mapping else []:
        found = find(join, path, [mapping.folder] if mapping and mapping.folder else [])
        if found is not None and found[0] != path:
            extra.append(found[0])
    if path.is_dir():
        return bundle([path, *extra], target)
    if path.suffix.lower() == ".shp":
        parts = sorted(p for p in path.parent.iterdir() if p.stem == path.stem)
        return bundle([*parts, *extra], target)
    if extra and members(path):
        raise DeliveryError(
            f"{path.name}: the mapping joins {', '.join(e.name for e in extra)}, which lies beside the zip, not in it",
            hint="put it into the zip",
        )
    return bundle([path, *extra], target) if extra else path
