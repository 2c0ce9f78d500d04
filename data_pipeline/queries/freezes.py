"""Frozen ledgers through the door: which there are, and one with its payload."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import UnknownId
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.says import refuse
from data_pipeline.ledger.types import Freeze, Ledger
from data_pipeline.queries.reading import ReadingLake


class Freezes:
    """The part of `Queries` that reads frozen ledgers. Needs packs, ledger and the connection of its other parts."""

    packs: dict[str, Pack]
    _reading: ReadingLake
    ledger: Callable[..., Ledger]

    def freezes(self, city: str) -> list[Freeze]:
        """The freezes of a city, newest first; their payloads are left empty."""
        pack, lake = find_pack(self.packs, city), self._reading.get()
        return [] if lake is None else kept.listed(lake, pack.id)

    def freeze(self, city: str, freeze_id: str) -> Freeze:
        """One freeze with its payload, by id or name; `UnknownId` where there is none."""
        pack, lake = find_pack(self.packs, city), self._reading.get()
        if lake is None:
            raise UnknownId("freeze", freeze_id, [])
        return kept.one(lake, pack.id, freeze_id)

    def ledger_at(self, city: str, point: str) -> tuple[Ledger, Freeze | None]:
        """A ledger by what a person calls it: `now`, a date (`2022-06-30`), or a freeze's id or name.

        Raises
        ------
        UnknownId
            There is no freeze of that id or name.
        UsageError
            The date is still to come.
        """
        if point in ("", "now"):
            return self.ledger(city), None
        try:
            day = date.fromisoformat(point)
        except ValueError:
            found = self.freeze(city, point)
            return kept.thaw(found), found
        ledger = self.ledger(city, day)
        if ledger.on != day:
            raise refuse("day_to_come", got=day.isoformat(), hint=f"give a date up to {ledger.on}")
        return ledger, None
