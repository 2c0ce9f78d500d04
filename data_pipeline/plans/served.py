"""Which systems of a plan this dashboard serves: the outputs it shows, by which figures and pages, and those still missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from data_pipeline.plans.check import listed
from data_pipeline.plans.model import PlanFacts, System, SystemMetrics

# what a dashboard can serve; `track` is followed by its reports, `out` does not belong here
SERVED_ROLES = ("core", "feed")
# a figure that stands for more systems of one plan than this is looked at by hand: does it really show each one's own output?
MANY_SYSTEMS = 10


@dataclass(frozen=True)
class ServedSystem(System):
    """A system of role `core` or `feed` with what shows its outputs here: figures (none: the view alone) on a page."""

    services: tuple[SystemMetrics, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Outputs nothing shows yet."""
        shown = {service.output for service in self.services}
        return tuple(output for output in self.outputs if output not in shown)

    @property
    def is_served(self) -> bool:
        """Whether at least one of its outputs is shown."""
        return any(service.output in self.outputs for service in self.services)


def served_systems(facts: PlanFacts) -> list[ServedSystem]:
    """The systems of a city's plans that a dashboard can serve, in the order of the files; empty without plans."""
    services: dict[str, list[SystemMetrics]] = {}
    for row in facts.system_metrics:
        services.setdefault(row.system_id, []).append(row)
    return [
        ServedSystem(**vars(system), services=tuple(services.get(system.system_id, ())))
        for system in facts.systems
        if system.dashboard_role in SERVED_ROLES
    ]


def heavy_metrics(systems: Iterable[ServedSystem]) -> list[tuple[str, str, int]]:
    """Figures that serve more than `MANY_SYSTEMS` systems of one plan, to be read by hand: (plan, metric, number), most first."""
    counts = Counter((s.plan_id, metric) for s in systems for metric in {m for service in s.services for m in service.metric_ids})
    return sorted(((plan, metric, n) for (plan, metric), n in counts.items() if n > MANY_SYSTEMS), key=lambda item: -item[2])


def output_problems(rows: Iterable[Mapping[str, str]], systems: Iterable[Mapping[str, str]]) -> list[str]:
    """Rows of `system_metrics.csv` whose output is not, word for word, one the plan's system names."""
    outputs = {row["system_id"]: listed(row.get("outputs") or "") for row in systems}
    found = []
    for row in rows:
        system, output = row.get("system_id") or "", (row.get("output") or "").strip()
        if system in outputs and output not in outputs[system]:
            found.append(f"system_metrics.csv {system}: output {output!r} is none of its outputs: {'; '.join(outputs[system])}")
    return found
