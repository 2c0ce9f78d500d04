"""Small counts are withheld, and so is what would give them away: attacked through the answers, as a reader could."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from held import answers, series
from query_town import Town

from data_pipeline.cities import load_packs
from data_pipeline.metrics import metric

PACK = load_packs()["420700"]
SHARE = metric("services.satisfied_share")
DAY = datetime(2026, 3, 9, 16)  # 10 March, local
NOW = datetime(2026, 3, 12)


def counted(rng: np.random.Generator) -> dict[str, int]:
    """Cases by area: townships at random, districts, zones and the city as their sums."""
    found = {a.id: int(rng.choice([0, 0, 1, 2, 4, 8])) for a in PACK.areas.values() if a.level == "township"}
    for level in ("zone", "district", "city"):
        for area in (a for a in PACK.areas.values() if a.level == level):
            found[area.id] = sum(found[c.id] for c in PACK.children(area.id))
    return found


def test_no_small_share_of_a_real_city_follows_from_the_shares_shown() -> None:
    rng = np.random.default_rng(3)
    also = 0
    for _ in range(12):
        cases = counted(rng)
        held = {(SHARE.id, a, "day"): series([DAY], [{"numerator": n // 2, "denominator": n, "n": n}]) for a, n in cases.items() if n}
        asked = answers(PACK, held, NOW)
        shown = {a.id: asked.reading(SHARE, a, "day", DAY) for a in PACK.areas.values()}
        hidden = [a for a, r in shown.items() if r.status == "suppressed"]
        assert all(shown[a].numerator is None and shown[a].denominator is None and shown[a].interval is None for a in hidden)
        also += sum(cases[a] >= 3 for a in hidden)
        # the attacker: unknown denominators of the hidden areas, known sums; what is fixed by them is found out
        rows = []
        for area in PACK.areas.values():
            parts = [c.id for c in PACK.children(area.id)]
            if parts:
                rows.append([(area.id == h) - (h in parts) for h in hidden])
        _, s, vt = np.linalg.svd(np.array(rows, dtype=float))
        fixed = np.abs(vt[int((s > 1e-9).sum()) :]).max(axis=0, initial=0) < 1e-9
        found_out = [h for h, is_fixed in zip(hidden, fixed, strict=True) if is_fixed and cases[h] < 3]
        assert found_out == []
    assert also > 0, "some shares with enough cases had to be withheld as well"


def tickets(day: datetime, cases: dict[str, int]) -> list[dict]:
    return [
        {"request_id": f"{area}{i}", "created_at": day, "closed_at": day.replace(hour=11), "status": "closed", "satisfied": True, "area_id": area}
        for area, n in cases.items()
        for i in range(n)
    ]


def test_the_neighbour_of_a_small_district_is_withheld_in_lists_courses_and_earlier_knowledge(town: Town) -> None:
    rows = tickets(datetime(2026, 4, 2, 9), {"east": 40, "west": 2})
    town.commit(lambda toy: toy.deliver("service_requests", rows, datetime(2026, 4, 2, 6), now=town.clock))
    start = datetime(2026, 4, 1, 16)
    q = town.queries
    assert {r.area: r.status for r in q.by_area(SHARE.id, "toy", "day", start)} == {"east": "suppressed", "west": "suppressed"}
    assert q.reading(SHARE.id, "toy", "day", start).value == 1.0
    assert q.series(SHARE.id, "east", "day", start, datetime(2026, 4, 2, 16)) == [(start, None)]
    assert q.reading(SHARE.id, "east", "day", start, datetime(2026, 4, 3)).status == "suppressed"
    assert q.reading(SHARE.id, "east", "month", start).status == "suppressed"
    behind = q.provenance(SHARE.id, "west", "day", start)
    assert (behind.records_n, behind.sample_rows) == (0, ())


def test_without_a_small_part_nothing_is_withheld(town: Town) -> None:
    rows = tickets(datetime(2026, 4, 2, 9), {"east": 40, "west": 3})
    town.commit(lambda toy: toy.deliver("service_requests", rows, datetime(2026, 4, 2, 6), now=town.clock))
    assert [r.status for r in town.queries.by_area(SHARE.id, "toy", "day", datetime(2026, 4, 1, 16))] == ["ok", "ok"]
