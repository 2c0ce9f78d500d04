"""Revisions: duplicate, correction or new record; the chain of what was known when.

The revisions of one record (same key) stand in the order in which they became known. A
revision holds from its `known_from_utc` until the next one's. A row that says the same as
the revision before it is a duplicate. Rows may arrive in any order: a late delivery with an
older `known_from_utc` takes its place inside the chain.

Cases with an `updated_at` carry their own order: a row older than one already known is kept
as a revision but is never the present one (`known_to_utc = known_from_utc`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data_pipeline.contracts import Contract

CONFLICT = "conflicting_duplicate"
# columns the chain needs of revisions that are already in the store
EXISTING = ("delivery_id", "row_number", "known_from_utc", "known_to_utc", "is_simulated", "local_day")
CLOSING_SCHEMA: dict[str, pl.DataType] = {
    "delivery_id": pl.Int64(), "row_number": pl.Int64(), "known_to_utc": pl.Datetime("us"), "local_day": pl.Date(),
}  # fmt: skip
_NEW = -1  # delivery_id of rows of the present delivery while the chain is sorted


@dataclass(frozen=True)
class Revised:
    """What to write for one delivery.

    Attributes
    ----------
    accepted : rows to append, with `known_to_utc` (null = present)
    closing : revisions in the store whose end changes: delivery_id, row_number, known_to_utc, local_day
    duplicates : number of rows that say what was known already
    conflicts : row_number and reason of rows that contradict an earlier row of the same file
    corrections : how many of `accepted` belong to a record known before
    """

    accepted: pl.DataFrame
    closing: pl.DataFrame
    duplicates: int
    conflicts: pl.DataFrame
    corrections: int


def content_columns(contract: Contract) -> list[str]:
    """Columns that make up what a record says: all but the key; a real row differs from a simulated one."""
    return [name for name in contract.columns if name not in contract.key] + ["is_simulated"]


def revise(new: pl.DataFrame, existing: pl.DataFrame, contract: Contract, known_from_utc: datetime) -> Revised:
    """Fit the rows of a delivery into the revisions already in the store.

    Parameters
    ----------
    new : DataFrame
        Contract columns, `is_simulated`, `row_number` and whatever else is to be stored.
    existing : DataFrame
        Every revision in the store whose key may occur in `new`: contract columns and `EXISTING`.
    known_from_utc : datetime
        When the delivery became known, naive UTC.

    Notes
    -----
    Keys and contents are compared column by column, null equal to null; no hashes.
    """
    key = list(contract.key)
    no_conflict = pl.DataFrame(schema={"row_number": pl.Int64, "reason": pl.String})
    no_closing = _closing(existing.head(0), contract)
    if new.is_empty():
        return Revised(new.with_columns(known_to_utc=_never()), no_closing, 0, no_conflict, 0)
    repeated = _repeated(new.select(key))
    if existing.is_empty() and repeated is None:
        return Revised(new.with_columns(known_to_utc=_never()), no_closing, 0, no_conflict, 0)
    # only records with more than one revision need a chain; the rest goes straight through
    new, said = _without_known(new, existing, repeated, contract, known_from_utc)
    known_keys = existing.select(key).unique()
    marked = new.select(*key).join(
        known_keys.with_columns(_known=True), on=key, how="left", nulls_equal=True, maintain_order="left"
    )
    chained = marked["_known"].fill_null(False)
    if repeated is not None:
        chained = chained | new.select(key).is_duplicated()
    if not chained.any():
        return Revised(new.with_columns(known_to_utc=_never()), no_closing, said, no_conflict, 0)
    plain, several = new.filter(~chained), new.filter(chained)
    duplicates, conflicts = 0, no_conflict
    if contract.kind != "case" and repeated is not None:
        several, duplicates, conflicts = _within_file(several, contract)
    touched = existing.join(several.select(key).unique(), on=key, how="semi", nulls_equal=True)
    kept, closing, dropped = _chain(several, touched, contract, known_from_utc)
    corrected = kept.join(known_keys, on=key, how="semi", nulls_equal=True).height
    superseding = kept.height - kept.select(key).unique().height if contract.kind == "case" else 0
    new_keys_twice = superseding - _repeats_of_known(kept, known_keys, key)
    accepted = pl.concat([plain.with_columns(known_to_utc=_never()), kept], how="vertical")
    return Revised(
        accepted.sort("row_number") if kept.height else accepted,
        closing,
        said + duplicates + dropped,
        conflicts,
        corrected + new_keys_twice,
    )


def rechain(existing: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The ends of stored revisions as they should be: those that differ, in the shape of `Revised.closing`.

    For use after revisions were taken out of the chain. `existing`: as in `revise`, whole chains.
    """
    if existing.is_empty():
        return _closing(existing, contract)
    return _chain(existing.head(0), existing, contract, datetime(1970, 1, 1))[1]


