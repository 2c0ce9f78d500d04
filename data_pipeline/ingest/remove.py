"""Take a source's simulated records out of the tables; `simulate.build.remove_simulated` is the whole command."""

from __future__ import annotations

from data_pipeline.contracts import contract, contracts
from data_pipeline.ingest.commit import Commit
from data_pipeline.ingest.revise import EXISTING, rechain


def remove_simulated_records(commit: Commit, city: str, dataset: str) -> int:
    """Remove every simulated revision (and site) of a dataset of a city; returns how many revisions.

    What was worked out from the dataset (contracts with `derived_from`) and is simulated goes with it.

    Real revisions that a simulated one had closed are the present ones again. Readings of all
    days concerned are computed anew at the end of the commit.

    Raises
    ------
    UnknownId
        No such city or dataset.
    """
    rules, pack, lake = contract(dataset), commit.writer.pack(city), commit.lake
    commit.flush()
    made = f'FROM "{rules.table}" WHERE city = ? AND is_simulated'
    days = lake.frame(f"SELECT local_day, count(*) AS n {made} GROUP BY 1", [city])
    if days.is_empty():
        return 0
    sites = lake.frame(f"SELECT DISTINCT site_id {made}", [city])["site_id"] if rules.kind == "register" else None
    names = ", ".join(f'r."{name}"' for name in (*rules.columns, *EXISTING))
    same = " AND ".join(f'r."{name}" IS NOT DISTINCT FROM s."{name}"' for name in rules.key)
    real = lake.frame(
        f'SELECT {names} FROM "{rules.table}" r SEMI JOIN (SELECT * {made}) s ON {same} '
        "WHERE r.city = ? AND NOT r.is_simulated",
        [city, city],
    )
    lake.execute(f"DELETE {made}", [city])
    reopened = rechain(real, rules)
    if not reopened.is_empty():
        commit.pending.close(rules.table, city, reopened)
    if sites is not None:
        commit.rebuild_sites(rules, pack, sites)
    commit.writer.newest_event.pop((city, dataset), None)
    commit.touch(city, dataset, set(days["local_day"].to_list()))
    derived = [other.id for other in contracts().values() if other.derived_from == dataset]
    return int(days["n"].sum()) + sum(remove_simulated_records(commit, city, other) for other in derived)
