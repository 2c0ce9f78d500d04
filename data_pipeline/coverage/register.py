"""The register of base stations as cells of the model, and what had to be assumed for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_pipeline.contracts import contract
from data_pipeline.coverage.assumptions import Assumptions, Carrier
from data_pipeline.coverage.ground import Ground
from data_pipeline.store.lake import Lake
from geo.coverage.budget import epre_dbm, noise_dbm
from geo.coverage.cells import SCENARIOS, Cells
from geo.coverage.pathloss import VALID, indoor_loss_db
from geo.coverage.serving import Terms
from geo.crs import from_wgs84

DATASET = "base_stations"
HEIGHT_STEP_M = 0.5  # heights are rounded to this, so that stations of a kind share one power profile


@dataclass(frozen=True)
class Network:
    """The cells of a city on a day, and the carriers they use.

    cells : one a station, in the order of `site_ids`
    carriers : by channel number
    assumed : how many stations lacked a figure and got the default, by column
    is_simulated : any of the stations is
    """

    site_ids: tuple[str, ...]
    cells: Cells
    carriers: tuple[Carrier, ...]
    assumed: dict[str, int]
    is_simulated: bool

    def terms(self, given: Assumptions) -> Terms:
        """Thresholds, noise and losses into buildings for the channels of this network."""
        t = given.terms
        mhz = np.array([c.centre_mhz for c in self.carriers])
        noise = noise_dbm([c.spacing_khz * 1000 for c in self.carriers], t.noise_figure_db)
        return Terms(t.rsrp_dbm, t.sinr_db, t.load_share, noise, indoor_loss_db(mhz / 1000, t.inside_m, t.glass))

    def keys(self) -> NDArray[np.object_]:
        """For every cell the bytes that tell it from any other state of the same station."""
        c = self.cells
        names = [self.carriers[k].id for k in c.channel]
        rows = np.stack([np.nan_to_num(getattr(c, f.name).astype(float), nan=-999) for f in fields(c) if f.name != "channel"], axis=1)
        keys = np.empty(len(c), dtype=object)
        keys[:] = [hashlib.sha256(f"{s}|{n}|{r.tobytes().hex()}".encode()).digest()[:12] for s, n, r in zip(self.site_ids, names, rows, strict=True)]
        return keys


def in_service(lake: Lake, city: str, day: date, technology: str) -> pl.DataFrame:
    """Stations of a technology in service on a local day, with a point; columns of the contract and `is_simulated`.

    Stations whose place is only an area cannot be modelled and are left out.
    """
    table = contract(DATASET).table
    return lake.frame(
        f'SELECT * FROM "{table}" WHERE city = ? AND known_to_utc IS NULL AND technology = ?'
        " AND (status IS NULL OR status = 'active') AND (opened_on IS NULL OR opened_on <= ?)"
        " AND (closed_on IS NULL OR closed_on > ?) AND lon IS NOT NULL AND lat IS NOT NULL ORDER BY site_id",
        [city, technology, day, day],
    )


def network(stations: pl.DataFrame, ground: Ground, given: Assumptions, carriers: Sequence[Carrier] = ()) -> Network:
    """Stations as cells: what the register says, and the stated assumption where it is silent.

    Parameters
    ----------
    stations : DataFrame
        Columns of the contract `base_stations`, one row a station, WGS84.
    ground : Ground
        Tells which townships are urban, and the grid's CRS.
    carriers : sequence of Carrier
        Channels known before keep their numbers; new ones follow.
    """
    n = stations.height
    numbers = {c.id: k for k, c in enumerate(carriers)}
    known = list(carriers)
    pairs: dict[tuple[str, str], Carrier] = {}
    channel = np.zeros(n, dtype=np.int16)
    for i, (operator, band) in enumerate(zip(_text(stations, "operator"), _text(stations, "band"), strict=True)):
        carrier = pairs.get((operator, band)) or given.carrier_of(operator, band)
        pairs[operator, band] = carrier
        if carrier.id not in numbers:
            numbers[carrier.id] = len(known)
            known.append(carrier)
        channel[i] = numbers[carrier.id]
    x, y = from_wgs84(stations["lon"].to_numpy(), stations["lat"].to_numpy(), ground.grid.crs)
    height, azimuth, beam, tilt, eirp = (_floats(stations, c) for c in ("height_m", "azimuth_deg", "beam_width_deg", "downtilt_deg", "eirp_dbm"))
    urban = ground.is_urban(stations["lon"].to_numpy(), stations["lat"].to_numpy(), given.surroundings.urban_kinds)
    scenario, height = _surroundings(height, urban, given)
    per_channel = {name: np.array([getattr(c, name) for c in known], dtype=float)[channel] for name in ("centre_mhz", "resource_blocks", "tx_w", "gain_dbi")}
    level = epre_dbm(per_channel["tx_w"], per_channel["resource_blocks"]) + per_channel["gain_dbi"]
    stated = eirp - 10 * np.log10(12 * per_channel["resource_blocks"])
    cells = Cells.of(
        x, y, height_m=height, fc_ghz=per_channel["centre_mhz"] / 1000, eirp_dbm=np.where(np.isnan(eirp), level, stated),
        floor_dbm=given.terms.floor_dbm, scenario=scenario, channel=channel, azimuth_deg=azimuth, beam_deg=beam, downtilt_deg=tilt,
    ) if n else _no_cells()  # fmt: skip
    assumed = {
        "height_m": int(np.isnan(_floats(stations, "height_m")).sum()), "azimuth_deg": int(np.isnan(azimuth).sum()),
        "downtilt_deg": int(np.isnan(tilt).sum()), "eirp_dbm": int(np.isnan(eirp).sum()),
        "band": sum(not b for b in _text(stations, "band")), "operator": sum(not o for o in _text(stations, "operator")),
    }  # fmt: skip
    simulated = bool(stations["is_simulated"].any()) if "is_simulated" in stations.columns else False
    return Network(tuple(stations["site_id"]), cells, tuple(known), assumed, simulated)


def _surroundings(height: NDArray[np.float64], urban: NDArray[np.bool_], given: Assumptions) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Scenario and height of every station; a height of 0 says nothing and counts as missing."""
    rules = given.surroundings
    missing = np.isnan(height) | (height <= 0)
    street = ~missing & (height < rules.street_below_m)
    names = np.where(street, "UMi", np.where(urban, "UMa", "RMa"))
    defaults = np.array([rules.height_m[name] for name in names])
    height = np.where(missing, defaults, np.round(height / HEIGHT_STEP_M) * HEIGHT_STEP_M)
    lowest, highest = (np.array([VALID[name].h_bs_m[k] for name in names]) for k in (0, 1))
    return np.array([SCENARIOS.index(name) for name in names], dtype=np.int8), np.clip(height, lowest, highest)


def _no_cells() -> Cells:
    one = Cells.of(0, 0, height_m=25, fc_ghz=1, eirp_dbm=0, floor_dbm=0)
    return one.take(np.zeros(0, dtype=int))


def _text(stations: pl.DataFrame, column: str) -> list[str]:
    if column not in stations.columns:
        return [""] * stations.height
    return stations[column].fill_null("").str.strip_chars().to_list()


def _floats(stations: pl.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in stations.columns:
        return np.full(stations.height, np.nan)
    return stations[column].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
