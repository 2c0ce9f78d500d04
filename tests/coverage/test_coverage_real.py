"""The model over a real register in a real projected CRS, and real drive tests on a 100 m grid, computed independently."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pyproj import Transformer

from data_pipeline.cities import load_packs
from data_pipeline.coverage.assumptions import assumptions
from data_pipeline.coverage.ground import ground_of
from data_pipeline.coverage.register import in_service, network
from data_pipeline.queries import Queries
from data_pipeline.store.lake import Lake
from geo.coverage.pathloss import expected_path_loss_db
from geo.coverage.power import PowerMap
from geo.coverage.serving import Served, serve
from tests.real.town import found

TECHNOLOGY, COMPANY = "טכנולוגיית שידור", "חברה"
DAY = date(2026, 1, 1)


def test_the_power_map_of_a_real_register_is_that_of_its_own_grid_coordinates(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "cell_sites_israel/cell_sites_south.csv"
    town = found(tmp_path, "israel_south", "Asia/Jerusalem", "34.2,29.4,35.7,32.1")
    town.bring(file, "cell_sites_israel")
    pack = load_packs(town.packs)["israel_south"]
    pack.metric_crs = "EPSG:2039"  # the register's own grid
    given = assumptions().model_copy(update={"terms": assumptions().terms.model_copy(update={"grid_m": 200})})
    ground = ground_of(pack, given)
    with Lake.reader(town.home) as lake:
        stations = in_service(lake, pack.id, DAY, "5G")
    register = pl.read_csv(file, infer_schema=False).filter(pl.col(TECHNOLOGY).str.contains("5"))
    net = network(stations, ground, given)
    assert len(net.cells) == register.height == 613
    assert net.assumed["height_m"] == net.assumed["azimuth_deg"] == register.height
    # places: the register's whole metres, back from degrees
    own = {f"il-{r['ID']}-5G": (float(r["X_ITM"]), float(r["Y_ITM"]), r[COMPANY]) for r in register.iter_rows(named=True)}
    expected = np.array([own[s][:2] for s in net.site_ids])
    assert np.abs(np.stack([net.cells.x_m, net.cells.y_m], axis=1) - expected).max() < 0.2
    power = PowerMap.empty(ground.grid, len(net.carriers))
    power.add(net.cells)
    # 200 cells of the grid near stations, computed from the file alone: RMa at 35 m, 3.5 GHz, 17.86 + 18 dBm
    rng = np.random.default_rng(1)
    names = np.array([own[s][2].strip() for s in net.site_ids], dtype=object)
    for k in rng.choice(len(expected), 200, replace=False):
        x, y = expected[k] + rng.uniform(-2_000, 2_000, 2)
        row, col = int((y - ground.grid.south_m) // 200), int((x - ground.grid.west_m) // 200)
        d = np.hypot(expected[:, 0] - ground.grid.x_m[col], expected[:, 1] - ground.grid.y_m[row])
        mine = np.flatnonzero((names == names[k]) & (d < 5_000))
        level = 17.86 + 18 - expected_path_loss_db("RMa", d[mine], 3.5, 35)
        got = 10 * np.log10(max(float(power.best[net.cells.channel[net.site_ids.index(net.site_ids[k])], row, col]), 1e-30))
        if level.max() > -116.5 and d[mine].min() > 60:
            assert got == pytest.approx(level.max(), abs=0.2)
    served = Served.nothing(ground.grid.shape)
    serve(power, net.terms(given), ground.inside, served)
    share = served.covered(net.terms(given))[ground.inside].mean()
    assert share == pytest.approx(0.062, abs=0.001)  # the Negev is empty, the coast is not
    at = ground.grid.find(stations["lon"].to_numpy(), stations["lat"].to_numpy())[0]
    level = served.rsrp_dbm.ravel()[at]
    # beside a mast the level is high; where one operator's masts share a coordinate another's cleaner carrier serves
    assert np.isfinite(level).all() and np.median(level) > -60 and level.min() > -105


def test_measured_coverage_by_mode_and_on_a_100_m_grid_is_that_of_the_raw_traces(tmp_path: Path, shared_data: Path) -> None:
    town = found(tmp_path, "cork", "Europe/Dublin", "-9.6,51.5,-8.0,52.6")
    town.bring(shared_data / "drive_test_5g/traces.zip", "drive_test_ucc")
    packs = load_packs(town.packs)
    parts = []
    with zipfile.ZipFile(shared_data / "drive_test_5g/traces.zip") as archive:
        parts = [
            pl.read_csv(io.BytesIO(archive.read(n)), infer_schema=False, null_values=["-"]).select("Longitude", "Latitude", "NetworkMode", "RSRP")
            for n in archive.namelist() if re.search(r"\.csv$", n)
        ]  # fmt: skip
    raw = pl.concat(parts).with_columns(pl.col("Longitude", "Latitude", "RSRP").cast(pl.Float64))
    door = Queries.open(town.home, packs)
    try:
        got = {m.network_mode: m for m in door.measured_coverage("cork")}
    finally:
        door.close()
    to_metres = Transformer.from_crs("EPSG:4326", packs["cork"].metric_crs, always_xy=True)
    for mode, name in (("5G", "5G"), ("LTE", "4G")):
        own = raw.filter((pl.col("NetworkMode") == mode) & pl.col("RSRP").is_not_null() & (pl.col("RSRP") != -200))
        assert got[name].samples_n == raw.filter(pl.col("NetworkMode") == mode).height
        assert got[name].samples_share == pytest.approx(own.filter(pl.col("RSRP") >= -105).height / own.height)
        x, y = to_metres.transform(own["Longitude"].to_numpy(), own["Latitude"].to_numpy())
        cells = own.with_columns(cx=pl.Series(np.floor(x / 100)), cy=pl.Series(np.floor(y / 100))).group_by("cx", "cy").agg(pl.col("RSRP").mean())
        figures = (own.height, round(got[name].samples_share or 0, 4), got[name].cells_n, round(got[name].cells_share or 0, 4))
        assert figures == {"5G": (60_209, 0.9824, 545, 0.9156), "4G": (10_959, 0.9121, 337, 0.8961)}[name]
        assert got[name].cells_n == cells.height > 50
        assert got[name].cells_share == pytest.approx(cells.filter(pl.col("RSRP") >= -105).height / cells.height)
    assert got["3G"].samples_share is None and got["3G"].cells_share is None  # no level of that kind: no share
