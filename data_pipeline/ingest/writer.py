"""The writer: deliveries in, one commit out. Everything of a commit appears at once or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from data_pipeline.home import Home
from data_pipeline.ingest.books import Books
from data_pipeline.ingest.commit import STEPS, Commit, NoChange, Progress, Touched
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.store.lake import Lake
from data_pipeline.times import now_utc

if TYPE_CHECKING:
    from data_pipeline.cities import Pack

__all__ = ["STEPS", "Commit", "Incoming", "Progress", "Receipt", "Touched", "Writer"]


class Writer(Books):
    """Takes deliveries into the lake, a commit at a time. One per process, over `Lake.writer`."""

    def __init__(
        self,
        lake: Lake,
        packs: dict[str, Pack],
        home: Home,
        now: Callable[[], datetime] = now_utc,
        refresh: Callable[..., int] | None = None,
        evaluate: Callable[..., int] | None = None,
    ) -> None:
        """`refresh` and `evaluate` default to the product's aggregation and alert rules."""
        super().__init__(lake, packs, home, now, refresh or _product_refresh(), evaluate or _product_evaluate())

    @contextmanager
    def commit(self, what: str, progress: Progress | None = None) -> Iterator[Commit]:
        """One commit: take deliveries inside; on leaving, readings and alerts follow, then all appears.

        Raises
        ------
        StoreError
            The disk cannot take it. Nothing of the commit stays; the last snapshot is readable.
        """
        if self.stale:
            self.read()
        commit = Commit(self, what, progress)
        try:
            with self.lake.transaction(what):
                yield commit
                commit.finish()
                started = time.perf_counter()
            commit.committed(time.perf_counter() - started)
        except NoChange:
            raise
        except BaseException:
            self.stale = True
            raise

    def take(self, incoming: Incoming) -> Receipt:
        """One delivery in a commit of its own."""
        with self.commit(f"delivery {incoming.city} {incoming.dataset} {incoming.filename}") as commit:
            commit.take(incoming)
        return commit.receipts[0]

    @property
    def is_committing(self) -> bool:
        """Whether a commit is under way."""
        return self.lake.in_transaction

    def evaluate_alerts(self, cities: set[str]) -> int:
        """Look at the alert rules without a delivery (a source grows late by itself); changes written.

        Without a change there is no commit.
        """
        try:
            with self.commit("alerts") as commit:
                commit.only_if_changed = True
                commit.cities |= cities
        except NoChange:
            return 0
        return commit.alerts_n


def _product_refresh() -> Callable[..., int]:
    from data_pipeline.aggregate.refresh import refresh

    return refresh


def _product_evaluate() -> Callable[..., int]:
    from data_pipeline.alerts.evaluate import evaluate

    return evaluate
