"""`python -m tests.bench [--rows N] [--home DIR]`: ingest, aggregation and page data against bare yardsticks."""

from __future__ import annotations

import argparse
import gzip
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from data_pipeline.aggregate import refresh
from data_pipeline.aggregate.compose import Window, compose, grouped
from data_pipeline.aggregate.engine import DuckEngine, areas_of
from data_pipeline.cities import Pack, load_packs
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Writer
from data_pipeline.metrics import metrics
from data_pipeline.store.lake import Lake, newest_snapshot
from data_pipeline.store.newest import without_pandas
from tests.bench import large

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from data_pipeline.queries import Queries

CITY = "420700"
FIRST = datetime(2026, 9, 1)
NOW = datetime(2026, 11, 22)
VIEW = "/view?path=/&search=?city=420700"
INGEST_RUNS = 3
FAILED: list[str] = []  # budgets not kept, in the order they were met
BARE = """
    SELECT r.locality_id, r.local_day, floor((epoch(r.event_at_utc) + r.utc_offset_s) / 300) AS slot,
           sum(greatest(s.length_km / r.speed_kmh, s.length_km / s.free_speed_kmh) * coalesce(r.flow_veh, 1)),
           sum(s.length_km / s.free_speed_kmh * coalesce(r.flow_veh, 1)), count(*){more}
    FROM rec_road_speeds AS r JOIN rec_road_sections AS s ON s.site_id = r.site_id
    WHERE r.city = ? AND r.known_to_utc IS NULL AND s.known_to_utc IS NULL AND r.local_day BETWEEN ? AND ?
    GROUP BY 1, 2, 3"""
ALSO = """, count(CASE WHEN r.is_simulated THEN 1 END), max(r.event_at_utc), max(r.known_from_utc), max(r.utc_offset_s)"""


def main() -> None:
    """Run all benches and print one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the ingest bench")
    parser.add_argument("--home", type=Path, help="a built home for the page bench (default: skip it)")
    parser.add_argument("--records", type=int, help="only this: all metrics over so many simulated records (100000000 takes 2 GB of disk)")
    parser.add_argument("--scratch", type=Path, help="folder in which the store of --records is made, or was, and kept (default: made and removed)")
    options = parser.parse_args()
    if options.records:
        with tempfile.TemporaryDirectory(prefix="city-brain-bench-") as folder:
            all_metrics(options.scratch or Path(folder), options.records)
        return
    with tempfile.TemporaryDirectory(prefix="city-brain-bench-") as folder:
        ingest_and_aggregate(Path(folder), options.rows)
    home = options.home or (Path("var") if Path("var/catalog.sqlite").exists() else None)
    if home is None or newest_snapshot(Home.of(home)) is None:
        say("page data, memory of the web", f"no built home{f' in {home}' if home else ''}; `make run` first or give --home")
    else:
        # what ingest and aggregation left behind in this process is no memory of the web
        apart(start_before, Home.of(home))
        FAILED.extend(apart(page_data, Home.of(home)))
    print(f"{len(FAILED)} of the budgets above not kept{': ' if FAILED else ''}{'; '.join(FAILED)}", flush=True)


def apart(does: Callable[[Home], Any], home: Home) -> Any:
    """What a function says of a home in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(does, home).result()


def say(what: str, figures: str) -> None:
    """One line of the report."""
    print(f"     {what:<38} {figures}", flush=True)


def judged(
    what: str, figures: str, budget: str, found: float, *, most: float | None = None, least: float | None = None
) -> None:
    """One line with a budget of DESIGN section 11: pass or FAIL before it, the figure judged behind it."""
    good = (most is None or found <= most) and (least is None or found >= least)
    FAILED.extend([] if good else [what])
    print(f"{'pass' if good else 'FAIL'} {what:<38} {figures}   → {found:,.2f} (budget {budget})", flush=True)