def _never() -> pl.Expr:
    return pl.lit(None, pl.Datetime("us"))


def _repeated(keys: pl.DataFrame) -> pl.Series | None:
    """Marks every row whose key stands more than once; None where all differ."""
    if _rises(keys) or _rises(keys.select(reversed(keys.columns))):
        return None  # files are mostly in order of time or of key, and looking is cheap
    if keys.select(pl.struct(pl.all()).n_unique()).item() == keys.height:
        return None
    return keys.is_duplicated()


def _rises(keys: pl.DataFrame) -> bool:
    """Whether each row stands after the row before it, compared column by column."""
    after, equal = pl.lit(False), pl.lit(True)
    for name in keys.columns:
        now, before = pl.col(name), pl.col(name).shift(1)
        after |= equal & (now > before)
        equal &= now == before
    return bool(keys.select(after.slice(1).all(ignore_nulls=False)).item())


def _without_known(
    new: pl.DataFrame, existing: pl.DataFrame, repeated: pl.Series | None, contract: Contract, known_from_utc: datetime
) -> tuple[pl.DataFrame, int]:
    """`new` without rows that say what the present revision says, and how many those were.

    Holds where the present revision was known before the delivery: it is then the one the row
    would stand behind. This takes the bulk of a file that is delivered again.
    """
    present = existing.filter(pl.col("known_to_utc").is_null() & (pl.col("known_from_utc") <= known_from_utc))
    if present.is_empty():
        return new, 0
    same = [*contract.key, *content_columns(contract)]
    candidates = new if repeated is None else new.filter(~repeated)
    said = candidates.select(*same, "row_number").join(present.select(same), on=same, how="semi", nulls_equal=True)
    if said.is_empty():
        return new, 0
    return new.join(said.select("row_number"), on="row_number", how="anti", maintain_order="left"), said.height


def _repeats_of_known(kept: pl.DataFrame, known_keys: pl.DataFrame, key: list[str]) -> int:
    """Further rows (beyond the first) of records known before; they are counted as corrections already."""
    known = kept.select(key).join(known_keys, on=key, how="semi", nulls_equal=True)
    return known.height - known.unique().height


