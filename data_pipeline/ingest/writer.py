"""The writer: deliveries in, one commit out. Everything of a commit appears at once or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import polars as pl

from data_pipeline.contracts import Contract, contract
from data_pipeline.errors import DeliveryError, StoreError, UnknownId
from data_pipeline.home import Home
from data_pipeline.ingest import registers
from data_pipeline.ingest.keep import Kept, in_one_piece, keep, keep_text
from data_pipeline.ingest.locate import LocatedRows, Locality, locate_rows, with_local_time
from data_pipeline.ingest.prepare import Prepared, prepare
from data_pipeline.ingest.revise import CONFLICT, EXISTING, Revised, revise
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.mappings import Mapping
from data_pipeline.store.lake import Lake
from data_pipeline.store.schema import SYSTEM_COLUMNS
from data_pipeline.times import now_utc

if TYPE_CHECKING:
    from data_pipeline.cities import Pack

Touched = dict[tuple[str, str], set[date]]
Progress = Callable[[str, int, int], None]
STEPS = ("keep", "prepare", "locate", "revise", "append", "aggregate", "alerts", "commit")
FLUSH_ROWS = 100_000  # rows held back to be written together; the memory they take stays small
MANY_DAYS = 40  # up to here a look-up names its days, beyond it only the first and the last


def mapping_text(mapping: Mapping | None) -> str:
    """A mapping as canonical JSON; "" for none. The same text means the same reading of a file."""
    if mapping is None:
        return ""
    plain = mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)


class Writer:
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
        self.lake, self.packs, self.home, self.now = lake, packs, home, now
        self._refresh, self._evaluate = refresh, evaluate
        self._load()

    def _load(self) -> None:
        """Counters and look-ups as the last commit left them."""
        self.next_delivery = 1 + (self.lake.value("SELECT max(delivery_id) FROM deliveries") or 0)
        self.next_quarantine = 1 + (self.lake.value("SELECT max(quarantine_id) FROM quarantine") or 0)
        self.next_commit = 1 + (self.lake.value("SELECT max(commit_seq) FROM commits") or 0)
        taken = self.lake.frame("SELECT city, dataset, sha256, mapping_sha256 FROM deliveries WHERE status = 'accepted'")
        self.taken: set[bytes] = {_fingerprint(*row) for row in taken.iter_rows()}
        self.known_localities = set(self.lake.frame("SELECT DISTINCT locality_id FROM localities")["locality_id"].to_list())
        self.sites: dict[tuple[str, str], pl.DataFrame] = {}
        self.newest_event: dict[tuple[str, str], datetime | None] = {}
        self._stale = False

    def pack(self, city: str) -> Pack:
        """The pack of a city; `UnknownId` with "did you mean" where there is none."""
        try:
            return self.packs[city]
        except KeyError:
            raise UnknownId("city", city, self.packs) from None

    @contextmanager
    def commit(self, what: str, progress: Progress | None = None) -> Iterator[Commit]:
        """One commit: take deliveries inside; on leaving, readings and alerts follow, then all appears.

        Raises
        ------
        StoreError
            The disk cannot take it. Nothing of the commit stays; the last snapshot is readable.
        """
        if self._stale:
            self._load()
        commit = Commit(self, what, progress)
        try:
            with self.lake.transaction(what):
                yield commit
                commit._finish()
                started = time.perf_counter()
            commit._committed(time.perf_counter() - started)
        except BaseException:
            self._stale = True  # counters ran ahead of what is in the store
            raise

    def take(self, incoming: Incoming) -> Receipt:
        """One delivery in a commit of its own."""
        with self.commit(f"delivery {incoming.city} {incoming.dataset} {incoming.filename}") as commit:
            commit.take(incoming)
        return commit.receipts[0]

    def sites_of(self, city: str, register: str | None) -> pl.DataFrame:
        """Located sites of a register (None: of all registers of the city), kept between commits."""
        key = (city, register or "")
        if key not in self.sites:
            self.sites[key] = registers.sites(self.lake, city, register)
        return self.sites[key]


class Commit:
    """One commit under way. Get it from `Writer.commit`; `receipts` are final once it has ended."""

    def __init__(self, writer: Writer, what: str, progress: Progress | None) -> None:
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
        self.readings_n = 0
        self._pending: dict[str, list[pl.DataFrame]] = {}
        self._pending_rows = 0
        self._source_state: dict[tuple[str, str], tuple[datetime | None, datetime]] = {}

    # ------------------------------------------------------------------ taking

    def take(self, incoming: Incoming) -> Receipt:
        """Take one delivery: keep its bytes, check, locate, fit in its revisions, account for every row.

        A delivery that cannot be read as a whole is recorded with status `refused`; rows never raise.

        Raises
        ------
        UnknownId
            No such city or dataset.
        StoreError
            The store cannot take it; the whole commit is rolled back.
        """
        rules, pack = contract(incoming.dataset), self.writer.pack(incoming.city)
        received = self.now
        known_from = incoming.known_from_utc or received
        delivery_id, self.writer.next_delivery = self.writer.next_delivery, self.writer.next_delivery + 1
        account = _Account(delivery_id, incoming, received, known_from)
        text = mapping_text(incoming.mapping)
        clock = time.perf_counter()
        try:
            with in_one_piece(incoming.path, incoming.filename, incoming.mapping) as (path, filename):
                account.kept = keep(self.writer.home, path, filename)
            account.mapping_sha256 = keep_text(self.writer.home, text) if text else ""
            clock = self._clocked(account, "keep", clock)
            again = self._taken_before(account)
            if again is not None:
                return self._record(account, again)
            prepared = prepare(
                account.kept.path, rules, incoming.mapping, pack.tz, filename=account.kept.filename, now_utc=received
            )
        except DeliveryError as error:
            account.status, account.message = "refused", str(error)
            return self._record(account, None)
        clock = self._clocked(account, "prepare", clock)
        self._take_rows(account, prepared, rules, pack, clock)
        return self._record(account, None)

    def take_rows(self, incoming: Incoming, prepared: Prepared, original: dict[int, str]) -> Receipt:
        """Take rows that are prepared already (a replay of quarantined rows) as a delivery of their own."""
        rules, pack = contract(incoming.dataset), self.writer.pack(incoming.city)
        delivery_id, self.writer.next_delivery = self.writer.next_delivery, self.writer.next_delivery + 1
        account = _Account(delivery_id, incoming, self.now, incoming.known_from_utc or self.now)
        account.kept = keep(self.writer.home, incoming.path, incoming.filename)
        text = mapping_text(incoming.mapping)
        account.mapping_sha256 = keep_text(self.writer.home, text) if text else ""
        account.original = original
        self._take_rows(account, prepared, rules, pack, time.perf_counter())
        return self._record(account, None)

    def touch(self, city: str, dataset: str, days: set[date]) -> None:
        """Have the readings of these local days computed anew at the end of the commit."""
        self.touched.setdefault((city, dataset), set()).update(days)
        self.cities.add(city)

    def _taken_before(self, account: _Account) -> Receipt | None:
        """The account of a delivery whose bytes, read in the same way, were taken before."""
        incoming = account.incoming
        assert account.kept is not None
        key = (incoming.city, incoming.dataset, account.kept.sha256, account.mapping_sha256)
        if _fingerprint(*key) not in self.writer.taken:
            return None
        self.flush()
        found = self.lake.frame(
            "SELECT delivery_id, rows_in FROM deliveries WHERE city = ? AND dataset = ? AND sha256 = ? "
            "AND mapping_sha256 = ? AND status = 'accepted' ORDER BY delivery_id LIMIT 1",
            key,
        )
        if found.is_empty():
            return None
        first, rows = found.row(0)
        account.status, account.rows_in, account.duplicates = "duplicate_delivery", rows, rows
        account.message = f"the same bytes were taken as delivery {first}; nothing was written"
        return account.receipt(self.snapshot)

    def _take_rows(self, account: _Account, prepared: Prepared, rules: Contract, pack: Pack, clock: float) -> None:
        incoming, writer = account.incoming, self.writer
        account.rows_in, account.format = prepared.rows_in, prepared.format
        sites = writer.sites_of(pack.id, rules.register_dataset) if "site" in rules.place else None
        located = locate_rows(prepared.frame, rules, pack, sites)
        event = located.frame[rules.event_time] if rules.event_time else None
        if event is None:
            event = pl.repeat(account.known_from, located.frame.height, dtype=pl.Datetime("us"), eager=True)
        rows = with_local_time(located.frame, event, pack.tz).with_columns(is_simulated=pl.lit(incoming.is_simulated))
        clock = self._clocked(account, "locate", clock)
        revised = revise(rows, self._existing(rows, rules, pack.id), rules, account.known_from)
        clock = self._clocked(account, "revise", clock)
        refused = _all_refused(prepared, located, revised, account.original)
        account.accepted, account.duplicates = revised.accepted.height, revised.duplicates
        account.quarantined, account.corrections = refused["row_number"].n_unique(), revised.corrections
        account.message = "; ".join(filter(None, (account.message, located.warning)))
        account.check()
        self._write(account, revised, refused, located.localities, rules, pack)
        self._clocked(account, "append", clock)

    def _existing(self, rows: pl.DataFrame, rules: Contract, city: str) -> pl.DataFrame:
        """Every stored revision of the records in `rows`.

        Where the event time is part of the key only the delivery's event range is looked at, and
        nothing at all where every row is newer than the newest record.
        """
        names = ", ".join(f'r."{name}"' for name in (*rules.columns, *EXISTING))
        by_time = rules.event_time in rules.key
        newest = self._newest_event(city, rules)
        nothing = rows.is_empty() or newest is None
        if nothing or (by_time and rows["event_at_utc"].min() > newest):  # type: ignore[operator]
            return rows.head(0).select(*rules.columns).with_columns(
                delivery_id=pl.lit(0, pl.Int64), row_number=pl.lit(0, pl.Int64), known_from_utc=pl.lit(None, pl.Datetime("us")),
                known_to_utc=pl.lit(None, pl.Datetime("us")), is_simulated=pl.lit(False), local_day=pl.lit(None, pl.Date),
            )  # fmt: skip
        self.flush(rules.table)
        where, params = "r.city = ?", [city]
        if by_time:
            first, last = rows["event_at_utc"].min(), rows["event_at_utc"].max()
            where += " AND r.event_at_utc BETWEEN ? AND ?"
            params += [first, last]  # type: ignore[list-item]
            days = rows["local_day"].unique().to_list()
            if len(days) <= MANY_DAYS:
                where += f" AND r.local_day IN ({', '.join('?' * len(days))})"
                params += days
        same = " AND ".join(f'r."{name}" IS NOT DISTINCT FROM k."{name}"' for name in rules.key)
        with self.lake.shown("wanted_keys", rows.select(rules.key).unique()):
            return self.lake.frame(
                f'SELECT {names} FROM "{rules.table}" r SEMI JOIN wanted_keys k ON {same} WHERE {where}', params
            )

    def _newest_event(self, city: str, rules: Contract) -> datetime | None:
        key = (city, rules.id)
        if key not in self.writer.newest_event:
            sql = f'SELECT max(event_at_utc) FROM "{rules.table}" WHERE city = ?'
            self.writer.newest_event[key] = self.lake.value(sql, [city])
        return self.writer.newest_event[key]

    # ------------------------------------------------------------------ writing

    def _write(
        self,
        account: _Account,
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
            self._append(rules.table, accepted.select(names), constants)
            account.first_event, account.last_event = _ends(accepted["event_at_utc"])
            newest = self._newest_event(city, rules)
            self.writer.newest_event[city, rules.id] = max(filter(None, (newest, account.last_event)), default=None)
        if not revised.closing.is_empty():
            self._close(rules, city, revised.closing)
        days = {day for frame in (accepted, revised.closing) for day in frame["local_day"].unique().to_list()}
        if rules.kind == "register" and not accepted.is_empty():
            registers.rebuild(self, rules, pack, accepted["site_id"].unique(), localities)
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
            self._append("localities", pl.DataFrame(rows, schema=schema, orient="row"))
            self.writer.known_localities |= {found.id for found in fresh}

    def _close(self, rules: Contract, city: str, closing: pl.DataFrame) -> None:
        """Give superseded revisions their end."""
        self.flush(rules.table)
        first, last = _ends(closing["local_day"])
        with self.lake.shown("closing_rows", closing):
            self.lake.execute(
                f'UPDATE "{rules.table}" r SET known_to_utc = c.known_to_utc, commit_seq = ? FROM closing_rows c '
                "WHERE r.city = ? AND r.local_day BETWEEN ? AND ? "
                "AND r.delivery_id = c.delivery_id AND r.row_number = c.row_number",
                [self.commit_seq, city, first, last],
            )

    def _quarantine(self, account: _Account, refused: pl.DataFrame) -> None:
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
        self._append("quarantine", rows)

    def _append(self, table: str, frame: pl.DataFrame, constants: dict[str, object] | None = None) -> None:
        """Write large frames at once; hold small ones back so that a table is written once a commit."""
        if frame.height >= FLUSH_ROWS:
            self.flush(table)
            self.lake.append(table, frame, constants)
            return
        types = {"delivery_id": pl.Int64, "commit_seq": pl.Int64, "known_from_utc": pl.Datetime("us"), "city": pl.String}
        if constants:
            frame = frame.with_columns(pl.lit(v, dtype=types[k]).alias(k) for k, v in constants.items())
        self._pending.setdefault(table, []).append(frame)
        self._pending_rows += frame.height
        if self._pending_rows > FLUSH_ROWS:
            self.flush()

    def flush(self, table: str | None = None) -> None:
        """Write what is held back (of one table, or all), so that a query of this commit sees it."""
        for name in [table] if table else list(self._pending):
            frames = self._pending.pop(name, [])
            if frames:
                together = pl.concat(frames, how="diagonal_relaxed")
                self._pending_rows -= together.height
                self.lake.append(name, together)

    def _record(self, account: _Account, receipt: Receipt | None) -> Receipt:
        """Write the delivery's own row and hand out its receipt."""
        self._append("deliveries", account.row(self.commit_seq))
        receipt = receipt or account.receipt(self.snapshot)
        incoming = account.incoming
        if receipt.status == "accepted" and account.kept is not None:
            key = (incoming.city, incoming.dataset, account.kept.sha256, account.mapping_sha256)
            self.writer.taken.add(_fingerprint(*key))
        self.receipts.append(receipt)
        self.cities.add(incoming.city)
        return receipt

    def _clocked(self, account: _Account, step: str, since: float) -> float:
        now = time.perf_counter()
        account.seconds[step] = account.seconds.get(step, 0.0) + now - since
        self.seconds[step] += now - since
        return now

    # ------------------------------------------------------------------ ending

    def _finish(self) -> None:
        """Readings, alerts, source states and the commit's own row, inside the same transaction."""
        clock = time.perf_counter()
        self.flush()
        self.seconds["append"] += time.perf_counter() - clock
        clock = time.perf_counter()
        if self.touched:
            refresh = self.writer._refresh or _product_refresh()
            self.readings_n = refresh(
                self.lake, self.writer.packs, self.touched, commit_seq=self.commit_seq, now=self.now,
                **({"progress": self.progress} if self.progress else {}),
            )  # fmt: skip
        self.seconds["aggregate"] = time.perf_counter() - clock
        registers.write_source_state(self, self._source_state)
        clock = time.perf_counter()
        if self.cities:
            evaluate = self.writer._evaluate or _product_evaluate()
            evaluate(self.lake, self.writer.packs, self.cities, commit_seq=self.commit_seq, now=self.now)
        self.seconds["alerts"] = time.perf_counter() - clock
        cities = ",".join(sorted(self.cities))
        row = {"commit_seq": self.commit_seq, "at_utc": self.now, "what": self.what, "cities": cities}
        self.lake.append("commits", pl.DataFrame([row]))

    def _committed(self, seconds: float) -> None:
        self.seconds["commit"] = seconds
        self.writer.next_commit = self.commit_seq + 1


