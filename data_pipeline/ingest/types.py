"""What goes into a commit and what comes back: `Incoming` and `Receipt`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from data_pipeline.mappings import Mapping

DeliveryStatus = Literal["accepted", "duplicate_delivery", "refused"]


@dataclass(frozen=True)
class Incoming:
    """One delivery on its way in.

    `source` names the supplier, `operator` the person or program that brought it. `known_from_utc`
    is the moment it became known; None = now (archive deliveries carry an older one).
    """

    path: Path
    city: str
    dataset: str
    source: str
    filename: str
    mapping: Mapping | None = None
    mapping_name: str = ""
    operator: str = ""
    is_simulated: bool = False
    known_from_utc: datetime | None = None

    def as_arguments(self) -> dict[str, Any]:
        """Everything but the path as plain values for JSON."""
        plain = {name: value for name, value in vars(self).items() if name not in ("path", "mapping", "known_from_utc")}
        plain["mapping"] = self.mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True) if self.mapping else None
        plain["known_from_utc"] = self.known_from_utc.isoformat() if self.known_from_utc else None
        return plain

    @classmethod
    def from_arguments(cls, path: Path, plain: dict[str, Any]) -> Incoming:
        """A delivery from what `as_arguments` gave and the path of its bytes."""
        mapping = Mapping.model_validate(plain["mapping"]) if plain["mapping"] is not None else None
        known = datetime.fromisoformat(plain["known_from_utc"]) if plain["known_from_utc"] else None
        return cls(path, **(plain | {"mapping": mapping, "known_from_utc": known}))


@dataclass(frozen=True)
class Receipt:
    """The account of one delivery: rows_in = accepted + duplicates + quarantined, always.

    `corrections` are the accepted rows whose record was known before with other content.
    `snapshot` is the snapshot the delivery appears in. `seconds` gives the time of each step.
    `unused_columns`: columns of the supplier's table that became nothing.
    """

    delivery_id: int
    city: str
    dataset: str
    rows_in: int
    accepted: int
    duplicates: int
    quarantined: int
    corrections: int
    snapshot: int | None
    status: DeliveryStatus
    message: str = ""
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    unused_columns: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The receipt as plain values for JSON; without the timings."""
        plain = asdict(self)
        del plain["seconds"]
        return plain | {"unused_columns": list(self.unused_columns)}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Receipt:
        """A receipt from what `as_dict` gave."""
        return cls(**plain | {"unused_columns": tuple(plain.get("unused_columns", ()))})


_UNUSED = "columns not used: "


def unused_words(columns: Sequence[str]) -> str:
    """The sentence about unused columns in a delivery's message; empty where there are none."""
    return _UNUSED + json.dumps(list(columns), ensure_ascii=False) if columns else ""


def unused_in(message: str) -> list[str]:
    """The unused columns a delivery's message tells of (see `unused_words`)."""
    _, found, rest = message.partition(_UNUSED)
    return json.JSONDecoder().raw_decode(rest)[0] if found else []
