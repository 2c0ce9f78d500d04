"""Vocabularies: the words of a supplier or a standard, and the one word of the contracts each becomes (`charging.toml`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import DeclarationError, UnknownId

FILE = Path(__file__).parent / "charging.toml"


class Vocabulary(Declared):
    """One vocabulary: native word → word of the contract. Words are compared as they are, capitals included."""

    id: str = Field(pattern=r"[a-z][a-z0-9]*")
    title: str
    words: dict[str, str] = Field(min_length=1)


class _File(Declared):
    vocabulary: tuple[Vocabulary, ...]


def read_vocabularies(path: Path) -> dict[str, Vocabulary]:
    """The vocabularies of a file by id; `DeclarationError` for a wrong file or an id that stands twice."""
    found = validate(_File, read_toml(path), path.name).vocabulary
    ids = [v.id for v in found]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise DeclarationError(path.name, [f"vocabulary {i!r} is declared twice" for i in twice])
    return {v.id: v for v in found}


@cache
def vocabularies() -> dict[str, Vocabulary]:
    """The product's vocabularies by id."""
    return read_vocabularies(FILE)


def vocabulary(vocabulary_id: str) -> Vocabulary:
    """One vocabulary; `UnknownId` with "did you mean" where there is none."""
    try:
        return vocabularies()[vocabulary_id]
    except KeyError:
        raise UnknownId("vocabulary", vocabulary_id, vocabularies()) from None


def vocabulary_problems(named: Mapping[str, str], allowed: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the vocabularies a mapping names for its columns: unknown ones, and words a column does not allow.

    `allowed`: the values of every column of the contract, empty where it allows any.
    """
    problems = []
    for column, vocabulary_id in named.items():
        try:
            words = vocabulary(vocabulary_id).words
        except UnknownId as error:
            problems.append(f"vocabularies.{column}: {error}")
            continue
        strange = sorted(set(words.values()) - set(allowed[column])) if allowed.get(column) else []
        problems += [f"vocabularies.{column}: {vocabulary_id!r} gives {word!r}, which the contract does not allow" for word in strange]
    return problems
