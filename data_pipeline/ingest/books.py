"""The writer's books: counters, and what is known of the store without asking it again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from data_pipeline.errors import UnknownId
from data_pipeline.home import Home
from data_pipeline.ingest import registers
from data_pipeline.ingest.account import fingerprint
from data_pipeline.store.lake import Lake

if TYPE_CHECKING:
    from data_pipeline.cities import Pack


class Books:
    """What commits of one writer share. `refresh` and `evaluate` are the product's aggregation and alert rules.

    Attributes
    ----------
    next_delivery, next_quarantine, next_commit : int
        The numbers to be given next.
    taken : fingerprints of accepted deliveries
    known_localities : ids that `localities` holds
    newest_event : (city, dataset) → newest event time of its records
    filled : tables that may have rows; none other needs to be asked
    """

    def __init__(
        self,
        lake: Lake,
        packs: dict[str, Pack],
        home: Home,
        now: Callable[[], datetime],
        refresh: Callable[..., int],
        evaluate: Callable[..., int],
    ) -> None:
        self.lake, self.packs, self.home, self.now = lake, packs, home, now
        self.refresh, self.evaluate = refresh, evaluate
        self.read()

    def read(self) -> None:
        """Counters and look-ups as the last commit left them."""
        self.next_delivery = 1 + (self.lake.value("SELECT max(delivery_id) FROM deliveries") or 0)
        self.next_quarantine = 1 + (self.lake.value("SELECT max(quarantine_id) FROM quarantine") or 0)
        self.next_commit = 1 + (self.lake.value("SELECT max(commit_seq) FROM commits") or 0)
        taken = self.lake.frame("SELECT city, dataset, sha256, mapping_sha256 FROM deliveries WHERE status = 'accepted'")
        self.taken: set[bytes] = {fingerprint(*row) for row in taken.iter_rows()}
        self.known_localities = set(self.lake.frame("SELECT DISTINCT locality_id FROM localities")["locality_id"].to_list())
        self.sites: dict[tuple[str, str], pl.DataFrame] = {}
        self.newest_event: dict[tuple[str, str], datetime | None] = {}
        self.filled = self.lake.filled_tables()
        self.stale = False  # a failed commit left counters ahead of what is in the store

    def pack(self, city: str) -> Pack:
        """The pack of a city; `UnknownId` with "did you mean" where there is none."""
        try:
            return self.packs[city]
        except KeyError:
            raise UnknownId("city", city, self.packs) from None

    def sites_of(self, city: str, register: str | None) -> pl.DataFrame:
        """Located sites of a register (None: of all registers of the city), kept between commits."""
        key = (city, register or "")
        if key not in self.sites:
            self.sites[key] = registers.sites(self.lake, city, register)
        return self.sites[key]

    def forget_sites(self, city: str, register: str) -> None:
        """Have the sites of a register read anew: it has changed."""
        for key in [key for key in self.sites if key[0] == city and key[1] in ("", register)]:
            del self.sites[key]
