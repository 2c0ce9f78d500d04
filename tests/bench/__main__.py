"""`python -m tests.bench [--rows N] [--home DIR]`: ingest, aggregation and page data against bare yardsticks."""

from __future__ import annotations

import argparse
import gzip
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

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

CITY = "420700"
FIRST = datetime(2026, 9, 1)
NOW = datetime(2026, 11, 22)
VIEW = "/view?path=/&search=?city=420700"


def main() -> None:
    """Run all benches and print one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the ingest bench")
    parser.add_argument("--home", type=Path, help="a built home for the page bench (default: skip it)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="city-brain-bench-") as folder:
        ingest_and_aggregate(Path(folder), options.rows)
    home = options.home or (Path("var") if Path("var/catalog.sqlite").exists() else None)
    if home is None or newest_snapshot(Home.of(home)) is None:
        say("page data", f"no built home{f' in {home}' if home else ''}; `make run` first or give --home")
    else:
        page_data(Home.of(home))


def say(what: str, figures: str) -> None:
    """One line of the report."""
    print(f"{what:<34} {figures}", flush=True)


def ingest_and_aggregate(folder: Path, rows: int) -> None:
    """Parquet through the ordinary door against a bare INSERT of the same file; refresh against the bare GROUP BY."""
    packs = load_packs()
    home = Home.of(folder / "home")
    home.root.mkdir(parents=True)
    sections, speeds = folder / "sections.parquet", folder / "speeds.parquet"
    register(packs[CITY]).write_parquet(sections)
    observations(rows).write_parquet(speeds)
    with Lake.writer(home) as lake:
        no_readings: Callable[..., int] = lambda *_, **__: 0  # noqa: E731 (the share of aggregation is measured below)
        writer = Writer(lake, packs, home, now=lambda: NOW, refresh=no_readings, evaluate=no_readings)
        writer.take(Incoming(sections, CITY, "road_sections", "bench", "sections.parquet"))
        started = time.perf_counter()
        with writer.commit("bench") as commit:
            receipt = commit.take(Incoming(speeds, CITY, "road_speeds", "bench", "speeds.parquet"))
        ours = time.perf_counter() - started
        assert receipt.accepted == rows, receipt
        lake.execute(f"CREATE TABLE bare AS SELECT * FROM read_parquet('{speeds}') LIMIT 0")
        started = time.perf_counter()
        with lake.transaction("bare"):
            lake.execute(f"INSERT INTO bare SELECT * FROM read_parquet('{speeds}')")
        bare = time.perf_counter() - started
        say("ingest, checked and located", f"{rows / ours:,.0f} rows/s   ({rows:,} rows in {ours:.2f} s)")
        say("ingest, bare INSERT of that file", f"{rows / bare:,.0f} rows/s   ratio {bare / ours:.3f} of bare (budget ≥ 0.167)")
        total = sum(commit.seconds.values())
        say("  share of each step", ", ".join(f"{k} {v / total:.0%}" for k, v in commit.seconds.items() if v / total >= 0.005))
        days = {FIRST.date() + timedelta(days=i) for i in range((NOW - FIRST).days)}
        aggregate(lake, packs, days)
    say("peak memory, pipeline side", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def aggregate(lake: Lake, packs: dict, days: set[date]) -> None:
    """Full refresh, then one day's refresh, each against the bare GROUP BY over the same records."""
    group_by = """
        SELECT r.locality_id, r.local_day, floor((epoch(r.event_at_utc) + r.utc_offset_s) / 300) AS slot,
               sum(s.length_km / r.speed_kmh * r.flow_veh), sum(s.length_km / s.free_speed_kmh * r.flow_veh), count(*)
        FROM rec_road_speeds AS r JOIN rec_road_sections AS s ON s.site_id = r.site_id
        WHERE r.known_to_utc IS NULL AND r.local_day BETWEEN ? AND ? GROUP BY 1, 2, 3"""
    for name, chosen in (("all days", days), ("one day", {min(days) + timedelta(days=1)})):
        bare = best_of(lambda chosen=chosen: lake.frame(group_by, [min(chosen), max(chosen)]))
        one = best_of(lambda chosen=chosen: composed_only(lake, packs[CITY], chosen, {"traffic.tti"}))
        composed = best_of(lambda chosen=chosen: composed_only(lake, packs[CITY], chosen))
        started = time.perf_counter()
        with lake.transaction("bench"):
            written = refresh(lake, packs, {(CITY, "road_speeds"): chosen}, commit_seq=99, now=NOW)
        ours = time.perf_counter() - started
        say(f"aggregate, {name}, SQL", f"{one:.2f} s composed for traffic.tti; bare GROUP BY {bare:.2f} s, ratio {one / bare:.1f} (budget ≤ 1.5)")
        say(f"aggregate, {name}, SQL, 5 metrics", f"{composed:.2f} s composed, ratio {composed / bare:.1f} of the bare GROUP BY of one")
        say(f"aggregate, {name}, to readings", f"{ours:.2f} s, {written:,} readings at 4 grains written; {ours / bare:.1f} × the bare GROUP BY")


def best_of(run: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of some runs: the one other work on the machine disturbed least."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def composed_only(lake: Lake, pack: Pack, days: set[date], only: set[str] | None = None) -> None:
    """The composed SQL of the dataset's metrics (or `only` these) over all areas, nothing stored."""
    engine, areas = DuckEngine(lake), areas_of(pack)
    for group in grouped([m for m in metrics().values() if m.dataset == "road_speeds" and (only is None or m.id in only)]):
        engine.run(compose(group, Window(pack.id, min(days), max(days) + timedelta(days=1))), areas)


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


def page_data(home: Home) -> None:
    """All headline cards and the map figures of a city, warm, the way the overview asks for them."""
    from starlette.testclient import TestClient

    from app import create_app
    from data_pipeline.queries import Queries

    packs = load_packs()
    before = resident_mb()
    started = time.perf_counter()
    queries = Queries.open(home, packs)
    say("store opened by the web", f"{time.perf_counter() - started:.1f} s, {resident_mb() - before:,.0f} MB more held")
    try:
        headline = [m for m in queries.metrics_for(CITY) if m.headline] or queries.metrics_for(CITY)

        def once() -> float:
            started = time.perf_counter()
            for metric in headline:
                queries.card(metric.id, CITY)
            queries.by_area(headline[0].id, CITY, "day")
            return (time.perf_counter() - started) * 1000

        once()
        times = sorted(once() for _ in range(100))
        say(
            "page data, warm, server side",
            f"median {statistics.median(times):.1f} ms, p95 {times[94]:.1f} ms for {len(headline)} cards and a map (budget p95 ≤ 30 ms)",
        )
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
        say("memory held, web", f"{resident_mb():,.0f} MB (budget ≤ 600 MB; {len(queries._mirror.state.cities)} cities with data)")
        say("peak memory, web side and above", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    finally:
        queries.close()


if __name__ == "__main__":
    main()