def _within_file(rows: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Repeated keys of one file: equal rows are duplicates, rows that contradict the first are refused."""
    key, content = list(contract.key), content_columns(contract)
    first = [pl.col(name).first().over(key).alias(f"_first_{name}") for name in content]
    order = rows.with_columns(pl.col("row_number").first().over(key).alias("_first_row"), *first)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"_first_{name}")) for name in content)
    order = order.with_columns(_same=same, _later=pl.col("row_number") != pl.col("_first_row"))
    clash = order.filter(pl.col("_later") & ~pl.col("_same")).select("row_number", "_first_row")
    names = ", ".join(key)
    reasons = [f"the key ({names}) stands in row {first} of the same file with other values" for first in clash["_first_row"]]
    conflicts = clash.select("row_number").with_columns(reason=pl.Series(reasons, dtype=pl.String))
    duplicates = order.filter(pl.col("_later") & pl.col("_same")).height
    return order.filter(~pl.col("_later")).select(rows.columns), duplicates, conflicts


def _chain(
    rows: pl.DataFrame, existing: pl.DataFrame, contract: Contract, known_from_utc: datetime
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Sort new and stored revisions of each record by when they became known, and close each at the next."""
    key, content = list(contract.key), content_columns(contract)
    own = [*contract.columns, "is_simulated", "row_number"]
    both = pl.concat(
        [
            rows.select(*own, delivery_id=pl.lit(_NEW, pl.Int64), known_from_utc=pl.lit(known_from_utc, pl.Datetime("us"))),
            existing.select(*own, "delivery_id", "known_from_utc"),
        ],
        how="vertical",
    )
    has_update = contract.kind == "case" and "updated_at" in contract.columns
    # ties are settled by what the rows say, never by who came first, so that arrival order does not matter
    order = ["known_from_utc", *(["updated_at"] if has_update else []), "row_number", *content]
    both = both.sort([*key, *dict.fromkeys(order)], nulls_last=False)
    while True:
        hidden = _outdated(key) if has_update else pl.lit(False)
        both = both.with_columns(_hidden=hidden)
        repeats = _repeats(both, key, content)
        if not repeats.any():
            break
        # dropping a row can make its neighbours equal, so look again; each round drops at least one
        both = both.filter(~repeats)
    dropped = rows.height - both.filter(pl.col("delivery_id") == _NEW).height
    seen = both.filter(~pl.col("_hidden")).with_columns(_ends=pl.col("known_from_utc").shift(-1).over(key))
    ends = pl.concat(
        [seen, both.filter(pl.col("_hidden")).with_columns(_ends=pl.col("known_from_utc"))], how="diagonal"
    ).select("delivery_id", "row_number", known_to_utc="_ends")
    mine = ends.filter(pl.col("delivery_id") == _NEW).drop("delivery_id")
    kept = rows.join(mine, on="row_number", how="inner")
    changed = existing.rename({"known_to_utc": "_was"}).join(ends, on=["delivery_id", "row_number"], how="inner")
    changed = changed.filter(pl.col("_was").ne_missing(pl.col("known_to_utc")))
    return kept, _closing(changed, contract), dropped


def _outdated(key: list[str]) -> pl.Expr:
    """True for rows whose `updated_at` is older than one already known; without the time never."""
    newest_before = pl.col("updated_at").cum_max().forward_fill().shift(1).over(key)
    return (pl.col("updated_at") < newest_before).fill_null(False)


def _repeats(both: pl.DataFrame, key: list[str], content: list[str]) -> pl.Series:
    """New rows that repeat what is known already.

    A visible row repeats when the visible row before it says the same; an outdated one when any
    row known by then does.
    """
    numbered = both.with_row_index("_n")
    visible = numbered.filter(~pl.col("_hidden"))
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(1)) for c in [*key, *content])
    # said at the same moment by another delivery: which of the two stands first means nothing
    echo = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(-1)) for c in [*key, *content, "known_from_utc"])
    marks = visible.with_columns(
        _same=same.fill_null(False) & (pl.int_range(pl.len()) > 0),
        _echo=echo.fill_null(False) & (pl.col("delivery_id").shift(-1) != _NEW).fill_null(False),
    )
    hit = marks.filter((pl.col("_same") | pl.col("_echo")) & (pl.col("delivery_id") == _NEW))["_n"].to_list()
    if both["_hidden"].any():
        place = numbered.with_columns(_first=pl.col("_n").first().over([*key, *content]))
        again = place.filter(pl.col("_hidden") & (pl.col("delivery_id") == _NEW) & (pl.col("_n") != pl.col("_first")))
        hit += again["_n"].to_list()
    return numbered["_n"].is_in(hit)


def _closing(changed: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    if not changed.columns:
        return pl.DataFrame(schema=CLOSING_SCHEMA)
    return changed.select(list(CLOSING_SCHEMA))
