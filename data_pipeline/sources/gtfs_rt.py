"""GTFS-realtime messages (protocol buffers) as tables: `vehicle_positions`, `trip_updates`, `alerts`.

`records` in the mapping names the table. Read with the published bindings (gtfs-realtime-bindings); a field that
is not set comes out empty, never as its default. Times are UNIX seconds (UTC).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from google.protobuf.message import DecodeError, EncodeError, Message
from google.transit import gtfs_realtime_pb2

from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.sources.base import MIB, Raw, ReadOptions
from data_pipeline.sources.records import from_records

TABLES = {"vehicle_positions": "vehicle", "trip_updates": "trip_update", "alerts": "alert"}
VERSIONS = ("1.0", "2.0")
MAX_BYTES = 64 * MIB  # the largest agencies send about 5 MiB


def read_gtfs_rt(file: Path, filename: str, options: ReadOptions) -> Raw:
    """One table of a message.

    Returns
    -------
    Raw
        Of `options.records`, every row with `entity_id` and `message_at` (time of the message):

        `vehicle_positions`: one row a vehicle: `vehicle_id, label, trip_id, route_id, direction_id, start_date,
        trip_relationship, latitude, longitude, bearing` (degrees), `speed` (m/s), `at, stop_id, stop_sequence,
        current_status, congestion_level, occupancy_status`.

        `trip_updates`: one row a call that is told, `arrival_at, arrival_delay_s, departure_at, departure_delay_s,
        stop_id, stop_sequence, stop_relationship` with the trip's columns; a trip without calls (cancelled) is one
        row without stop.

        `alerts`: one row an alert: `cause, effect, severity, header, header_zh, header_en, description, starts_at,
        ends_at, route_ids, stop_ids`.

        An empty message (header only) gives no row and is no error.

    Raises
    ------
    DeliveryError
        Not a GTFS-realtime message, truncated, of another version, or only the difference to another message.
    """
    table = options.records
    if table not in TABLES:
        near = did_you_mean(table, TABLES)
        said = f"no table {table!r}" if table else "the mapping must say which table in `records`"
        raise DeliveryError(f"{filename}: {said}; a message gives {', '.join(TABLES)}", hint=f"did you mean {near[0]!r}?" if near else "")
    message = _message(file, filename)
    read = {"vehicle_positions": _position, "trip_updates": _update, "alerts": _alert}[table]
    rows: list[dict[str, Any]] = []
    others = 0
    for entity in message.entity:
        if not entity.HasField(TABLES[table]) or entity.is_deleted:
            others += 1
            continue
        head = {"entity_id": entity.id, "message_at": message.header.timestamp or None}
        rows += [head | row for row in read(getattr(entity, TABLES[table]))]
    notes = [f"{others} entities of the message are no {table}"] if others else []
    raw = from_records(rows, filename, "gtfs_rt", options, notes=tuple(notes))
    # an empty message is a table of no rows, with all its columns
    empty = ["entity_id", "message_at", *next(iter(read(getattr(gtfs_realtime_pb2.FeedEntity(), TABLES[table]))))]
    return replace(raw, frame=raw.frame.with_columns(pl.lit(None, pl.String).alias(c) for c in empty if c not in raw.frame.columns))


def _message(file: Path, filename: str) -> Any:
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise DeliveryError(f"{filename}: {size:,} bytes are more than the {MAX_BYTES:,} allowed for one message", hint="one poll is one delivery")
    data = file.read_bytes()
    message = gtfs_realtime_pb2.FeedMessage()
    try:
        message.ParseFromString(data)
        # a required field that is missing is told only when the message is written again
        message.SerializeToString()
    except (DecodeError, EncodeError) as error:
        start = data[:40].lstrip()
        what = "a page of text (an error page?)" if start[:1] in (b"<", b"{", b"[") else "damaged or cut off"
        raise DeliveryError(
            f"{filename}: no GTFS-realtime message, it is {what}: {error}", hint="fetch it again; the address must answer with protocol buffers"
        ) from None
    version = message.header.gtfs_realtime_version
    if version not in VERSIONS:
        raise DeliveryError(f"{filename}: GTFS-realtime version {version!r}; read are {', '.join(VERSIONS)}", hint="ask the supplier for version 2.0")
    if message.header.incrementality != gtfs_realtime_pb2.FeedHeader.FULL_DATASET:
        raise DeliveryError(
            f"{filename}: the message holds only what changed since another one (DIFFERENTIAL)", hint="ask the supplier for FULL_DATASET"
        )
    return message


def _given(message: Message, name: str) -> Any:
    """A field's value, an enumeration's word; None where it is not set or an empty text."""
    if not message.HasField(name):
        return None
    value, told = getattr(message, name), message.DESCRIPTOR.fields_by_name[name]
    if told.enum_type is not None:
        return told.enum_type.values_by_number[value].name
    return None if value == "" else value


def _trip(trip: Message) -> dict[str, Any]:
    plain = {name: _given(trip, name) for name in ("trip_id", "route_id", "direction_id", "start_date", "start_time")}
    return plain | {"trip_relationship": _given(trip, "schedule_relationship")}


def _position(vehicle: Any) -> Iterator[dict[str, Any]]:
    place = {name: _given(vehicle.position, name) for name in ("latitude", "longitude", "bearing", "speed")}
    # single precision: what stands behind the seventh digit is noise of the number format
    place = {name: None if value is None else round(value, 6) for name, value in place.items()}
    yield {
        "vehicle_id": _given(vehicle.vehicle, "id"), "label": _given(vehicle.vehicle, "label"), **_trip(vehicle.trip), **place,
        "at": _given(vehicle, "timestamp"), "stop_id": _given(vehicle, "stop_id"), "stop_sequence": _given(vehicle, "current_stop_sequence"),
        "current_status": _given(vehicle, "current_status"), "congestion_level": _given(vehicle, "congestion_level"),
        "occupancy_status": _given(vehicle, "occupancy_status"),
    }  # fmt: skip


def _update(update: Any) -> Iterator[dict[str, Any]]:
    head = _trip(update.trip) | {"vehicle_id": _given(update.vehicle, "id"), "updated_at": _given(update, "timestamp")}
    none = dict.fromkeys(
        ("stop_id", "stop_sequence", "stop_relationship", "arrival_at", "arrival_delay_s", "departure_at", "departure_delay_s")
    )
    if not update.stop_time_update:
        yield head | none
    for call in update.stop_time_update:
        yield head | {
            "stop_id": _given(call, "stop_id"), "stop_sequence": _given(call, "stop_sequence"),
            "stop_relationship": _given(call, "schedule_relationship"),
            "arrival_at": _given(call.arrival, "time"), "arrival_delay_s": _given(call.arrival, "delay"),
            "departure_at": _given(call.departure, "time"), "departure_delay_s": _given(call.departure, "delay"),
        }  # fmt: skip


def _alert(alert: Any) -> Iterator[dict[str, Any]]:
    texts = {t.language.lower()[:2]: t.text for t in alert.header_text.translation}
    told = {t.language.lower()[:2]: t.text for t in alert.description_text.translation}
    spans = list(alert.active_period)
    yield {
        "cause": _given(alert, "cause"), "effect": _given(alert, "effect"), "severity": _given(alert, "severity_level"),
        "header": next(iter(texts.values()), None), "header_zh": texts.get("zh"), "header_en": texts.get("en") or texts.get(""),
        "description": next(iter(told.values()), None),
        "starts_at": min((s.start for s in spans if s.start), default=None),
        "ends_at": max((s.end for s in spans), default=None) if spans and all(s.end for s in spans) else None,
        "route_ids": ",".join(sorted({e.route_id for e in alert.informed_entity if e.route_id})) or None,
        "stop_ids": ",".join(sorted({e.stop_id for e in alert.informed_entity if e.stop_id})) or None,
    }  # fmt: skip
