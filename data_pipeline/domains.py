"""The groups an official thinks in, declared in `domains.toml`: which figures, places and comparisons stand on whose page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from data_pipeline.contracts import contracts
from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import DeclarationError, UnknownId, did_you_mean
from data_pipeline.metrics import Metric, Unit, metrics

FILE = Path(__file__).parent / "domains.toml"


class SiteLayer(Declared):
    """Places the map can show: the sites of a register, narrowed to `kinds` where it tells kinds apart.

    Without names the register's own name stands.
    """

    dataset: str
    kinds: tuple[str, ...] = ()
    zh: str = ""
    en: str = ""

    @property
    def id(self) -> str:
        """Its word in an address: `facilities` or `facilities.hospital`."""
        return ".".join((self.dataset, *self.kinds[:1]))


class HeatLayer(Declared):
    """Records by H3 cell over the last `days`: for what happens at more places than dots can tell apart.

    Records are counted, or their column `sum` is added up (`unit`: the word for it). Cells with fewer than `least_n`
    records are not told, as few cases could point at a person.
    """

    id: str = Field(pattern=r"[a-z][a-z_]*")
    dataset: str
    sum: str = ""
    unit: Unit = "count"
    days: int = Field(default=30, ge=1, le=400)
    least_n: int = Field(default=3, ge=1)
    zh: str
    en: str


class Section(Declared):
    """Figures that stand together; a figure stands in the first section that names it, by id before dataset before domain."""

    zh: str
    en: str
    domains: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


class DomainGroup(Declared):
    """One group and its page. `asks_*`: the question it answers; `weak_places`, `neighbours`, `events`, `road_states`: parts only some have."""

    id: str = Field(pattern=r"[a-z][a-z_]*")
    zh: str
    en: str
    asks_zh: str
    asks_en: str
    headline: tuple[str, ...] = Field(min_length=1, max_length=8)
    map: tuple[str, ...] = Field(min_length=1)
    composition: str = ""
    sites: tuple[SiteLayer, ...] = ()
    heat: tuple[HeatLayer, ...] = ()
    without: tuple[str, ...] = ()
    section: tuple[Section, ...] = Field(min_length=1)
    weak_places: bool = False
    neighbours: bool = False
    events: bool = False
    road_states: bool = False

    def section_of(self, metric: Metric) -> Section | None:
        """The section a figure stands in; None where it is not on this page."""
        if metric.id in self.without:
            return None
        by_id = next((s for s in self.section if metric.id in s.metrics), None)
        by_dataset = next((s for s in self.section if metric.dataset in s.datasets), None)
        by_domain = next((s for s in self.section if metric.domain in s.domains), None)
        return by_id or by_dataset or by_domain

    def sections(self, known: Sequence[Metric]) -> list[tuple[Section, list[Metric]]]:
        """Every section with its figures of `known`, headlines first."""
        placed = [(self.section_of(metric), metric) for metric in known]
        return [(s, sorted((m for own, m in placed if own is s), key=lambda m: not m.headline)) for s in self.section]

    def metrics_of(self, known: Sequence[Metric]) -> list[Metric]:
        """The figures of `known` on this page."""
        return [metric for metric in known if self.section_of(metric) is not None]


class DomainFile(Declared):
    """The file: what the overview shows first, and blocks `[[domain]]` in the order of the menu."""

    overview: tuple[str, ...]
    domain: tuple[DomainGroup, ...]


@cache
def domains() -> dict[str, DomainGroup]:
    """The groups by id, in the order of the menu.

    Raises
    ------
    DeclarationError
        The file does not hold together; every problem is named.
    """
    return {group.id: group for group in _file().domain}


@cache
def _file() -> DomainFile:
    return read_domains(FILE)


def overview_rank(metric: Metric) -> tuple[int, bool]:
    """Sorts figures as the overview shows them: those it names in its order, then headlines, then the others."""
    first = _file().overview
    return (first.index(metric.id) if metric.id in first else len(first), not metric.headline)


def read_domains(path: Path) -> DomainFile:
    """A file of groups; every figure, dataset and kind it names must exist, and a figure shown must be on the page."""
    declared = validate(DomainFile, read_toml(path), path.name)
    known = metrics()
    problems = [f"overview: unknown metric {m!r}{_near(m, known)}" for m in declared.overview if m not in known]
    problems += [problem for group in declared.domain for problem in _problems(group)]
    ids = [group.id for group in declared.domain]
    problems += [f"domain {i!r} is declared twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    if problems:
        raise DeclarationError(path.name, problems)
    return declared


def domain(domain_id: str) -> DomainGroup:
    """One group; `UnknownId` with "did you mean" where there is none."""
    try:
        return domains()[domain_id]
    except KeyError:
        raise UnknownId("domain", domain_id, domains()) from None


def group_of(metric: Metric) -> DomainGroup | None:
    """The first group on whose page a figure stands."""
    return next((group for group in domains().values() if group.section_of(metric) is not None), None)


def _problems(group: DomainGroup) -> list[str]:
    known, found = metrics(), []
    words = {m.domain for m in known.values()}
    composed = (group.composition,) if group.composition else ()
    for metric in (*group.headline, *group.map, *composed):
        if metric in known and group.section_of(known[metric]) is None:
            found.append(f"{group.id}: {metric!r} is shown but in none of its sections")
    named = [*group.headline, *group.map, *composed, *group.without, *(m for s in group.section for m in s.metrics)]
    found += [f"{group.id}: unknown metric {m!r}{_near(m, known)}" for m in dict.fromkeys(named) if m not in known]
    for section in group.section:
        # a dataset's figures may carry a domain of which no metric is left: such a word would be dead
        found += [f"{group.id}: no metric of domain {d!r}{_near(d, words)}" for d in section.domains if d not in words]
        found += [f"{group.id}: unknown dataset {d!r}{_near(d, contracts())}" for d in section.datasets if d not in contracts()]
    for layer in group.sites:
        contract = contracts().get(layer.dataset)
        if contract is None or contract.kind != "register":
            found.append(f"{group.id}: {layer.dataset!r} is no register of sites{_near(layer.dataset, contracts())}")
            continue
        column = kind_column(layer.dataset)
        allowed = (contract.columns[column].values or ()) if column else ()
        found += [f"{group.id}: {layer.dataset} knows no kind {k!r}{_near(k, allowed)}" for k in layer.kinds if k not in allowed]
    return found + [problem for heat in group.heat for problem in _heat_problems(group, heat)]


def _heat_problems(group: DomainGroup, heat: HeatLayer) -> list[str]:
    """A heat layer counts records at points: its dataset must have such, and the column it adds up must be a number."""
    declared = contracts().get(heat.dataset)
    if declared is None:
        return [f"{group.id}: heat {heat.id}: unknown dataset {heat.dataset!r}{_near(heat.dataset, contracts())}"]
    if declared.kind == "register" or not {"site", "point"} & set(declared.place):
        return [f"{group.id}: heat {heat.id}: {heat.dataset!r} has no records at sites or points"]
    numbers = [name for name, column in declared.columns.items() if column.type in ("integer", "float")]
    if heat.sum and heat.sum not in numbers:
        return [f"{group.id}: heat {heat.id}: {heat.sum!r} is no number of {heat.dataset}{_near(heat.sum, numbers)}"]
    return []


def kind_column(dataset: str) -> str:
    """The column of a register that tells its kinds apart; empty where there is none."""
    return next((name for name in contracts()[dataset].columns if name.endswith("_kind")), "")


def _near(got: str, allowed: Iterable[str]) -> str:
    near = did_you_mean(got, allowed)
    return f", did you mean {near[0]!r}?" if near else ""
