"""A supplier's words → the words of the contract: value tables of the mapping and vocabularies."""

from __future__ import annotations

import polars as pl

from data_pipeline.errors import did_you_mean
from data_pipeline.mappings import Mapping
from data_pipeline.mappings.vocabularies import Vocabulary, vocabulary

MAX_WORDS = 50  # unknown words that are told one by one
Excluded = list[tuple[pl.Series, str, str, str]]


def mapped_values(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The frame with the mapping's `values` put in; words that are in no table stay as they are (or become `*`)."""
    for name, table in mapping.values.items():
        if name not in frame.columns:
            continue
        text = pl.col(name).cast(pl.String).str.strip_chars()
        words = {key: _as_text(value) for key, value in table.items() if key not in ("*", "")}
        other: pl.Expr = pl.lit(_as_text(table["*"])) if "*" in table else text
        mapped = pl.when(text.is_in(list(words))).then(text.replace(words)).otherwise(other) if words else other
        empty = pl.lit(_as_text(table[""])) if "" in table else pl.lit(None, dtype=pl.String)
        frame = frame.with_columns(pl.when(text.is_null() | (text == "")).then(empty).otherwise(mapped).alias(name))
    return frame


def translated(frame: pl.DataFrame, mapping: Mapping) -> tuple[pl.DataFrame, Excluded]:
    """The frame with the columns of `mapping.vocabularies` in the contract's words, and the rows whose word is in none.

    Empty stays empty. Each unknown word is one entry: (mask over the frame, column, rule `unknown_word`, reason with near ones).
    """
    refused: Excluded = []
    for name, vocabulary_id in mapping.vocabularies.items():
        if name not in frame.columns:
            continue
        known = vocabulary(vocabulary_id)
        text = frame[name].cast(pl.String).str.strip_chars()
        asked = text.is_not_null() & (text != "")
        strange = asked & ~text.is_in(list(known.words))
        words = text.filter(strange).unique().sort().to_list()
        for word in words[:MAX_WORDS]:
            refused.append((strange & (text == word), name, "unknown_word", _reason(word, known)))
        if len(words) > MAX_WORDS:
            refused.append((strange & ~text.is_in(words[:MAX_WORDS]), name, "unknown_word", f"no word of {known.title}"))
        kept = pl.when(asked & ~strange).then(text.replace(known.words)).otherwise(None)
        frame = frame.with_columns(pl.select(kept).to_series().alias(name))
    return frame, refused


def _reason(word: str, known: Vocabulary) -> str:
    near = did_you_mean(word, known.words)
    hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(known.words)}"
    return f"{word!r} is no word of {known.title}; {hint}"


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
