"""Every text on screen comes from one catalogue per language: `components/text/zh.toml`, `en.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal, TypeGuard

from data_pipeline.declare import read_toml
from data_pipeline.errors import UnknownId

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")
DEFAULT_LANG: Lang = "zh"
FOLDER = Path(__file__).parent / "text"


@cache
def catalogue(lang: Lang) -> dict[str, str]:
    """All texts of a language by dotted key, in the order of the file."""
    flat: dict[str, str] = {}
    _flatten(read_toml(FOLDER / f"{lang}.toml"), "", flat)
    return flat


def t(key: str, lang: Lang, **values: Any) -> str:
    """The text of `key`, with `{names}` filled from `values` (see `fill`).

    Raises
    ------
    UnknownId
        There is no such key; the message names near ones.
    """
    texts = catalogue(lang)
    if key not in texts:
        raise UnknownId("text", f"{lang}:{key}", texts)
    return fill(texts[key], values) if values else texts[key]


def fill(text: str, values: Mapping[str, Any]) -> str:
    """`text` with its `{names}` filled; `{n:day|days}` is the first word where `n` is 1, else the second."""
    return _PLURALS.vformat(text, (), values) if "|" in text else text.format(**values)


class _Plurals(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        return (one if str(value) == "1" else many) if bar else super().format_field(value, format_spec)


_PLURALS = _Plurals()


def has(key: str, lang: Lang) -> bool:
    """True where the catalogue holds `key`."""
    return key in catalogue(lang)


def pick(zh: str, en: str, lang: Lang) -> str:
    """The side of a bilingual value that belongs to `lang`; the other where that one is empty."""
    return (zh or en) if lang == "zh" else (en or zh)


def is_lang(text: object) -> TypeGuard[Lang]:
    """True for a language the product speaks."""
    return text in LANGS


def _flatten(table: dict, prefix: str, into: dict[str, str]) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _flatten(value, f"{prefix}{key}.", into)
        else:
            into[f"{prefix}{key}"] = str(value)
