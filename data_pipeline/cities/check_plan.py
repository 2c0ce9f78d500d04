"""Checks of a pack's plan tables against the rest of the pack: areas, metrics, the plans of its province."""

from __future__ import annotations

from pathlib import Path

from data_pipeline import plans
from data_pipeline.cities.pack import Pack
from data_pipeline.domains import domains
from data_pipeline.errors import did_you_mean
from data_pipeline.metrics import metrics
from data_pipeline.plans.check import listed
from data_pipeline.plans.served import output_problems

# pages a system may be served by, besides /domain/<id> and /district/<area> (a test follows each to its page)
VIEWS = ("/", "/events", "/data", "/plan", "/plan/projects", "/plan/systems", "/plan/departments", "/plan/report", "/plan/review")


def plan_problems(pack: Pack, folder: Path | None = None) -> list[str]:
    """Everything wrong with a pack's plan tables; empty for a pack without plans.

    With `folder`: the plan tables there, checked as if they were put into the pack.
    """
    asked = folder or pack.folder / "plan"
    if not asked.is_dir():
        return [f"city.toml: provincial_plans names {p!r}, but there is no folder plan" for p in pack.provincial_plans]
    prefix = "" if folder else "plan/"
    problems = [prefix + text for text in plans.plan_problems(asked) + _in_pack(pack, asked)]
    if folder is None:
        known = {row["plan_id"] for row in plans.rows_of(asked, "plans") if row.get("plan_id")}
        problems += [
            f"city.toml: provincial_plans names {p!r}, which is not in plan/plans.csv"
            for p in pack.provincial_plans
            if p not in known
        ]
    return problems


def _in_pack(pack: Pack, folder: Path) -> list[str]:
    """Metrics that do not exist and areas the pack does not have."""
    problems = []
    served = plans.rows_of(folder, "system_metrics")
    problems += output_problems(served, plans.rows_of(folder, "systems"))
    for row in served:
        problems += [f"system_metrics.csv {row.get('system_id')}: {text}" for text in _view_problems(pack, row)]
    for row in plans.rows_of(folder, "target_metrics"):
        metric = row.get("metric_id") or ""
        if metric not in metrics():
            problems.append(f"target_metrics.csv {row.get('target_id')}: unknown metric {metric!r}{_near(metric)}")
    for table in ("target_metrics", "target_splits"):
        for row in plans.rows_of(folder, table):
            area = row.get("area_id") or ""
            if area and not pack.has_area(area):
                near = did_you_mean(area, pack.areas)
                problems.append(
                    f"{table}.csv {row.get('target_id')}: unknown area_id {area!r}"
                    + (f", did you mean {near[0]!r}?" if near else "")
                )
    return problems


def _view_problems(pack: Pack, row: dict[str, str]) -> list[str]:
    """What is wrong with the page and the figures of one row: the page must exist, the figures must exist and stand on it."""
    named, view = listed(row.get("metric_ids") or ""), (row.get("view") or "").strip()
    problems = [f"unknown metric {m!r}{_near(m)}" for m in named if m not in metrics()]
    _, kind, rest = view.split("/", 2) if view.count("/") >= 2 else ("", "", "")
    if kind == "domain" and rest not in domains():
        near = did_you_mean(rest, domains())
        problems.append(f"view {view!r} is no domain" + (f", did you mean '/domain/{near[0]}'?" if near else ""))
    elif kind == "domain":
        group = domains()[rest]
        absent = [m for m in named if m in metrics() and group.section_of(metrics()[m]) is None]
        problems += [f"metric {m!r} is not shown on {view}; put it in a section of domains.toml" for m in absent]
    elif kind == "district":
        if not pack.has_area(rest):
            problems.append(f"view {view!r}: unknown area {rest!r}")
    elif view not in VIEWS:
        near = did_you_mean(view, VIEWS)
        problems.append(f"view {view!r} is no page" + (f", did you mean {near[0]!r}?" if near else f", allowed: /domain/<id>, {', '.join(VIEWS)}"))
    return problems


def _near(metric: str) -> str:
    near = did_you_mean(metric, metrics())
    return f", did you mean {near[0]!r}?" if near else ""
