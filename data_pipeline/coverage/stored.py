"""The model's working state of a city, kept on disk so that ten new stations cost ten, not the city.

A folder `coverage/<city>` of the home holds ground, power map, who serves, and the cells they were
made from. It is a cache: it may be deleted at any time, the next run makes it anew. The arrays are
memory-mapped, so a small update touches few pages of them. While they are written a mark says so;
a mark found later means a kill in between, and everything is made anew.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

import numpy as np
import orjson
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray

from data_pipeline.cities import Pack, Place
from data_pipeline.coverage.assumptions import Assumptions, Carrier
from data_pipeline.coverage.ground import Ground, ground_key, ground_of
from data_pipeline.coverage.register import Network
from data_pipeline.home import Home
from geo.coverage.cells import Cells
from geo.coverage.grid import Grid
from geo.coverage.power import PowerMap, Rect
from geo.coverage.serving import Served, serve
from geo.h3cells import cells as h3_cells

_WRITING, _UNDELIVERED, _STATE = "writing", "undelivered", "state.json"
_SERVED: dict[str, DTypeLike] = {"rsrp_dbm": np.float32, "sinr_db": np.float32, "channel": np.int8, "indoor_margin_db": np.float32}


@dataclass
class Model:
    """Ground, power and who serves, for the cells in `network`. `h3` is the H3 cell of every cell of the grid, 0 outside."""

    ground: Ground
    h3: NDArray[np.uint64]
    power: PowerMap
    served: Served
    network: Network


@dataclass(frozen=True)
class Update:
    """What bringing the model up to date took: cells added and taken out, and the rectangles served anew."""

    added: int
    removed: int
    rects: tuple[Rect, ...] | None  # None: everything was made anew

    @property
    def is_nothing(self) -> bool:
        """Whether the model was up to date already."""
        return self.rects == ()


class Stored:
    """The state of one city. `ground` first, then `update` with the network as it is now."""

    def __init__(self, home: Home, pack: Pack, given: Assumptions) -> None:
        self.folder, self.pack, self.given = home.root / "coverage" / pack.id, pack, given

    def ground(self) -> tuple[Ground, NDArray[np.uint64]]:
        """The city's ground and the H3 cell of every cell, read back where nothing they rest on has changed."""
        key, path = ground_key(self.pack, self.given), self.folder / "ground.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as kept:
                if str(kept["key"]) == key:
                    return self._read_ground(kept), kept["h3"]
        ground = ground_of(self.pack, self.given)
        lon, lat = (degrees[ground.inside] for degrees in ground.grid.lonlat())
        h3 = np.zeros(ground.grid.shape, dtype=np.uint64)
        h3[ground.inside] = h3_cells(lon, lat)[0]
        self.folder.mkdir(parents=True, exist_ok=True)
        grid = ground.grid
        box = np.array([grid.west_m, grid.south_m, grid.step_m, grid.rows, grid.columns])
        places = orjson.dumps([[p.district_id, p.township_id, list(p.zone_ids)] for p in ground.places]).decode()
        people = np.empty(0, dtype=np.float32) if ground.people is None else ground.people
        part = path.with_suffix(".part.npz")
        np.savez(part, key=key, crs=grid.crs, box=box, piece=ground.piece, places=places, people=people,
                 kinds=np.array(ground.kinds), lon=ground.lon, lat=ground.lat, h3=h3)  # fmt: skip
        part.replace(path)
        return ground, h3

    def _read_ground(self, kept: np.lib.npyio.NpzFile) -> Ground:
        box = kept["box"]
        grid = Grid(str(kept["crs"]), float(box[0]), float(box[1]), float(box[2]), int(box[3]), int(box[4]))
        places = tuple(Place(d, t, tuple(z)) for d, t, z in orjson.loads(str(kept["places"])))
        people = kept["people"]
        kinds = tuple(str(k) for k in kept["kinds"])
        return Ground(self.pack, grid, kept["piece"], places, kinds, people if people.size else None, kept["lon"], kept["lat"])

    # ------------------------------------------------------------------ the model

    def carriers(self) -> tuple[Carrier, ...]:
        """Channels of the stored model in their order; empty where there is none."""
        state = self._state()
        return tuple(Carrier.model_validate(c) for c in state["carriers"]) if state else ()

    def update(self, ground: Ground, h3: NDArray[np.uint64], network: Network) -> tuple[Model, Update]:
        """The model for these cells: what is new is added, what is gone taken out; made anew where that is not possible."""
        before = self._kept(network)
        key = self._key(len(network.carriers))
        if before is None:
            return self._anew(ground, h3, network, key)
        old_cells, old_keys = before
        keys = network.keys()
        added = np.flatnonzero(~np.isin(keys.astype("S12"), old_keys))
        gone = np.flatnonzero(~np.isin(old_keys, keys.astype("S12")))
        power, served = self._maps(ground, len(network.carriers), "r+")
        if not len(added) and not len(gone):
            return Model(ground, h3, power, served, network), Update(0, 0, ())
        if len(added) + len(gone) > max(len(network.cells), len(old_cells)) // 2:
            return self._anew(ground, h3, network, key)
        self._mark(True)
        new, removed = network.cells.take(added), old_cells.take(gone)
        tiles = power.touched(new) | power.touched(removed)
        if len(gone):
            power.replace(removed, old_cells.take(np.setdiff1d(np.arange(len(old_cells)), gone)))
        power.add(new)
        rects = power.rects(tiles)
        serve(power, network.terms(self.given), ground.inside, served, rects)
        self._write_state(network, key)
        return Model(ground, h3, power, served, network), Update(len(added), len(gone), tuple(rects))

    def _anew(self, ground: Ground, h3: NDArray[np.uint64], network: Network, key: str) -> tuple[Model, Update]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._mark(True)
        power, served = self._maps(ground, len(network.carriers), "w+")
        for name in ("rsrp_dbm", "sinr_db", "indoor_margin_db"):
            getattr(served, name)[ground.inside] = np.nan
        served.channel[ground.inside] = -1
        power.add(network.cells)
        serve(power, network.terms(self.given), ground.inside, served)
        self._write_state(network, key)
        return Model(ground, h3, power, served, network), Update(len(network.cells), 0, None)

    def _maps(self, ground: Ground, channels: int, mode: str) -> tuple[PowerMap, Served]:
        def array(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
            path = self.folder / f"{name}.npy"
            if mode == "w+":
                path.unlink(missing_ok=True)  # a new file is all zeros and takes no room where nothing is heard
                return open_memmap(path, "w+", dtype, shape)
            return np.load(path, mmap_mode="r+")

        shape = ground.grid.shape
        power = PowerMap(ground.grid, array("best", (channels, *shape), np.float32), array("total", (channels, *shape), np.float32))
        return power, Served(*(array(name, shape, kind) for name, kind in _SERVED.items()))

    # ------------------------------------------------------------------ what was computed from what

    def _key(self, channels: int) -> str:
        said = f"{ground_key(self.pack, self.given)}|{self.given.terms.model_dump_json()}|{channels}"
        return sha256(said.encode()).hexdigest()

    def _kept(self, network: Network) -> tuple[Cells, NDArray] | None:
        """Cells and their keys of the stored model; None where it cannot be gone on from."""
        state = self._state()
        if state is None or state["key"] != self._key(len(network.carriers)) or state["carriers"] != [c.model_dump(mode="json") for c in network.carriers]:
            return None
        with np.load(self.folder / "cells.npz", allow_pickle=False) as kept:
            return Cells(*(kept[f.name] for f in fields(Cells))), kept["keys"]

    def _state(self) -> dict | None:
        path = self.folder / _STATE
        if (self.folder / _WRITING).exists() or not path.exists():
            return None
        return orjson.loads(path.read_bytes())

    def _mark(self, writing: bool) -> None:
        mark = self.folder / _WRITING
        mark.touch() if writing else mark.unlink(missing_ok=True)
        if writing:
            (self.folder / _UNDELIVERED).touch()

    @property
    def is_delivered(self) -> bool:
        """Whether the results of this state are in the store; a run that was stopped in between leaves that undone."""
        return not (self.folder / _UNDELIVERED).exists()

    def delivered(self) -> None:
        """Note that the results of this state are in the store."""
        (self.folder / _UNDELIVERED).unlink(missing_ok=True)

    def _write_state(self, network: Network, key: str) -> None:
        np.savez(self.folder / "cells.npz", keys=network.keys().astype("S12"), **{f.name: getattr(network.cells, f.name) for f in fields(Cells)})
        state = {"key": key, "carriers": [c.model_dump(mode="json") for c in network.carriers]}
        (self.folder / _STATE).write_bytes(orjson.dumps(state))
        self._mark(False)

    def forget(self) -> None:
        """Delete the state; the next run makes it anew."""
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_bytes(folder: Path) -> int:
    """Bytes a state takes on disk (files with holes count what is written)."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
