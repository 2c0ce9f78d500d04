"""One commit: deliveries, records, quarantine, sites, localities, readings, alerts, all at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data_pipeline.contracts import Contract, contract
from data_pipeline.errors import DeliveryError
from data_pipeline.ingest import registers
from data_pipeline.ingest.account import Account, all_refused, ends, fingerprint, mapping_text
from data_pipeline.ingest.books import Books
from data_pipeline.ingest.keep import in_one_piece, keep, keep_text
from data_pipeline.ingest.locate import Locality, LocatedRows, locate_rows, with_local_time
from data_pipeline.ingest.pending import Pending, no_revisions
from data_pipeline.ingest.prepare import Prepared, prepare
from data_pipeline.ingest.revise import Revised, revise
from data_pipeline.ingest.steps import impossible_steps, rows_before
from data_pipeline.ingest.types import Incoming, Receipt, unused_words
from data_pipeline.store.schema import SYSTEM_COLUMNS

if TYPE_CHECKING:
    from data_pipeline.cities import Pack

Touched = dict[tuple[str, str], set[date]]
Progress = Callable[[str, int, int], None]
STEPS = ("keep", "prepare", "locate", "revise", "append", "aggregate", "alerts", "commit")


class NoChange(Exception):  # noqa: N818 (not a failure: there is nothing to commit)
    """Ends a commit that has nothing to write."""


class Commit:
    """One commit under way. Get it from `Writer.commit`; `receipts` are final once it has ended."""

    def __init__(self, writer: Books, what: str, progress: Progress | None) -> None:
        self.writer, self.what, self.progress = writer, what, progress
        self.lake = writer.lake
        self.commit_seq = writer.next_commit
        self.now = writer.now()
        newest = writer.lake.snapshot()
        self.snapshot = newest.id + 1 if newest else 1
        self.receipts: list[Receipt] = []
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self.touched: Touched = {}
        self.cities: set[str] = set()
        self.readings_n = self.alerts_n = 0
        self.only_if_changed = False
        self.with_alerts = True  # off for parts of a history whose end is not in yet
        self.with_readings = True  # off where the readings of many commits are computed in one go after them
        self.only_metrics: set[str] | None = None  # readings of these alone
        self.localities: dict[int, Locality] = {}
        self._moved_sites: dict[tuple[str, str], list[pl.Series]] = {}
        self.pending = Pending(writer.lake, writer.filled, self.commit_seq)
        self._source_state: dict[tuple[str, str], tuple[datetime | None, datetime]] = {}

    # ------------------------------------------------------------------ taking

    def take(self, incoming: Incoming, *, beside: Sequence[Path] = (), again: bool = False) -> Receipt:
        """Take one delivery: keep its bytes, check, locate, fit in its revisions, account for every row.

        A delivery that cannot be read as a whole is recorded with status `refused`; rows never raise.

        Parameters
        ----------
        beside : sequence of Path
            Where else to look for a file the mapping joins.
        again : bool
            Take bytes that were taken before once more (a replay after the register has arrived).

        Raises
        ------
        UnknownId
            No such city or dataset.
        StoreError
            The store cannot take it; the whole commit is rolled back.
        """
        rules, pack = contract(incoming.dataset), self.writer.pack(incoming.city)
        received = self.now
        delivery_id, self.writer.next_delivery = self.writer.next_delivery, self.writer.next_delivery + 1
        account = Account(delivery_id, incoming, received, incoming.known_from_utc or received)
        text = mapping_text(incoming.mapping)
        clock = time.perf_counter()
        try:
            with in_one_piece(incoming.path, incoming.filename, incoming.mapping) as (path, filename):
                account.kept = keep(self.writer.home, path, filename)
            account.mapping_sha256 = keep_text(self.writer.home, text) if text else ""
            clock = self._clocked(account, "keep", clock)
            if not again and self._taken_before(account):
                return self._record(account)
            prepared = prepare(
                account.kept.path, rules, incoming.mapping, pack.tz, filename=account.kept.filename,
                now_utc=received, bbox=pack.bbox, beside=beside,
            )  # fmt: skip
        except DeliveryError as error:
            account.status, account.message = "refused", str(error)
            return self._record(account)
        clock = self._clocked(account, "prepare", clock)
        account.unused_columns = prepared.unused_columns
        account.message = "; ".join(filter(None, (*prepared.notes, unused_words(prepared.unused_columns))))
        account.seconds |= {f"prepare.{step}": seconds for step, seconds in prepared.seconds.items()}
        self._take_rows(account, prepared, rules, pack, clock)
        return self._record(account)

    def touch(self, city: str, dataset: str, days: set[date]) -> None:
        """Have the readings of these local days computed anew at the end of the commit."""
        self.touched.setdefault((city, dataset), set()).update(days)
        self.cities.add(city)

    def _taken_before(self, account: Account) -> bool:
        """Whether the same bytes, read in the same way, were taken before; if so, all rows are duplicates."""
        key = account.key()
        if fingerprint(*key) not in self.writer.taken:
            return False
        self.flush()
        found = self.lake.frame(
            "SELECT delivery_id, rows_in FROM deliveries WHERE city = ? AND dataset = ? AND sha256 = ? "
            "AND mapping_sha256 = ? AND status = 'accepted' ORDER BY delivery_id LIMIT 1",
            key,
        )
        if found.is_empty():
            return False
        first, rows = found.row(0)
        account.status, account.rows_in, account.duplicates = "duplicate_delivery", rows, rows
        account.message = f"the same bytes were taken as delivery {first}; nothing was written"
        return True

    def _take_rows(self, account: Account, prepared: Prepared, rules: Contract, pack: Pack, clock: float) -> None:
        incoming = account.incoming
        account.rows_in, account.format = prepared.rows_in, prepared.format
        sites = self._sites_of(pack, rules.register_dataset) if "site" in rules.place else None
        declared = incoming.mapping.datum if incoming.mapping and incoming.mapping.datum else "WGS84"
        located = locate_rows(prepared.frame, rules, pack, sites, declared)
        event = located.frame[rules.event_time] if rules.event_time else None
        if event is None:
            event = pl.repeat(account.known_from, located.frame.height, dtype=pl.Datetime("us"), eager=True)
        rows = with_local_time(located.frame, event, pack.tz).with_columns(is_simulated=pl.lit(incoming.is_simulated))
        if rules.steps:
            rows, located = self._without_leaps(rows, located, rules, pack.id)
        clock = self._clocked(account, "locate", clock)
        revised = revise(rows, self._existing(rows, rules, pack.id), rules, account.known_from)
        clock = self._clocked(account, "revise", clock)
        refused = all_refused(prepared, located, revised)
        account.accepted, account.duplicates = revised.accepted.height, revised.duplicates
        account.quarantined, account.corrections = refused["row_number"].n_unique(), revised.corrections
        account.message = "; ".join(filter(None, (located.warning, account.message)))
        account.check()
        self._write(account, revised, refused, located.localities, rules, pack)
        self._clocked(account, "append", clock)

    def _without_leaps(
        self, rows: pl.DataFrame, located: LocatedRows, rules: Contract, city: str
    ) -> tuple[pl.DataFrame, LocatedRows]:
        """Rows without those no thing could have reached from the row before; these join the refused ones."""
        self.flush(rules.table)
        bad = impossible_steps(rows, rules, rows_before(self.lake, rules, city, rows))
        if bad.is_empty():
            return rows, located
        refused = pl.concat([located.refused, bad.select(located.refused.columns)])
        return rows.join(bad, on="row_number", how="anti", maintain_order="left"), replace(located, refused=refused)

    def _existing(self, rows: pl.DataFrame, rules: Contract, city: str) -> pl.DataFrame:
        """Every known revision of the records in `rows`; nothing is asked of rows newer than the newest record."""
        newest = self._newest_event(city, rules)
        if newest is not None and rules.event_time in rules.key:
            rows = rows.filter(pl.col("event_at_utc") <= newest)
        if rows.is_empty() or newest is None:
            return no_revisions(rules, rows)
        return self.pending.revisions(rules, city, rows)

    def _newest_event(self, city: str, rules: Contract) -> datetime | None:
        key = (city, rules.id)
        if key not in self.writer.newest_event:
            sql = f'SELECT max(event_at_utc) FROM "{rules.table}" WHERE city = ?'
            self.writer.newest_event[key] = self.lake.value(sql, [city]) if rules.table in self.writer.filled else None
        return self.writer.newest_event[key]

    def _sites_of(self, pack: Pack, register: str | None) -> pl.DataFrame:
        """Located sites of a register as this commit has them."""
        for city, dataset in list(self._moved_sites):
            if city == pack.id and register in (None, dataset):
                self._rebuild_sites(pack, dataset)
        return self.writer.sites_of(pack.id, register)

    def _rebuild_sites(self, pack: Pack, dataset: str) -> None:
        """Bring `sites` up to date; several deliveries of a register are done in one go."""
        touched = pl.concat(self._moved_sites.pop((pack.id, dataset))).unique()
        self.rebuild_sites(contract(dataset), pack, touched)

    def rebuild_sites(self, rules: Contract, pack: Pack, touched: pl.Series) -> None:
        """Write `sites` anew for these sites of a register, from its present records."""
        for table in (rules.table, "sites", "localities"):
            self.flush(table)
        registers.rebuild(self.lake, rules, pack, touched, self.localities, self.commit_seq)
        self.writer.forget_sites(pack.id, rules.id)

    # ------------------------------------------------------------------ writing

    def _write(
        self,
        account: Account,
        revised: Revised,
        refused: pl.DataFrame,
        localities: dict[int, Locality],
        rules: Contract,
        pack: Pack,
    ) -> None:
        accepted, city = revised.accepted, pack.id
        if not accepted.is_empty():
            self._write_localities(city, localities)
            constants = {"city": city, "delivery_id": account.delivery_id, "commit_seq": self.commit_seq}
            constants["known_from_utc"] = account.known_from  # type: ignore[assignment]
            names = [name for name in (*rules.columns, *SYSTEM_COLUMNS) if name not in constants]
            self.pending.append(rules.table, accepted.select(names), constants)
            account.first_event, account.last_event = ends(accepted["event_at_utc"])
            newest = self._newest_event(city, rules)
            self.writer.newest_event[city, rules.id] = max(filter(None, (newest, account.last_event)), default=None)
        if not revised.closing.is_empty():
            self.pending.close(rules.table, city, revised.closing)
        days = {day for frame in (accepted, revised.closing) for day in frame["local_day"].unique().to_list()}
        if rules.kind == "register" and not accepted.is_empty():
            self._moved_sites.setdefault((city, rules.id), []).append(accepted["site_id"])
            self.localities |= localities
        if days:
            self.touch(city, rules.id, days)
        if not refused.is_empty():
            self._quarantine(account, refused)
        seen = self._source_state.get((city, rules.id), (None, self.now))
        latest = account.last_event if rules.kind != "register" else account.known_from
        self._source_state[city, rules.id] = (max(filter(None, (seen[0], latest)), default=None), self.now)

    def _write_localities(self, city: str, localities: dict[int, Locality]) -> None:
        fresh = [found for found in localities.values() if found.id not in self.writer.known_localities]
        rows = [(found.id, city, area) for found in fresh for area in found.areas]
        if rows:
            schema = {"locality_id": pl.Int64, "city": pl.String, "area_id": pl.String}
            self.pending.append("localities", pl.DataFrame(rows, schema=schema, orient="row"))
            self.writer.known_localities |= {found.id for found in fresh}

    def _quarantine(self, account: Account, refused: pl.DataFrame) -> None:
        first, self.writer.next_quarantine = self.writer.next_quarantine, self.writer.next_quarantine + refused.height
        rows = refused.sort("row_number").with_columns(
            quarantine_id=pl.int_range(first, first + refused.height, dtype=pl.Int64),
            delivery_id=pl.lit(account.delivery_id, pl.Int64),
            city=pl.lit(account.incoming.city),
            dataset=pl.lit(account.incoming.dataset),
            state=pl.lit("open"),
            at_utc=pl.lit(self.now, pl.Datetime("us")),
            commit_seq=pl.lit(self.commit_seq, pl.Int64),
        )
        self.pending.append("quarantine", rows)

    def flush(self, table: str | None = None) -> None:
        """Write what is held back (of one table, or all), so that a query of this commit sees it."""
        self.pending.flush(table)

    def _record(self, account: Account) -> Receipt:
        """Write the delivery's own row and hand out its receipt."""
        self.pending.append("deliveries", account.row(self.commit_seq))
        receipt = account.receipt(self.snapshot)
        if receipt.status == "accepted":
            self.writer.taken.add(fingerprint(*account.key()))
        self.receipts.append(receipt)
        self.cities.add(receipt.city)
        return receipt

    def _clocked(self, account: Account, step: str, since: float) -> float:
        now = time.perf_counter()
        account.seconds[step] = account.seconds.get(step, 0.0) + now - since
        self.seconds[step] += now - since
        return now

    # ------------------------------------------------------------------ ending

    def finish(self) -> None:
        """Readings, alerts, source states and the commit's own row, inside the same transaction."""
        clock = time.perf_counter()
        for city, dataset in list(self._moved_sites):
            self._rebuild_sites(self.writer.pack(city), dataset)
        self.flush()
        self.seconds["append"] += time.perf_counter() - clock
        clock = time.perf_counter()
        if self.touched and self.with_readings:
            refresh = self.writer.refresh
            self.readings_n = refresh(
                self.lake, self.writer.packs, self.touched, commit_seq=self.commit_seq, now=self.now,
                **({"progress": self.progress} if self.progress else {}),
                **({"only": self.only_metrics} if self.only_metrics is not None else {}),
            )  # fmt: skip
        self.seconds["aggregate"] = time.perf_counter() - clock
        registers.write_source_state(self.lake, self._source_state, self._declared_states(), self.commit_seq)
        clock = time.perf_counter()
        if self.cities and self.with_alerts:
            evaluate = self.writer.evaluate
            self.alerts_n = evaluate(
                self.lake, self.writer.packs, self.cities, commit_seq=self.commit_seq, now=self.now
            )
        self.seconds["alerts"] = time.perf_counter() - clock
        if self.only_if_changed and not (self.receipts or self.touched or self.alerts_n):
            raise NoChange
        cities = ",".join(sorted(self.cities))
        row = {"commit_seq": self.commit_seq, "at_utc": self.now, "what": self.what, "cities": cities}
        self.lake.append("commits", pl.DataFrame([row]))

    def _declared_states(self) -> dict[tuple[str, str], str]:
        """(city, dataset) → what its pack says the source is, for the sources of this commit."""
        found = {key: self.writer.pack(key[0]).sources.get(key[1]) for key in self._source_state}
        return {key: source.state for key, source in found.items() if source is not None}

    def committed(self, seconds: float) -> None:
        """Note that the commit is in the store, and under which snapshot."""
        self.seconds["commit"] = seconds
        self.writer.next_commit = self.commit_seq + 1
        newest = self.lake.snapshot()
        if newest is not None and newest.id != self.snapshot:
            self.snapshot = newest.id
            self.receipts = [replace(receipt, snapshot=newest.id) for receipt in self.receipts]
