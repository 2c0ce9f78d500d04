"""Strict declarations: TOML files read by pydantic models that refuse what they do not know."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from data_pipeline.errors import DeclarationError, did_you_mean


class Declared(BaseModel):
    """Base of every declaration: unknown keys are refused, values are frozen after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


Model = TypeVar("Model", bound=Declared)


def read_toml(path: Path) -> dict:
    """The table in a TOML file.

    Raises
    ------
    DeclarationError
        The file is absent, is not UTF-8 or is not TOML; the message names file and line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeclarationError(str(path), ["file does not exist"]) from None
    except UnicodeDecodeError as error:
        raise DeclarationError(str(path), [f"not UTF-8 text (byte {error.start})"]) from None
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(str(path), [f"not valid TOML: {error}"]) from None


def validate(model: type[Model], data: dict, source: str) -> Model:
    """`data` as `model`; every problem at once, unknown keys with "did you mean"."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DeclarationError(source, problems_of(model, error)) from None


def problems_of(model: type[BaseModel], error: ValidationError) -> list[str]:
    """One sentence for each problem pydantic found in a declaration of type `model`."""
    problems = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "(top)"
        if item["type"] == "extra_forbidden":
            key = str(item["loc"][-1])
            near = did_you_mean(key, _keys_at(model, item["loc"][:-1]))
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"unknown key {where!r}{hint}")
        elif item["type"] == "missing":
            problems.append(f"missing key {where!r}")
        elif item["type"] == "value_error":  # a validator of ours: its text already names what it got
            text = item["msg"].removeprefix("Value error, ")
            problems += text.split("; ") if where == "(top)" else [f"{where}: {text}"]
        else:
            problems.append(f"{where}: {item['msg']} (got {item.get('input')!r})")
    return problems


def _keys_at(model: type[BaseModel], loc: tuple) -> list[str]:
    """The keys allowed at a place inside a declaration, as far as the model's types tell."""
    current: type[BaseModel] | None = model
    for part in loc:
        if current is None or not isinstance(part, str) or part not in current.model_fields:
            continue
        current = _model_in(current.model_fields[part].annotation)
    fields = (current or model).model_fields
    return [field.alias or name for name, field in fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