class _Account:
    """Where every row of one delivery went."""

    def __init__(self, delivery_id: int, incoming: Incoming, received: datetime, known_from: datetime) -> None:
        self.delivery_id, self.incoming, self.received, self.known_from = delivery_id, incoming, received, known_from
        self.kept: Kept | None = None
        self.mapping_sha256 = ""
        self.format = ""
        self.rows_in = self.accepted = self.duplicates = self.quarantined = self.corrections = 0
        self.first_event: datetime | None = None
        self.last_event: datetime | None = None
        self.status: str = "accepted"
        self.message = ""
        self.original: dict[int, str] | None = None
        self.seconds: dict[str, float] = {}

    def check(self) -> None:
        """Stop the commit where rows were lost or counted twice: that must never be written."""
        if self.rows_in != self.accepted + self.duplicates + self.quarantined:
            raise StoreError(
                f"{self.incoming.filename}: {self.rows_in} rows in, but {self.accepted} accepted + {self.duplicates} "
                f"duplicates + {self.quarantined} quarantined",
                hint="this is a fault of the program, please report it; nothing was written",
            )

    def row(self, commit_seq: int) -> pl.DataFrame:
        """The delivery's row in `deliveries`."""
        incoming = self.incoming
        values = {
            "delivery_id": self.delivery_id, "city": incoming.city, "dataset": incoming.dataset,
            "source": incoming.source, "filename": incoming.filename, "format": self.format,
            "sha256": self.kept.sha256 if self.kept else "", "bytes": self.kept.bytes if self.kept else 0,
            "mapping": incoming.mapping_name, "mapping_sha256": self.mapping_sha256, "operator": incoming.operator,
            "is_simulated": incoming.is_simulated, "received_at_utc": self.received, "known_from_utc": self.known_from,
            "rows_in": self.rows_in, "accepted": self.accepted, "duplicates": self.duplicates,
            "quarantined": self.quarantined, "corrections": self.corrections, "first_event_utc": self.first_event,
            "last_event_utc": self.last_event, "status": self.status, "message": self.message, "commit_seq": commit_seq,
        }  # fmt: skip
        times = ("received_at_utc", "known_from_utc", "first_event_utc", "last_event_utc")
        return pl.DataFrame([values], schema_overrides=dict.fromkeys(times, pl.Datetime("us")))

    def receipt(self, snapshot: int) -> Receipt:
        """The account as the receipt handed out."""
        return Receipt(
            self.delivery_id, self.incoming.city, self.incoming.dataset, self.rows_in, self.accepted, self.duplicates,
            self.quarantined, self.corrections, snapshot, self.status, self.message, self.seconds,  # type: ignore[arg-type]
        )  # fmt: skip


def _all_refused(
    prepared: Prepared, located: LocatedRows, revised: Revised, original: dict[int, str] | None
) -> pl.DataFrame:
    """Refused rows of every step with their values as they came."""
    conflicts = revised.conflicts.with_columns(column_name=pl.lit(""), rule=pl.lit(CONFLICT))
    later = pl.concat([located.refused, conflicts.select(located.refused.columns)])
    parts = [prepared.refused]
    if not later.is_empty():
        numbers = later["row_number"]
        texts = [original[n] for n in numbers] if original is not None else prepared.original(numbers)
        parts.append(later.with_columns(original=pl.Series(texts, dtype=pl.String)))
    return pl.concat(parts, how="diagonal_relaxed")


def _ends(values: pl.Series) -> tuple:
    return values.min(), values.max()


def _fingerprint(city: str, dataset: str, digest: str, mapping_digest: str | None) -> bytes:
    return blake2b("\x1f".join((city, dataset, digest, mapping_digest or "")).encode(), digest_size=16).digest()


def _product_refresh() -> Callable[..., int]:
    from data_pipeline.aggregate.refresh import refresh

    return refresh


def _product_evaluate() -> Callable[..., int]:
    from data_pipeline.alerts.evaluate import evaluate

    return evaluate
