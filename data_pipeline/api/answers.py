"""From values to bytes: JSON, CSV, Parquet, GeoJSON; ETag and 304."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from data_pipeline.api.models import DeliveryOut, Out, ProvenanceOut, SiteProperties
from data_pipeline.cities import Pack
from data_pipeline.metrics import Metric, metrics
from data_pipeline.queries import rows_for_output
from data_pipeline.queries.judged import Provenance, Unusual
from data_pipeline.queries.types import Site, Snapshot
from data_pipeline.times import iso_local, to_utc

JSON = "application/json"
MEDIA = {"json": JSON, "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
READING_SCHEMA: dict[str, pl.DataType] = {
    "city": pl.String(), "metric": pl.String(), "area": pl.String(), "grain": pl.String(),
    "period_start": pl.String(), "period_end": pl.String(),
    "numerator": pl.Float64(), "denominator": pl.Float64(), "value": pl.Float64(), "unit": pl.String(),
    "n": pl.Int64(), "completeness": pl.Float64(), "status": pl.String(), "kind": pl.String(),
    "is_simulated": pl.Boolean(), "data_as_of": pl.String(), "snapshot": pl.Int64(),
    "obs_status": pl.String(), "interval_low": pl.Float64(), "interval_high": pl.Float64(),
    "late_s": pl.Int64(), "children_reported": pl.Int64(), "children_expected": pl.Int64(),
}  # fmt: skip
TIME_COLUMNS = ("period_start", "period_end", "data_as_of")


def to_json(value: Any) -> Response:
    """`value` as JSON; NaN and infinity become null."""
    return Response(orjson.dumps(value), media_type=JSON)


def answer_once(request: Request, tag: str, build: Callable[[], Response]) -> Response:
    """The answer with its ETag, or 304 without a body where the client has it already.

    `tag` names snapshot and query; `build` runs only where the client's copy is not the present one.
    """
    etag = f'"{tag}"'
    headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "Cookie, Authorization"}
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=304, headers=headers)
    response = build()
    response.headers.update(headers)
    return response


def make_tag(snapshot: Snapshot | None, request: Request, definitions: str, minute: int | None = None) -> str:
    """Snapshot, query and definitions as one short text.

    Parameters
    ----------
    definitions : str
        Digest of metrics and packs, so that a changed definition is not answered from a client's copy.
    minute : int, optional
        Given where the answer also depends on the clock (a source grows late without any new snapshot).
    """
    query = sorted(request.query_params.multi_items())
    text = repr((request.url.path, query, definitions, minute))
    digest = hashlib.blake2b(text.encode(), digest_size=9).hexdigest()
    return f"{snapshot.id if snapshot else 0}-{digest}"


def readings_answer(rows: Sequence[dict[str, Any]], fmt: str, pack: Pack, filename: str) -> Response:
    """Readings as JSON list, CSV with header, or Parquet (times as timestamps in the city's zone)."""
    if fmt == "json":
        return to_json(list(rows))
    frame = pl.DataFrame(list(rows), schema=READING_SCHEMA, orient="row")
    buffer = io.BytesIO()
    if fmt == "csv":
        frame.write_csv(buffer)
    else:
        utc = [_utc_column(rows, name) for name in TIME_COLUMNS]
        frame.with_columns(c.dt.replace_time_zone("UTC").dt.convert_time_zone(pack.timezone) for c in utc).write_parquet(buffer)
    disposition = f'attachment; filename="{filename}.{fmt}"'
    return Response(buffer.getvalue(), media_type=MEDIA[fmt], headers={"content-disposition": disposition})


def _utc_column(rows: Sequence[dict[str, Any]], name: str) -> pl.Series:
    zone = ZoneInfo("UTC")
    values = [None if row[name] is None else to_utc(datetime.fromisoformat(row[name]), zone) for row in rows]
    return pl.Series(name, values, dtype=pl.Datetime("us"))


def plain(value: Any, tz: ZoneInfo) -> Any:
    """A value of `queries.types` as JSON values: `…_utc` fields become local ISO times without the suffix."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name.removesuffix("_utc"): plain(getattr(value, field.name), tz) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(inner, tz) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, tz) for inner in value]
    if isinstance(value, datetime):
        return iso_local(value, tz) if value.tzinfo is None else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value


def shaped(model: type[Out], value: Any, tz: ZoneInfo) -> dict[str, Any]:
    """A value of `queries.types` with exactly the fields `model` describes: what is added inside stays inside."""
    body = plain(value, tz)
    return {name: body[name] for name in model.model_fields}


def site_feature(site: Site, tz: ZoneInfo) -> dict[str, Any]:
    """A site as a GeoJSON feature; without coordinates its geometry is null."""
    known = site.lon is not None and site.lat is not None
    geometry = {"type": "Point", "coordinates": [site.lon, site.lat]} if known else None
    return {"type": "Feature", "id": site.site_id, "geometry": geometry, "properties": shaped(SiteProperties, site, tz)}


def unusual_body(found: Unusual, pack: Pack, snapshot: Snapshot | None) -> dict[str, Any]:
    """What is unusual in a city as JSON values."""
    flagged = [
        {"reading": rows_for_output([a.reading], pack, metrics()[a.reading.metric], snapshot)[0], "baseline": a.baseline, "scale": a.scale,
         "z": a.z, "p": a.p, "like_periods": a.n, "method": a.method}
        for a in found.flagged
    ]  # fmt: skip
    return {"flagged": flagged, "judged": found.judged, "false_a_day": found.false_a_day}


def provenance_body(found: Provenance, pack: Pack, metric: Metric) -> dict[str, Any]:
    """Everything behind a reading as JSON values."""
    own = {
        "reading": rows_for_output([found.reading], pack, metric, found.snapshot)[0],
        "simulated_share": found.reading.simulated_share,
        "deliveries": [shaped(DeliveryOut, delivery, pack.tz) for delivery in found.deliveries],
        "snapshot_at": None if found.snapshot is None else iso_local(found.snapshot.at_utc, pack.tz),
    }
    own["vintages"] = [
        {"known_at": iso_local(v.known_at_utc, pack.tz), "reading": rows_for_output([v.reading], pack, metric, found.snapshot)[0]}
        for v in found.vintages
    ]
    body = plain(found, pack.tz)
    return {name: own[name] if name in own else body[name] for name in ProvenanceOut.model_fields}