def ingest_and_aggregate(folder: Path, rows: int) -> None:
    """Parquet through the ordinary door against a bare INSERT of the same file; refresh against the bare GROUP BY."""
    packs = load_packs()
    sections, speeds = folder / "sections.parquet", folder / "speeds.parquet"
    register(packs[CITY]).write_parquet(sections)
    observations(rows).write_parquet(speeds)
    ours: list[float] = []
    bare: list[float] = []
    for run in range(1, INGEST_RUNS + 1):
        home = Home.of(folder / f"home-{run}")
        home.root.mkdir(parents=True)
        with Lake.writer(home) as lake:
            writer = Writer(lake, packs, home, now=lambda: NOW, refresh=no_readings, evaluate=no_readings)
            writer.take(Incoming(sections, CITY, "road_sections", "bench", "sections.parquet"))
            cpu = [time.process_time()]
            seconds, shares = one_ingest(writer, speeds, rows)
            ours.append(seconds)
            cpu.append(time.process_time())
            bare.append(bare_insert(lake, speeds))
            cpu.append(time.process_time())
            if run < INGEST_RUNS:
                continue
            middle = f"best of {INGEST_RUNS} runs of {rows:,} rows; median {rows / statistics.median(ours):,.0f}"
            judged("ingest, checked and located, rows/s", middle, "≥ 500,000", rows / min(ours), least=500_000)
            against = f"bare {rows / min(bare):,.0f} rows/s"
            judged("ingest, share of the bare INSERT", against, "≥ 1/6", min(bare) / min(ours), least=1 / 6)
            say("  share of each step", shares)
            say("  processor time, last run", f"{cpu[1] - cpu[0]:.2f} s, bare {cpu[2] - cpu[1]:.2f} s: says more where the machine has other work")
            days = {FIRST.date() + timedelta(days=i) for i in range((NOW - FIRST).days)}
            aggregate(lake, packs, days)
    say("peak memory, pipeline side", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def all_metrics(folder: Path, records: int) -> None:
    """Every metric of a city over very many records; what is aggregated and how: `tests.bench.large`."""
    declared = len(metrics())  # read now: it takes long, and declarations may be worked on meanwhile
    started = time.perf_counter()
    home, there = large.prepare(folder, records)
    say("records there", f"{there:,} in {time.perf_counter() - started:,.0f} s, {sum(f.stat().st_size for f in home.lake.rglob('*.parquet')) / 1e9:.1f} GB")
    found = large.measured(home)
    ratio = found["seconds"] / found["bare_seconds"]
    say("all metrics, all days, to readings", f"{found['seconds']:,.1f} s, {there / found['seconds']:,.0f} records/s, {found['readings']:,.0f} readings")
    say("  one bare GROUP BY a table", f"{found['bare_seconds']:,.1f} s; ours {ratio:.2f} × ({declared} metrics, every area and grain)")
    used = found["cpu_seconds"] / found["bare_cpu_seconds"]
    say("  processor time", f"{found['cpu_seconds']:,.0f} s, bare {found['bare_cpu_seconds']:,.0f} s, {used:.2f} ×: says more where the machine has other work")
    judged("peak memory, pipeline, MB", f"{there:,} records", "≤ 2 GB", found["peak_mb"], most=2_000)


def no_readings(*_: object, **__: object) -> int:
    """In place of aggregation and alerts, whose share is measured by itself."""
    return 0


def one_ingest(writer: Writer, speeds: Path, rows: int) -> tuple[float, str]:
    """Seconds of one delivery through the ordinary door with its commit, and the share of each step."""
    started = time.perf_counter()
    with writer.commit("bench") as commit:
        receipt = commit.take(Incoming(speeds, CITY, "road_speeds", "bench", "speeds.parquet"))
    seconds = time.perf_counter() - started
    assert receipt.accepted == rows, receipt
    total = sum(commit.seconds.values())
    return seconds, ", ".join(f"{k} {v / total:.0%}" for k, v in commit.seconds.items() if v / total >= 0.005)


def bare_insert(lake: Lake, speeds: Path) -> float:
    """Seconds of `INSERT INTO` the same lake from the same file without any check, with its commit."""
    lake.execute(f"CREATE TABLE bare AS SELECT * FROM read_parquet('{speeds}') LIMIT 0")
    started = time.perf_counter()
    with lake.transaction("bare"):
        lake.execute(f"INSERT INTO bare SELECT * FROM read_parquet('{speeds}')")
    return time.perf_counter() - started


def aggregate(lake: Lake, packs: dict, days: set[date]) -> None:
    """Full refresh, then one day's refresh, each against the bare GROUP BY over the same records.

    The bare statement groups the same records into the same figures with the same columns (sums, counts,
    newest event and arrival) by locality and period. It does not go on to areas, which ours does. "sums alone"
    is the least one could ask: two sums and a count. All run inside a transaction, as a commit's refresh does.
    """
    engine = DuckEngine(lake)  # as in a refresh, it reads once which areas a locality counts in
    for name, chosen in (("all days", days), ("one day", {min(days) + timedelta(days=1)})):
        span = [CITY, min(chosen), max(chosen)]
        with lake.transaction("bench"):
            bare, least, one, five = together(
                lambda span=span: lake.frame(BARE.format(more=ALSO), span),
                lambda span=span: lake.frame(BARE.format(more=""), span),
                lambda chosen=chosen: composed_only(engine, packs[CITY], chosen, {"traffic.tti"}),
                lambda chosen=chosen: composed_only(engine, packs[CITY], chosen),
            )
            started = time.perf_counter()
            written = refresh(lake, packs, {(CITY, "road_speeds"): chosen}, commit_seq=99, now=NOW)
            ours = time.perf_counter() - started
        against = f"bare GROUP BY {bare:.3f} s; of the sums alone {least:.3f} s, ratio {one / least:.2f}"
        judged(f"aggregate, {name}, traffic.tti", f"{one:.3f} s composed, {against}", "ratio ≤ 1.5", one / bare, most=1.5)
        say(f"aggregate, {name}, 5 metrics", f"{five:.3f} s composed in one scan, ratio {five / bare:.1f} of the bare GROUP BY of one")
        say(f"aggregate, {name}, to readings", f"{ours:.2f} s, {written:,} readings at 4 grains written; {ours / bare:.1f} × the bare one")


def together(*runs: Callable[[], object], times: int = 5) -> list[float]:
    """Least seconds of each, run in turns, so that other work on the machine disturbs all of them alike."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(times):
        for mine, run in zip(seconds, runs, strict=True):
            started = time.perf_counter()
            run()
            mine.append(time.perf_counter() - started)
    return [min(mine) for mine in seconds]


def composed_only(engine: DuckEngine, pack: Pack, days: set[date], only: set[str] | None = None) -> None:
    """The composed SQL of the dataset's metrics (or `only` these) over all areas, nothing stored."""
    areas = areas_of(pack)
    for group in grouped([m for m in metrics().values() if m.dataset == "road_speeds" and (only is None or m.id in only)]):
        engine.run(compose(group, Window(pack.id, min(days), max(days) + timedelta(days=1), pack.tz)), areas)


def register(pack) -> pl.DataFrame:  # noqa: ANN001
    """200 road sections at the pack's township centres."""
    areas = [a for a in pack.areas.values() if a.level == "township" and a.centroid]
    return pl.DataFrame(
        {
            "site_id": [f"s{i:03d}" for i in range(200)],
            "lon": [areas[i % len(areas)].centroid[0] for i in range(200)],
            "lat": [areas[i % len(areas)].centroid[1] for i in range(200)],
            "length_km": [0.5 + i % 7 / 10 for i in range(200)],
            "free_speed_kmh": [40.0 + i % 5 * 10 for i in range(200)],
        }
    )


def observations(rows: int) -> pl.DataFrame:
    """Five-minute speeds of 200 sections from `FIRST` on, random but plausible."""
    rng = np.random.default_rng(7)
    index = np.arange(rows)
    moments = np.datetime64(FIRST, "us") + (index // 200 * 300_000_000).astype("timedelta64[us]")
    return pl.DataFrame(
        {
            "site_id": pl.Series([f"s{i:03d}" for i in range(200)]).gather(index % 200),
            "start_at": moments,
            "interval_s": np.full(rows, 300),
            "speed_kmh": rng.uniform(8, 60, rows),
            "flow_veh": rng.integers(1, 120, rows),
        }
    )


def resident_mb() -> float:
    """Memory this process holds now, MB; nan where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * resource.getpagesize() / 1e6


def start_before(home: Home) -> None:
    """The start before the one that is measured: leaves what it held for the next."""
    from data_pipeline.queries import Queries

    without_pandas()
    Queries.open(home, load_packs(), keeps=True).close()


def page_data(home: Home) -> list[str]:
    """All headline cards and the map figures of a city, warm, the way the overview asks for them; the budgets not kept.

    Opened as the web does it: with what it held the last time.
    """
    from starlette.testclient import TestClient

    from app import create_app
    from data_pipeline.queries import Queries

    without_pandas()  # as the web does
    packs = load_packs()
    before = resident_mb()
    started = time.perf_counter()
    queries = Queries.open(home, packs, keeps=True)
    say("store opened by the web", f"{time.perf_counter() - started:.1f} s, {resident_mb() - before:,.0f} MB more held")
    try:
        headline = [m for m in queries.metrics_for(CITY) if m.headline] or queries.metrics_for(CITY)
        mapped = next(m for m in headline if "day" in m.grains)

        def once() -> float:
            started = time.perf_counter()
            for metric in headline:
                queries.card(metric.id, CITY)
            queries.by_area(mapped.id, CITY, "day")
            return (time.perf_counter() - started) * 1000

        once()
        times = sorted(once() for _ in range(100))
        cards = f"{len(headline)} cards and a map, median {statistics.median(times):.1f} ms, p95"
        judged("page data, warm, server side, ms", cards, "p95 ≤ 30 ms", times[94], most=30)
        with TestClient(create_app(queries, packs).server, base_url="http://127.0.0.1") as client:
            for name in ("cold", "warm"):
                started = time.perf_counter()
                answer = client.get(VIEW)
                took = (time.perf_counter() - started) * 1000
                assert answer.status_code == 200, answer.text[:200]
                packed = len(gzip.compress(answer.content, 6))
                say(f"page view, {name}", f"{len(answer.content):,} bytes ({packed:,} gzipped), {took:.0f} ms")
            same = client.get(VIEW, headers={"if-none-match": answer.headers.get("etag", "")})
            say("page view, unchanged", f"status {same.status_code}, {len(same.content):,} bytes")
            views(client, queries)
            while queries._warm_one():
                pass
            queries.rest()  # as the web does every quarter of an hour; then each city is looked at again
            for city in packs:
                assert client.get(f"/view?path=/&search=?city={city}&lang=en").status_code == 200
        held = f"{len(queries._mirror.state.cities)} cities with data, their pages opened, all usual ranges fetched, MB"
        judged("memory held, web", held, "≤ 600 MB", resident_mb(), most=600)
        say("peak memory, web", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    finally:
        queries.close()
    return FAILED


def views(client: TestClient, queries: Queries) -> None:
    """Every city's overview, domains and plan as bytes: made anew (once a snapshot and half minute), then as viewers get them."""
    from data_pipeline.domains import domains

    paths = ("/", "/plan", "/plan/departments", "/data", *(f"/domain/{name}" for name in domains()))
    made: dict[str, float] = {}
    warm: list[float] = []
    for city in sorted(queries._mirror.state.cities):
        for path in paths:
            times = []
            for _ in range(6):
                started = time.perf_counter()
                answer = client.get("/view", params={"path": path, "search": f"?city={city}"})
                times.append((time.perf_counter() - started) * 1000)
                assert answer.status_code == 200, answer.text[:200]
            made[f"{path} of {city}"] = times[0]
            warm += times[1:]
    slowest = sorted(made, key=lambda name: -made[name])[:4]
    say("pages made anew, server side", f"median {statistics.median(made.values()):.0f} ms; slowest {', '.join(f'{n} {made[n]:.0f}' for n in slowest)}")
    judged("pages, warm, server side, ms", f"{len(made)} pages × 5", "p95 ≤ 30 ms", sorted(warm)[int(len(warm) * 0.95)], most=30)


if __name__ == "__main__":
    main()
