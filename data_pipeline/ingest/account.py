"""Where every row of one delivery went, and the delivery's own row in the store."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import blake2b

import polars as pl

from data_pipeline.errors import StoreError
from data_pipeline.ingest.keep import Kept
from data_pipeline.ingest.locate import LocatedRows
from data_pipeline.ingest.prepare import Prepared
from data_pipeline.ingest.revise import CONFLICT, Revised
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.mappings import Mapping


class Account:
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
        self.unused_columns: tuple[str, ...] = ()
        self.seconds: dict[str, float] = {}

    def key(self) -> tuple[str, str, str, str]:
        """What makes two deliveries the same: city, dataset, bytes, mapping."""
        digest = self.kept.sha256 if self.kept else ""
        return self.incoming.city, self.incoming.dataset, digest, self.mapping_sha256

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
            self.unused_columns,
        )  # fmt: skip


def all_refused(
    prepared: Prepared, located: LocatedRows, revised: Revised
) -> pl.DataFrame:
    """Refused rows of every step with their values as they came."""
    conflicts = revised.conflicts.with_columns(column_name=pl.lit(""), rule=pl.lit(CONFLICT))
    later = pl.concat([located.refused, conflicts.select(located.refused.columns)])
    parts = [prepared.refused]
    if not later.is_empty():
        texts = prepared.original(later["row_number"])
        parts.append(later.with_columns(original=pl.Series(texts, dtype=pl.String)))
    return pl.concat(parts, how="diagonal_relaxed")


def ends(values: pl.Series) -> tuple:
    """Smallest and largest value."""
    return values.min(), values.max()


def fingerprint(city: str, dataset: str, digest: str, mapping_digest: str | None) -> bytes:
    """Sixteen bytes that stand for a delivery, so that a million of them fit in memory."""
    return blake2b("\x1f".join((city, dataset, digest, mapping_digest or "")).encode(), digest_size=16).digest()


def mapping_text(mapping: Mapping | None) -> str:
    """A mapping as canonical JSON; "" for none. The same text means the same reading of a file."""
    if mapping is None:
        return ""
    plain = mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)
