"""Names of columns: the supplier's, the mapping's, the contract's, and what to say where they do not meet."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from data_pipeline.contracts import Contract
from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.mappings import Mapping
from data_pipeline.sources import FILE, ROW

SOURCE = "_source_row"  # index of the row in the table as found
CELL = "_source_cell"  # index of the wide column a row came from
GEOMETRY = ("geometry_x", "geometry_y", "geometry_wkt")


def normal(name: str) -> str:
    """A column name without what suppliers vary: case, blanks, hyphens, full-width letters."""
    plain = name.translate({code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)})
    return re.sub(r"[\s\-_]+", "_", plain.strip()).lower()


def rename(
    frame: pl.DataFrame, renames: dict[str, str], filename: str, notes: list[str]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """`frame` under its new names, and new name → name in the file. Absent columns are noted."""
    by_normal: dict[str, list[str]] = {}
    for name in frame.columns:
        by_normal.setdefault(normal(name), []).append(name)
    found: dict[str, str] = {}
    for given, wanted in renames.items():
        near = [given] if given in frame.columns else by_normal.get(normal(given), [])
        if len(near) == 1:
            found[near[0]] = wanted
        elif not near:
            close = did_you_mean(given, frame.columns)
            notes.append(
                f"column {given!r} of the mapping is not in the file"
                + (f" (renamed to {close[0]!r}?)" if close else "")
            )
        else:
            raise DeliveryError(f"{filename}: {given!r} of the mapping fits several columns: {', '.join(near)}")
    doubled = sorted({w for w in found.values() if list(found.values()).count(w) > 1})
    if doubled:
        raise DeliveryError(
            f"{filename}: several columns are renamed to {', '.join(doubled)}", hint="correct `rename` in the mapping"
        )
    in_the_way = [w for w in found.values() if w in frame.columns and w not in found]
    if in_the_way:
        notes.append(f"columns of the file set aside, as the mapping fills them otherwise: {', '.join(in_the_way)}")
    return frame.drop(in_the_way).rename(found), {wanted: given for given, wanted in found.items()}


def without_nulls(
    frame: pl.DataFrame, everywhere: Sequence[str], by_column: dict[str, list[str]] | None = None
) -> pl.DataFrame:
    """Text that stands for "no value" as null, compared without blanks around it."""
    changes = []
    for name, dtype in frame.schema.items():
        words = [*everywhere, *(by_column or {}).get(name, [])]
        if words and dtype == pl.String:
            changes.append(
                pl.when(pl.col(name).str.strip_chars().is_in(words)).then(None).otherwise(pl.col(name)).alias(name)
            )
        elif (by_column or {}).get(name):
            text = pl.col(name).cast(pl.String)
            changes.append(pl.when(text.is_in(words)).then(None).otherwise(pl.col(name)).alias(name))
    return frame.with_columns(changes) if changes else frame


def adopt_names(frame: pl.DataFrame, contract: Contract, filename: str) -> pl.DataFrame:
    """Columns that are called as in the contract but for case and blanks, under the contract's names."""
    found: dict[str, str] = {}
    for name in _free(frame, contract):
        wanted = normal(name)
        if wanted in contract.columns and wanted not in frame.columns:
            if wanted in found.values():
                raise DeliveryError(
                    f"{filename}: several columns are called {wanted!r} but for case and blanks",
                    hint="rename all but one",
                )
            found[name] = wanted
    return frame.rename(found)


def _free(frame: pl.DataFrame, contract: Contract) -> list[str]:
    system = {ROW, SOURCE, CELL, FILE}
    known = contract.columns
    return [n for n in frame.columns if n not in known and n not in system and not n.startswith("_")]


def match_names(frame: pl.DataFrame, contract: Contract, mapping: Mapping | None, filename: str) -> pl.DataFrame:
    """Columns under the contract's names (case, blanks and order do not matter); what is missing, extra, near."""
    frame = adopt_names(frame, contract, filename)
    extra = [name for name in _free(frame, contract) if name not in GEOMETRY]
    required = [n for n, c in contract.columns.items() if c.required or n in contract.key]
    missing = [name for name in required if name not in frame.columns]
    if missing:
        renamed = {name: near[0] for name in missing if (near := did_you_mean(name, [normal(e) for e in extra]))}
        text = f"{filename}: missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        text += f"; not known: {', '.join(extra[:20])}" if extra else ""
        hint = "; ".join(f"is {new!r} what is called {old!r} in the contract?" for old, new in renamed.items())
        where = f"mapping {mapping.name}" if mapping is not None and mapping.name else "a mapping file"
        raise DeliveryError(
            text, hint=(hint + " " if hint else "") + f"rename the columns, or say in {where} how they are called"
        )
    return frame


def unused_columns(given: Sequence[str], contract: Contract, mapping: Mapping | None, turned: Sequence[str]) -> list[str]:
    """Columns of a supplier's table that become nothing: no column of the contract, and not spoken of by the mapping.

    Parameters
    ----------
    given : names as the supplier wrote them
    turned : those that a wide table's rows are made of, or that the mapping excludes from them
    """
    mentioned = {normal(name) for name in mapping.mentioned()} if mapping else set()
    used = {*contract.columns, *mentioned, *(normal(name) for name in (ROW, FILE, *GEOMETRY, *turned))}
    return [name for name in given if normal(name) not in used]
