"""Which systems of a plan this dashboard serves: the outputs it shows, by which figures and pages, and those still missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.plans.tables import rows_of

# what a dashboard can serve; `track` is followed by its reports, `out` does not belong here
SERVED_ROLES = ("core", "feed")
# a figure that stands for more systems of one plan than this is looked at by hand: does it really show each one's own output?
MANY_SYSTEMS = 10


@dataclass(frozen=True)
class Service:
    """One output of a system and what shows it: figures (none: the view alone) on a page. `how`, `note`: the pack's words."""

    output: str
    metrics: tuple[str, ...]
    view: str
    how: str
    note: str


@dataclass(frozen=True)
class ServedSystem:
    """A system of role `core` or `feed` with the outputs the plan names and those shown."""

    system_id: str
    plan_id: str
    clause: str
    name_zh: str
    name_en: str
    domain: str
    role: str
    outputs: tuple[str, ...]
    services: tuple[Service, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Outputs nothing shows yet."""
        shown = {service.output for service in self.services}
        return tuple(output for output in self.outputs if output not in shown)

    @property
    def is_served(self) -> bool:
        """Whether at least one of its outputs is shown."""
        return any(service.output in self.outputs for service in self.services)


def cells_of(text: str | None) -> tuple[str, ...]:
    """The entries of a cell with several, parted by `;`."""
    return tuple(part.strip() for part in (text or "").split(";") if part.strip())


def served_systems(folder: Path) -> list[ServedSystem]:
    """The systems of the plans in a pack's `plan/` folder that a dashboard can serve, in the order of the files; empty without plans."""
    services: dict[str, list[Service]] = {}
    for row in rows_of(folder, "system_metrics"):
        service = Service(row["output"].strip(), cells_of(row["metric_ids"]), row["view"].strip(), row["how"] or "", row["note"] or "")
        services.setdefault(row["system_id"], []).append(service)
    return [
        ServedSystem(
            row["system_id"], row["plan_id"], row["clause"], row["name_zh"], row["name_en"], row["domain"], row["dashboard_role"],
            cells_of(row["outputs"]), tuple(services.get(row["system_id"], ())),
        )
        for row in rows_of(folder, "systems")
        if row["dashboard_role"] in SERVED_ROLES
    ]  # fmt: skip


def heavy_metrics(systems: Iterable[ServedSystem]) -> list[tuple[str, str, int]]:
    """Figures that serve more than `MANY_SYSTEMS` systems of one plan, to be read by hand: (plan, metric, number), most first."""
    counts = Counter((s.plan_id, metric) for s in systems for metric in {m for service in s.services for m in service.metrics})
    return sorted(((plan, metric, n) for (plan, metric), n in counts.items() if n > MANY_SYSTEMS), key=lambda item: -item[2])


def output_problems(rows: Iterable[Mapping[str, str]], systems: Iterable[Mapping[str, str]]) -> list[str]:
    """Rows of `system_metrics.csv` whose output is not, word for word, one the plan's system names."""
    outputs = {row["system_id"]: cells_of(row.get("outputs")) for row in systems}
    found = []
    for row in rows:
        system, output = row.get("system_id") or "", (row.get("output") or "").strip()
        if system in outputs and output not in outputs[system]:
            found.append(f"system_metrics.csv {system}: output {output!r} is none of its outputs: {'; '.join(outputs[system])}")
    return found
