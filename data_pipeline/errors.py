"""Errors a person can act on: they name the thing, what was got, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


class CityBrainError(Exception):
    """Base of every error this product raises on purpose.

    Parameters
    ----------
    message : str
        Names the thing, what was got and what is allowed.
    hint : str
        What to do about it; may be empty.
    code, facts : str, dict of plain values
        Name of the refusal and what fills its sentence, for screens that say it in the reader's language; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", code: str = "", facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class UsageError(CityBrainError):
    """The call itself is wrong (unknown id, bad time, contradicting options): exit code 2."""

    exit_code = 2


class UnknownId(UsageError):
    """An id that does not exist. The message carries a "did you mean" where one is near."""

    def __init__(self, kind: str, got: str, known: Iterable[str]) -> None:
        self.kind, self.got = kind, got
        self.suggestions = did_you_mean(got, known)
        near = f"; did you mean {', '.join(self.suggestions)}?" if self.suggestions else ""
        facts = {"got": got, "near": ", ".join(self.suggestions)}
        super().__init__(f"unknown {kind} {got!r}{near}", code=f"unknown_{kind.replace(' ', '_')}", facts=facts)


class DeclarationError(CityBrainError):
    """A contract, mapping, metric or pack file is wrong. Lists every problem found at once."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source, self.problems = source, problems
        super().__init__(f"{source}: " + "; ".join(problems))


class DeliveryError(CityBrainError):
    """A delivery as a whole cannot be read (truncated, encrypted, not the declared format)."""


class StoreBusy(CityBrainError):
    """Another process holds the writer's lock; the message says which."""


class StoreError(CityBrainError):
    """The store could not commit (disk full, folder not writable). The last snapshot stays readable."""


def did_you_mean(got: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Known ids close to `got`, best first; an empty list where none is near."""
    return difflib.get_close_matches(got, [str(k) for k in known], n=n, cutoff=0.6)
