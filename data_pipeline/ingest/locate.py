"""Locate: where a record counts, decided once, at ingest. After this everything joins on integers.

A record is located by the first way of its contract that applies: `site` (the register says
where the site is), `point` (a coordinate, or the township code a supplier gives), `area` (an
area id or any official code of it). Where no way applies the row is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from data_pipeline.cities import Located, Pack, Place
from data_pipeline.contracts import Contract
from data_pipeline.errors import did_you_mean
from data_pipeline.times import offset_steps
from geo.crs import canonical_datum
from geo.datum import probable_datum
from geo.h3cells import cells as h3_cells

H3_RESOLUTION = 9
DATUM_SHARE, DATUM_ROWS = 0.03, 20  # points outside the city from which a wrong datum is suspected
DATUM_SAMPLE = 2_000  # points looked at, of each kind
WHOLE_CITY = "city"  # an area_id for records that count for the whole city, whatever its id (mappings write it)
REFUSED_SCHEMA = {"row_number": pl.Int64, "column_name": pl.String, "rule": pl.String, "reason": pl.String}
PLACE_COLUMNS = ("locality_id", "h3_r9", "place_basis")
SITES_SCHEMA = {"site_id": pl.String, "locality_id": pl.Int64, "h3_r9": pl.UInt64}


@dataclass(frozen=True)
class Locality:
    """One combination of areas: `areas` are all areas a record with this locality counts in."""

    id: int
    district_id: str | None
    township_id: str | None
    zone_ids: tuple[str, ...]
    areas: tuple[str, ...]


@dataclass
class LocatedRows:
    """Located rows, refused rows, and the localities that occur.

    `frame` has the prepared columns and `locality_id`, `h3_r9`, `place_basis`. `warning` says
    so when the whole file looks as if it were in the wrong datum.
    """

    frame: pl.DataFrame
    refused: pl.DataFrame
    localities: dict[int, Locality] = field(default_factory=dict)
    warning: str = ""


def locality_of(pack: Pack, place: Place) -> Locality:
    """The locality of a place in a city: a stable id and every area it counts in.

    The id is the first 63 bits of BLAKE2b over city, district, township and zones, so it is
    the same in every store and on every machine.
    """
    zones = tuple(sorted(place.zone_ids))
    text = "\x1f".join((pack.id, place.district_id or "", place.township_id or "", *zones))
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") & (2**63 - 1)
    areas: dict[str, None] = {}
    for start in (place.township_id, place.district_id, pack.city_area.id):
        if start is not None:
            areas |= dict.fromkeys(area.id for area in pack.ancestors(start))
    areas |= dict.fromkeys(zones)
    return Locality(number, place.district_id, place.township_id, zones, tuple(areas))


def locate_rows(
    frame: pl.DataFrame, contract: Contract, pack: Pack, sites: pl.DataFrame | None = None, datum: str = "WGS84"
) -> LocatedRows:
    """Find for every row where it counts.

    Parameters
    ----------
    frame : DataFrame
        Prepared rows (WGS84 coordinates) with `row_number`.
    sites : DataFrame, optional
        Located sites of the contract's register: `site_id`, `locality_id`, `h3_r9`.
    datum : str
        Datum the supplier's coordinates were declared to be in, for the check of it.

    Returns
    -------
    LocatedRows
        Rows that no way could locate are refused: `unknown_site`, `outside_city` (with
        distance and nearest area), `unknown_area` or `no_place`. `area_id` of rows located by
        area is replaced by the canonical id.
    """
    open_rows = pl.Series(np.ones(frame.height, dtype=bool))
    state = _State(frame, open_rows, datum)
    for way in contract.place:
        if state.open.any():
            {"site": _by_site, "point": _by_point, "area": _by_area}[way](state, contract, pack, sites)
    return _finish(state, contract)


@dataclass
class _State:
    """Columns filled way by way; `open` marks rows still without place and without refusal."""

    frame: pl.DataFrame
    open: pl.Series
    datum: str = "WGS84"
    located: list[pl.DataFrame] = field(default_factory=list)
    refused: list[pl.DataFrame] = field(default_factory=list)
    localities: dict[int, Locality] = field(default_factory=dict)
    warning: str = ""

    def remaining(self) -> pl.DataFrame:
        """Open rows with their position in the frame as `_at`."""
        return self.frame.with_row_index("_at").filter(self.open)

    def done(self, positions: pl.Series) -> None:
        """These positions are settled."""
        mask = self.open.to_numpy().copy()
        mask[positions.to_numpy()] = False
        self.open = pl.Series(mask)

    def refuse(self, rows: pl.DataFrame, column: str, rule: str, reasons: list[str]) -> None:
        """Refuse rows, each with its reason."""
        n = rows.height
        values = {"row_number": rows["row_number"], "column_name": [column] * n, "rule": [rule] * n, "reason": reasons}
        self.refused.append(pl.DataFrame(values, schema=REFUSED_SCHEMA))
        self.done(rows["_at"])


def _by_site(state: _State, contract: Contract, pack: Pack, sites: pl.DataFrame | None) -> None:
    if sites is None or sites.is_empty():
        return
    rows = state.remaining().select("_at", "site_id")
    found = rows.join(sites.select(*SITES_SCHEMA), on="site_id", how="inner", maintain_order="left")
    if not found.is_empty():
        state.located.append(found.select("_at", "locality_id", "h3_r9", place_basis=pl.lit("site")))
        state.done(found["_at"])


def _by_point(state: _State, contract: Contract, pack: Pack, sites: pl.DataFrame | None) -> None:
    rows = state.remaining()
    has_code = "township_code" in rows.columns
    usable = pl.col("lon").is_not_null() & pl.col("lat").is_not_null()
    if has_code:
        usable |= pl.col("township_code").is_not_null()
    rows = rows.filter(usable)
    if rows.is_empty():
        return
    lon, lat = rows["lon"].fill_null(float("nan")).to_numpy(), rows["lat"].fill_null(float("nan")).to_numpy()
    codes = rows["township_code"] if has_code and rows["township_code"].null_count() < rows.height else None
    located = pack.locator().locate(lon, lat, township_code=codes)
    position = pl.Series("_place", located.place)
    of_place = [locality_of(pack, place) for place in located.places]
    state.localities |= {of_place[k].id: of_place[k] for k in position.unique().to_list() if k >= 0}
    inside = located.place >= 0
    cells = np.zeros(rows.height, dtype=np.uint64)
    has_point = np.isfinite(lon) & np.isfinite(lat)
    wanted = inside & has_point
    cells[wanted] = h3_cells(lon[wanted], lat[wanted], H3_RESOLUTION)[0]
    ids = np.array([locality.id for locality in of_place] + [0], dtype=np.int64)
    answer = pl.DataFrame(
        {
            "_at": rows["_at"],
            "locality_id": ids[located.place],
            "h3_r9": cells,
            "place_basis": np.where(located.by_code, "township", "point"),
        }
    ).with_columns(pl.when(pl.Series(wanted)).then(pl.col("h3_r9")).alias("h3_r9"))
    keep = answer.filter(pl.Series(inside))
    state.located.append(keep)
    state.done(keep["_at"])
    outside = ~inside & has_point
    if outside.any():
        _refuse_outside(state, pack, rows, lon, lat, outside, located)
    state.warning = datum_warning(pack, lon[has_point], lat[has_point], outside[has_point], state.datum)


def _refuse_outside(
    state: _State,
    pack: Pack,
    rows: pl.DataFrame,
    lon: np.ndarray,
    lat: np.ndarray,
    outside: np.ndarray,
    located: Located,
) -> None:
    """Refuse points outside the city with distance and nearest area."""
    names = {area.id: f"{area.name_zh} ({area.id})" for area in pack.areas.values()}
    reasons = [
        f"{x:.6f}, {y:.6f} lies outside the city, {metres:.0f} m from {names.get(near, pack.name_zh)}"
        for x, y, metres, near in zip(
            lon[outside], lat[outside], located.distance_m[outside], located.nearest_id[outside], strict=True
        )
    ]
    state.refuse(rows.filter(pl.Series(outside)), "lon", "outside_city", reasons)


def datum_warning(pack: Pack, lon: np.ndarray, lat: np.ndarray, outside: np.ndarray, declared: str) -> str:
    """A sentence when the points of a file look shifted as a whole; "" when nothing speaks for it.

    The datum is judged where it can be: by points that fall outside the city as declared but
    inside when read in another datum. Already converted coordinates (another datum than WGS84 or
    CGCS2000 was declared) can only be judged by how many fall outside.
    """
    n, gone = len(lon), int(outside.sum())
    if gone == 0:
        return ""
    if canonical_datum(declared) in ("WGS84", "CGCS2000"):
        step = max(1, n // DATUM_SAMPLE)
        picked = np.union1d(np.flatnonzero(outside)[:DATUM_SAMPLE], np.arange(0, n, step))
        locator = pack.locator()
        verdict = probable_datum(lon[picked], lat[picked], lambda x, y: locator.locate(x, y).inside, declared)
        if verdict.probable is not None:
            return (
                f"probable wrong datum: {verdict.gained} of {n} points lie in the city only when read as "
                f"{verdict.probable} instead of {declared} (about {verdict.shift_m:.0f} m apart); check `datum` in the mapping"
            )
    if gone >= DATUM_ROWS and gone / n > DATUM_SHARE:
        return f"probable wrong datum or wrong city: {gone} of {n} points lie outside the city"
    return ""


def _by_area(state: _State, contract: Contract, pack: Pack, sites: pl.DataFrame | None) -> None:
    rows = state.remaining().filter(pl.col("area_id").is_not_null())
    if rows.is_empty():
        return
    given = rows["area_id"].unique().to_list()
    table = areas_by_alias(pack, given)
    known = {alias: entry for alias, entry in table.items() if entry is not None}
    state.localities |= {locality.id: locality for _, locality in known.values()}
    lookup = pl.DataFrame(
        {
            "area_id": list(known),
            "canonical": [area for area, _ in known.values()],
            "locality_id": [locality.id for _, locality in known.values()],
        },
        schema={"area_id": pl.String, "canonical": pl.String, "locality_id": pl.Int64},
    )
    found = rows.select("_at", "area_id").join(lookup, on="area_id", how="inner", maintain_order="left")
    state.located.append(
        found.select(
            "_at", "locality_id", h3_r9=pl.lit(None, pl.UInt64), place_basis=pl.lit("area"), canonical=pl.col("canonical")
        )
    )
    state.done(found["_at"])
    unknown = rows.join(lookup, on="area_id", how="anti")
    if not unknown.is_empty():
        reasons = {
            alias: f"area {alias!r} is not an area of {pack.name_en}" + _near(alias, pack)
            for alias, entry in table.items()
            if entry is None
        }
        state.refuse(unknown, "area_id", "unknown_area", [reasons[alias] for alias in unknown["area_id"]])


def areas_by_alias(pack: Pack, given: Iterable[str]) -> dict[str, tuple[str, Locality] | None]:
    """Each id or code as (canonical area id, locality); None for codes the city does not have."""
    names = list(dict.fromkeys(given))
    unknown_point = np.full(len(names), np.nan)
    located = pack.locator().locate(unknown_point, unknown_point, township_code=names)
    table: dict[str, tuple[str, Locality] | None] = {}
    for name, place in zip(names, located.place.tolist(), strict=True):
        bare = name.strip()
        if bare == WHOLE_CITY and not pack.has_area(bare):
            bare = pack.city_area.id
        if bare.isdigit() and len(bare) == 12 and not pack.has_area(bare):
            bare = bare[:6] if bare[6:] == "000000" else bare[:9]
        if not pack.has_area(bare):
            table[name] = None
        elif place < 0:  # the city as a whole: no district, no township
            table[name] = (pack.area(bare).id, locality_of(pack, Place(None, None)))
        else:
            table[name] = (pack.area(bare).id, locality_of(pack, located.places[place]))
    return table


def _near(alias: str, pack: Pack) -> str:
    near = did_you_mean(alias, pack.areas)
    return f"; did you mean {near[0]}?" if near else ""


def _finish(state: _State, contract: Contract) -> LocatedRows:
    """Refuse what is still open, put the place columns beside the located rows in their old order."""
    if state.open.any():
        rows = state.remaining()
        if "site" in contract.place:
            unknown = rows.filter(pl.col("site_id").is_not_null())
            register = contract.register_dataset or "sites"
            if not unknown.is_empty():
                reasons = [f"site {site} is not in the register ({register}) of this city" for site in unknown["site_id"]]
                state.refuse(unknown, "site_id", "unknown_site", reasons)
                rows = state.remaining()
        if not rows.is_empty():
            needs = {"site": "site_id", "point": "lon and lat", "area": "area_id"}
            ways = " or ".join(needs[way] for way in contract.place)
            reason = f"the row does not say where it belongs: {ways} is needed"
            state.refuse(rows, "", "no_place", [reason] * rows.height)
    schema = {"_at": pl.UInt32, "locality_id": pl.Int64, "h3_r9": pl.UInt64, "place_basis": pl.String}
    parts = [part.with_columns(pl.col("_at").cast(pl.UInt32)) for part in state.located]
    place = pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema=schema)
    if len(parts) > 1:
        place = place.sort("_at")
    if place.height == state.frame.height:
        located = state.frame
    else:
        located = state.frame[place["_at"].to_numpy()]
    located = located.with_columns(*(place[name] for name in PLACE_COLUMNS))
    if "canonical" in place.columns:
        located = located.with_columns(area_id=pl.coalesce(place["canonical"], located["area_id"]))
    refused = pl.concat(state.refused) if state.refused else pl.DataFrame(schema=REFUSED_SCHEMA)
    return LocatedRows(located, refused, state.localities, state.warning)


def with_local_time(frame: pl.DataFrame, event: pl.Series, tz: ZoneInfo) -> pl.DataFrame:
    """`frame` with `event_at_utc`, `utc_offset_s` and `local_day` (the city's calendar day).

    `event` is naive UTC, or a Date: that local day, from its midnight. The offset is the one in force
    at the event, so daylight saving and historic changes of the zone count.
    """
    if event.dtype == pl.Date:
        local = event.cast(pl.Datetime("us")).dt.replace_time_zone(tz.key, ambiguous="earliest", non_existent="null")
        event = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None).fill_null(event.cast(pl.Datetime("us")))
    event = event.cast(pl.Datetime("us"))
    if event.is_empty():
        offset = pl.Series([], dtype=pl.Int32)
    else:
        starts, offsets = offset_steps(tz, event.min(), event.max())  # type: ignore[arg-type]
        if len(offsets) == 1:
            offset = pl.repeat(offsets[0], event.len(), dtype=pl.Int32, eager=True)
        else:
            at = np.searchsorted(np.array(starts, dtype="datetime64[us]"), event.to_numpy(), side="right") - 1
            offset = pl.Series(np.array(offsets, dtype=np.int32)[at])
    return frame.with_columns(
        event_at_utc=event,
        utc_offset_s=offset,
        local_day=(event + pl.Series(offset.cast(pl.Int64) * 1_000_000).cast(pl.Duration("us"))).dt.date(),
    )
