"""All metrics over very many records: `python -m tests.bench --records 100000000`.

What is aggregated: the simulated records of 鄂州 over `DAYS` days, made by the ordinary build, and as often as it
takes to reach the number asked for a copy of them in which every site and case has another name (`S0012` → `S0012~7`):
a city of the same map and the same days with many times the sites and cases. Returns by area keep their number, as
there is one of each; archived figures stay as they are. The copies go straight into the store's Parquet through the
store's own writer, some `CHUNK_ROWS` rows a commit; ingest is measured by itself.

Then, in a process of its own (so that the peak memory is its own), the ordinary rebuild computes every metric of
every day; beside it stands one bare GROUP BY a table over the same Parquet: rows, sums of all numbers, newest event
and arrival by locality and hour. It makes neither areas nor longer periods nor medians, which ours does.
How far it has come is told on the error stream. `python -m tests.bench.large HOME` aggregates a store made before.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import polars as pl

from data_pipeline.aggregate.refresh import rebuild
from data_pipeline.cities import load_packs
from data_pipeline.contracts import Contract, contracts
from data_pipeline.home import Home
from data_pipeline.metrics import metrics
from data_pipeline.store.lake import Lake, newest_snapshot
from data_pipeline.times import now_utc

CITY, DAYS, CHUNK_ROWS = "420700", 30, 1_000_000
ONE_OF_EACH = ("area_id", "point_id", "piece_id", "class_id", "place_id", "subject_id", "metric_id")
BARE = """
    SELECT locality_id, date_trunc('hour', event_at_utc) AS hour, count(*), max(event_at_utc), max(known_from_utc){sums}
    FROM "{table}" WHERE city = ? AND known_to_utc IS NULL GROUP BY 1, 2"""


def prepare(folder: Path, records: int) -> tuple[Home, int]:
    """A home in `folder` with at least so many records of the city (one made before is taken); the home and how many."""
    home = Home.of(folder / "large")
    if newest_snapshot(home):
        with Lake.reader(home) as lake:
            total = sum(counts(lake).values())
        if total < records:
            raise SystemExit(f"the store in {home.root} has {total:,} records, fewer than {records:,}: remove it, or ask for fewer")
        return home, total
    command = [sys.executable, "-m", "data_pipeline", "build", "--city", CITY, "--days", str(DAYS), "--home", str(home.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with Lake.writer(home) as lake:
        built = lake.snapshot()
        assert built is not None
        have = counts(lake)
        total, number = sum(have.values()), 0
        copied = [contracts()[dataset] for dataset, n in have.items() if n and names_of(contracts()[dataset])]
        while total < records:
            number += 1
            for declared in copied:
                total += copy(lake, declared, number, built.id)
    return home, total


def counts(lake: Lake) -> dict[str, int]:
    """Records of the city by dataset."""
    return {c.id: int(lake.value(f'SELECT count(*) FROM "{c.table}" WHERE city = ?', [CITY])) for c in contracts().values()}


def names_of(declared: Contract) -> list[str]:
    """The columns that name a site or a case, which differ in every copy; none where there is one of each."""
    first = declared.key[0] if declared.key else ""
    if declared.derived_from or declared.kind == "figures" or not first.endswith("_id") or first in ONE_OF_EACH:
        return []
    return [name for name in dict.fromkeys((first, "site_id")) if name in declared.columns]


def copy(lake: Lake, declared: Contract, number: int, built: int) -> int:
    """One more copy, under other names, of a dataset's records as they stood at the snapshot `built`; its rows."""
    names, written = names_of(declared), 0
    of_the_build = f"FROM {lake.at(declared.table, built)} WHERE city = ?"
    days = lake.frame(f"SELECT local_day, count(*) AS n {of_the_build} GROUP BY 1 ORDER BY 1", [CITY])
    for first, last in together(days):
        with lake.transaction(f"copy {number} of {declared.id}"):
            rows = lake.frame(f"SELECT * {of_the_build} AND local_day BETWEEN ? AND ?", [CITY, first, last])
            written += lake.append(declared.table, rows.with_columns(pl.col(name) + f"~{number}" for name in names))
    return written


def together(days: pl.DataFrame) -> Iterator[tuple[date, date]]:
    """First and last of as many days in a row as have some `CHUNK_ROWS` rows."""
    chunk = (pl.col("n").cum_sum() - 1) // CHUNK_ROWS
    for _, part in days.group_by(chunk.alias("chunk"), maintain_order=True):
        yield part["local_day"][0], part["local_day"][-1]


def aggregate(home: Home) -> dict[str, float]:
    """Seconds (by the clock, of the processor), readings and peak memory of the whole rebuild, and seconds of the bare statements.

    For a process of its own.
    """
    packs = load_packs()
    with Lake.writer(home) as lake:
        started, cpu = time.perf_counter(), [time.process_time()]
        with lake.transaction("bench"):
            lake.execute("DELETE FROM readings WHERE city = ?", [CITY])
            readings = rebuild(lake, packs, CITY, commit_seq=10**6, now=now_utc(), progress=told(started))
        ours = time.perf_counter() - started
        peak = peak_mb()
        cpu.append(time.process_time())
        started = time.perf_counter()
        for declared in contracts().values():
            if not any(m.dataset == declared.id for m in metrics().values()):
                continue
            numbers = [name for name, column in declared.columns.items() if column.type in ("float", "integer")]
            sums = "".join(f', sum("{name}")' for name in numbers)
            lake.frame(BARE.format(sums=sums, table=declared.table), [CITY])
        bare = time.perf_counter() - started
        cpu.append(time.process_time())
        used = {"cpu_seconds": cpu[1] - cpu[0], "bare_cpu_seconds": cpu[2] - cpu[1]}
        return {"seconds": ours, "readings": readings, "peak_mb": peak, "bare_seconds": bare, **used}


def peak_mb() -> float:
    """Most memory this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def told(started: float) -> Callable[[str, int, int], None]:
    """A line for every statement's metrics when they are done: seconds since `started`, peak memory."""

    def tell(what: str, done: int, total: int) -> None:
        print(f"{time.perf_counter() - started:8.1f} s  {done}/{total} {what}, peak {peak_mb():,.0f} MB", file=sys.stderr, flush=True)

    return tell


def measured(home: Home) -> dict[str, float]:
    """`aggregate` in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.large", str(home.root)], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(aggregate(Home.of(sys.argv[1]))))
