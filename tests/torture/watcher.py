"""The process that reads while the writer is killed: every snapshot it sees must be whole.

`python -m tests.torture.watcher HOME REPORT`; ends when HOME holds a file named `enough`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from data_pipeline.errors import StoreError
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake

# each names what must hold in every snapshot, and finds what breaks it
CHECKS = {
    "every delivery has all its records": (
        "SELECT d.delivery_id, d.accepted, coalesce(r.n, 0) AS records FROM deliveries d LEFT JOIN "
        "(SELECT delivery_id, count(*) AS n FROM rec_charging_hourly GROUP BY 1) r USING (delivery_id) "
        "WHERE d.dataset = 'charging_hourly' AND d.accepted <> coalesce(r.n, 0)"
    ),
    "every record has its delivery": (
        "SELECT DISTINCT delivery_id FROM rec_charging_hourly WHERE delivery_id NOT IN (SELECT delivery_id FROM deliveries)"
    ),
    "one present record a site and hour": (
        "SELECT site_id, start_at, count(*) FROM rec_charging_hourly WHERE known_to_utc IS NULL GROUP BY 1, 2 HAVING count(*) > 1"
    ),
    "every account adds up": "SELECT delivery_id FROM deliveries WHERE rows_in <> accepted + duplicates + quarantined",
    "the readings of the city are the sum of its records": (
        "SELECT * FROM (SELECT coalesce(sum(energy_kwh), 0) AS records FROM rec_charging_hourly WHERE known_to_utc IS NULL), "
        "(SELECT coalesce(sum(numerator), 0) AS readings FROM readings WHERE metric = 'charging.energy_kwh' "
        "AND area_id = '420700' AND grain = 'day') WHERE records <> readings"
    ),
    "everything belongs to a commit": (
        "SELECT commit_seq FROM deliveries WHERE commit_seq NOT IN (SELECT commit_seq FROM commits)"
    ),
}


def broken(lake: Lake) -> dict[str, list]:
    """Checks that fail in the present snapshot, with what breaks them."""
    found = {name: lake.frame(f"{sql} LIMIT 5").rows() for name, sql in CHECKS.items()}
    return {name: rows for name, rows in found.items() if rows}


def main(home: Home, report: Path) -> None:
    """Check snapshot after snapshot until told that it is enough."""
    seen: set[int] = set()
    problems: list[dict] = []
    reads = 0
    while not (home.root / "enough").exists():
        try:
            with Lake.reader(home) as lake:
                for _ in range(20):
                    with lake.pinned() as snapshot:
                        bad = broken(lake)
                    reads += 1
                    if snapshot is not None:
                        seen.add(snapshot.id)
                    if bad:
                        problems.append({"snapshot": snapshot.id if snapshot else None, "broken": {k: str(v) for k, v in bad.items()}})
                    if (home.root / "enough").exists():
                        break
                    time.sleep(0.05)
        except StoreError as error:
            if "there is no store" not in error.message:
                problems.append({"error": error.message})
            time.sleep(0.2)
    report.write_text(json.dumps({"reads": reads, "snapshots": len(seen), "problems": problems}), encoding="utf-8")


if __name__ == "__main__":
    main(Home.of(sys.argv[1]), Path(sys.argv[2]))
