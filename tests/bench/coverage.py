"""`python -m tests.bench.coverage`: 20,000 cells of a prefecture at 50 m, ten more, ten fewer; the budget is 10 s on 2 cores.

A prefecture of 120 × 100 km (12,000 km², 4.8 million cells of the grid), seven carriers, heights of
18 to 45 m, half of the stations urban. Measured without azimuths and with every station a sector.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from geo.coverage.budget import epre_dbm, noise_dbm
from geo.coverage.cells import Cells
from geo.coverage.grid import Grid
from geo.coverage.patches import patches, weak_labels
from geo.coverage.pathloss import indoor_loss_db
from geo.coverage.power import WORKERS, PowerMap
from geo.coverage.serving import Served, Terms, serve
from tests.bench.__main__ import say

GRID = Grid("EPSG:4549", 500_000, 3_300_000, 50, 2_000, 2_400)
CELLS = 20_000
FC = np.array([2.565, 3.45, 3.55, 2.12, 2.1425, 0.773, 4.85])
WIDE = FC > 2.3
EIRP = np.where(WIDE, epre_dbm(200, 273) + 18, epre_dbm(80, 160) + 15)
TERMS = Terms(-105, -3, 0.5, noise_dbm(np.where(WIDE, 30e3, 15e3)), indoor_loss_db(FC, 5))


def network(azimuths: bool) -> Cells:
    """Random stations: two thirds in fifty towns of 4 km, the rest spread evenly."""
    rng = np.random.default_rng(7)
    towns = rng.uniform((0, 0), (120_000, 100_000), (50, 2))
    xy = towns[rng.integers(0, 50, CELLS)] + rng.normal(0, 2_000, (CELLS, 2))
    wide = rng.random(CELLS) < 1 / 3
    xy[wide] = rng.uniform((0, 0), (120_000, 100_000), (int(wide.sum()), 2))
    channel = rng.integers(0, len(FC), CELLS)
    return Cells.of(
        GRID.west_m + xy[:, 0], GRID.south_m + xy[:, 1], height_m=np.round(rng.uniform(18, 45, CELLS) * 2) / 2, fc_ghz=FC[channel],
        eirp_dbm=EIRP[channel], floor_dbm=-117, scenario=np.where(wide, 2, 0), channel=channel,
        azimuth_deg=rng.choice([0.0, 120.0, 240.0], CELLS) if azimuths else np.nan,
    )  # fmt: skip


def main() -> None:
    """Print one line a figure: seconds by the clock, and of both cores together."""
    inside = np.ones(GRID.shape, dtype=bool)
    say("grid", f"{GRID.rows * GRID.columns:,} cells of {GRID.step_m:g} m, {len(FC)} carriers, {WORKERS} threads")
    for azimuths in (False, True):
        cells = network(azimuths)
        first, ten = cells.take(np.arange(CELLS - 10)), cells.take(np.arange(CELLS - 10, CELLS))
        power, served = PowerMap.empty(GRID, len(FC)), Served.nothing(GRID.shape)

        def whole(power: PowerMap = power, served: Served = served, first: Cells = first) -> None:
            power.add(first)
            serve(power, TERMS, inside, served)

        def add(power: PowerMap = power, served: Served = served, ten: Cells = ten) -> None:
            power.add(ten)
            serve(power, TERMS, inside, served, power.rects(power.touched(ten)))

        def remove(power: PowerMap = power, served: Served = served, first: Cells = first, ten: Cells = ten) -> None:
            power.replace(ten, first)
            serve(power, TERMS, inside, served, power.rects(power.touched(ten)))

        what = "sectors" if azimuths else "all round"
        seconds, cpu = timed(whole)
        say(f"coverage, {CELLS:,} cells, {what}", f"{seconds:.1f} s, {cpu:.1f} s of processor (budget ≤ 10 s; covered {served.covered(TERMS).mean():.1%})")
        more, more_cpu = timed(add)
        say("  ten cells more", f"{more:.2f} s, {more_cpu:.2f} s of processor: {more_cpu / cpu:.1%} of the city")
        fewer, fewer_cpu = timed(remove)
        say("  ten cells fewer", f"{fewer:.2f} s, {fewer_cpu:.2f} s of processor: {fewer_cpu / cpu:.1%} of the city")
    piece = (np.arange(GRID.columns)[None, :] // 200 + 12 * (np.arange(GRID.rows)[:, None] // 200)).astype(np.int32)
    labels: list = []
    seconds, _ = timed(lambda: labels.append(weak_labels(~served.covered(TERMS), piece, 0.25, GRID)))
    more, _ = timed(lambda: labels.append(patches(labels[0], piece, GRID, None, served.rsrp_dbm)))
    say("weak patches", f"{seconds + more:.1f} s, {len(labels[1])} patches")
    say("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def timed(run) -> tuple[float, float]:  # noqa: ANN001 - any call without arguments
    """Seconds by the clock, and of the processor over all threads."""
    clock, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - clock, time.process_time() - cpu


if __name__ == "__main__":
    main()
