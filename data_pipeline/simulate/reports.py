"""Monthly reports of the departments on what the plan promised (填报): stand-in for the ledger's reporting.

Once a month the office that watches over the plan sends one file with the reports of all departments, known between
the 6th and the 20th of the following month; on the 25th after each half-year a second one with what came late and
what was put right. Since 2025 they are workbooks with the office's own headers; older months were archived as Parquet
in the contract's columns. All come in by the ordinary door (dataset `plan_reports`). Provincial plans set the city no
figures and get no reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from data_pipeline.ledger.checks import STAGED_GROUPS
from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.plans import PlanProject, System, read_plan_facts
from data_pipeline.simulate import formats
from data_pipeline.simulate.promises import (
    CAUSES,
    MONTHS,
    PLAN_END,
    Draws,
    Fate,
    Step,
    completion_steps,
    counted,
    fates,
    month_end,
    month_number,
    project_steps,
    system_steps,
    target_path,
)
from data_pipeline.simulate.rng import key_of
from data_pipeline.simulate.suppliers import SimDelivery, Suppliers
from data_pipeline.times import to_local, to_utc

if TYPE_CHECKING:
    from data_pipeline.queries.types import Target

DATASET, MAPPING = "plan_reports", "sim_plan_reports"
COLUMNS = (
    "对象类别", "编号", "名称", "数据日期", "完成值", "单位", "状态", "完成或预计完成日期", "形象进度(%)", "累计完成投资(亿元)",
    "是否受阻", "受阻原因", "协调责任单位", "填报部门", "说明", "填报人", "填报时间", "审核人", "审核时间", "区域代码",
)  # fmt: skip
WORDS = {
    "not_started": "未启动", "under_way": "推进中", "done": "完成", "reserve": "储备", "new_start": "新开工",
    "under_construction": "在建", "stopped": "停建", "building": "建设中", "trial": "试运行", "in_service": "已投用",
}  # fmt: skip
REVIEWER = "督查审核员"
# who clears away what blocks a project, by cause; the first office of the plan whose name holds one of the words
CLEARS = dict(zip(CAUSES, (("自然资源",), ("财政",), ("住建", "住房城乡", "建设"), ("供电", "电力", "发改", "发展改革"), ("发改", "发展改革")), strict=True))
WORKBOOKS_FROM = 60  # January 2025
SKIPPED, LATE, WRONG = 0.02, 0.05, 0.012


@dataclass(frozen=True)
class _Report:
    """One row and the file it is in: `supplement` for the one that follows the half-year."""

    month: int
    supplement: bool
    cells: dict[str, Any]


class Reports:
    """The simulated reports of one city."""

    def __init__(self, simulator: Suppliers) -> None:
        self.simulator, self.pack, self.seed = simulator, simulator.pack, simulator.seed
        self.area = self.pack.city_area.id
        self.facts = facts = read_plan_facts(self.pack.folder / "plan", self.pack.id)
        self.districts = [area.id for area in self.pack.children(self.area)]
        provincial = {plan.plan_id for plan in facts.plans if plan.is_provincial}
        self.issuer = {plan.plan_id: plan.issuer for plan in facts.plans}
        self.clauses = {(clause.plan_id, clause.clause): clause for clause in facts.clauses}
        self.offices = [d.dept_zh for d in facts.departments if d.plan_id not in provincial]
        own = [t for t in facts.targets if t.plan_id not in provincial and not t.same_as]
        self.quantified = [t for t in own if t.kind == "quantified"]
        self.completion = [t for t in own if t.kind == "completion"]
        self.projects = [p for p in facts.projects if p.plan_id not in provincial and (p.row_type != "group" or p.stage in STAGED_GROUPS)]
        self.systems = [s for s in facts.systems if s.plan_id not in provincial and s.dashboard_role == "track"]

    def deliveries(self, after_utc: datetime, until_utc: datetime) -> Iterator[SimDelivery]:
        """Workbooks known in (after, until], oldest first; none where no plan of the city's own is there."""
        if not self.offices:
            return
        found = []
        for month in range(max(month_number(after_utc.date()) - 2, 0), month_number(until_utc.date()) + 1):
            for supplement in (False, True) if month % 6 == 5 else (False,):
                known = self.known_utc(month, supplement)
                if after_utc < known <= until_utc:
                    found.append(self._delivery(month, supplement, known))
        yield from sorted(found, key=lambda d: d.known_from_utc)

    def known_utc(self, month: int, supplement: bool = False) -> datetime:
        """When the file of a month arrives, naive UTC: mornings; in one of eight months not before the 12th."""
        return self._known[month][supplement]

    @cached_property
    def _known(self) -> list[tuple[datetime, datetime]]:
        return [(self._arrives(month, False), self._arrives(month, True)) for month in range(MONTHS)]

    def _arrives(self, month: int, supplement: bool) -> datetime:
        draw = Draws(self.seed, self.pack.id, "reports", "known", month)
        day = 25 if supplement else draw.whole("day", 6, 10) if draw.share("slow") > 0.125 else draw.whole("slow day", 12, 20)
        after = month_end(month) + timedelta(days=day)
        return to_utc(datetime(after.year, after.month, after.day, 10), self.pack.tz)

    def _delivery(self, month: int, supplement: bool, known_utc: datetime) -> SimDelivery:
        what, archived = "补报更正" if supplement else "月报", month < WORKBOOKS_FROM
        name = f"{self.pack.id}_规划任务{what}_{month_end(month):%Y%m}.{'parquet' if archived else 'xlsx'}"
        write = partial(self._write_archive if archived else self._write_workbook, month, supplement)
        return SimDelivery(DATASET, name, known_utc, None if archived else MAPPING, write)

    def table(self, month: int, supplement: bool = False) -> pl.DataFrame:
        """Rows of one file in the office's own columns, texts and numbers."""
        rows = [report.cells for report in self._by_file.get((month, supplement), ())]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def _write_workbook(self, month: int, supplement: bool, path: Path) -> None:
        formats.write_excel(self.table(month, supplement), path, "月报")

    def _write_archive(self, month: int, supplement: bool, path: Path) -> None:
        formats.write_parquet(self._archived(self.table(month, supplement)), path)

    def _archived(self, table: pl.DataFrame) -> pl.DataFrame:
        """The same rows in the contract's columns and types."""
        mapping = _mapping()
        frame = table.rename(mapping.rename).select(mapping.rename.values())
        frame = frame.with_columns(
            pl.col(name).replace_strict(words, default=None) for name, words in mapping.values.items()
        )
        frame = frame.with_columns(pl.lit(value).alias(name) for name, value in mapping.constants.items())
        # the office's clock is the city's
        times = pl.col("submitted_at", "reviewed_at").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us")
        return frame.with_columns(
            pl.col("data_on", "expected_on").str.to_date("%Y-%m-%d"), pl.col("progress_share") / 100.0,
            times.dt.replace_time_zone(self.pack.tz.key).dt.convert_time_zone("UTC").dt.replace_time_zone(None),
        )  # fmt: skip

    # ------------------------------------------------------------------ rows

    @cached_property
    def _by_file(self) -> dict[tuple[int, bool], list[_Report]]:
        found: dict[tuple[int, bool], list[_Report]] = {}
        for report in self._all():
            month = report.month // 6 * 6 + 5 if report.supplement else report.month
            found.setdefault((month, report.supplement), []).append(report)
        return found

    def _all(self) -> Iterator[_Report]:
        for name, fate in self._dealt(self.quantified).items():
            each = self.facts.rule_of(name).each == "district"
            for area in self.districts if each else [self.area]:
                yield from self._target(name, fate, area)
        for done, fate in self._dealt(self.completion).items():
            steps = completion_steps(done, fate, self._draw(done.target_id))
            yield from self._stepped("目标", done.target_id, done.indicator_zh, self._lead(done), fate, steps, 1)
        for project, fate in self._dealt(self.projects).items():
            yield from self._project(project, fate)
        for system, fate in self._dealt(self.systems).items():
            steps = system_steps(system, fate, self._draw(system.system_id))
            office = self._lead(system)
            yield from self._stepped("系统", system.system_id, system.name_zh, office, fate, steps, 3)

    def _dealt(self, subjects: list) -> dict[Any, Fate]:
        ids = [_id(subject) for subject in subjects]
        dealt = fates(ids, key_of(self.seed, self.pack.id, "reports", "fates", *ids))
        return {subject: dealt[_id(subject)] for subject in subjects}

    def _draw(self, subject_id: str) -> Draws:
        return Draws(self.seed, self.pack.id, "reports", subject_id)

    def _lead(self, subject: Target | PlanProject | System) -> str:
        """Who reports: the lead printed with the promise, else its clause's lead or first office, else the plan's issuer."""
        clause = self.clauses[subject.plan_id, subject.clause]
        printed = getattr(subject, "lead_dept_zh", "") or ";".join(getattr(subject, "lead_depts_zh", ()))
        named = [*printed.split(";"), *getattr(subject, "responsible_depts_zh", ()), *clause.lead_depts_zh, *clause.responsible_depts_zh]
        return next((office for office in named if office), self.issuer[subject.plan_id])

    def _target(self, target: Target, fate: Fate, area: str) -> Iterator[_Report]:
        subject_id = target.target_id if area == self.area else f"{target.target_id}@{area}"
        draw, office, rule = self._draw(subject_id), self._lead(target), self.facts.rule_of(target)
        live = self.facts.metric_of(target.target_id)
        count = counted(live.metric_id, self.simulator.world.sites) if live is not None else None
        if fate == "never" and count is None:
            return
        path = target_path(target, fate, draw, less=rule.better == "lower") if count is None else count
        deadline = month_number(date.fromisoformat(target.deadline)) if target.deadline else PLAN_END
        first = draw.whole("first", 1, 8) if draw.share("begins late") < 0.3 else 0
        last = deadline + draw.whole("ends", 6, 30) if draw.share("lapses") < 0.08 and count is None else MONTHS
        chance, written = draw.monthly("chance").tolist(), draw.monthly("written").tolist()
        for month in range(first, min(last, MONTHS)):
            luck, value = chance[month], float(path[month])
            if luck < SKIPPED or (rule.report_every == "year" and month % 12 != 11):
                continue
            late = luck < SKIPPED + LATE
            cells = self._cells("目标", subject_id, target.indicator_zh, office, month, late, written[month])
            cells |= {"单位": target.unit_zh}
            if luck > 1 - WRONG and value > 20:
                wrong = _whole_or_tenth(value * draw.share(f"wrong {month}", 1.04, 1.15), value)
                yield _Report(month, False, cells | {"完成值": wrong})
                right = self._cells("目标", subject_id, target.indicator_zh, office, month, True, written[month])
                yield _Report(month, True, right | {"单位": target.unit_zh, "完成值": value, "说明": "更正：核减重复统计"})
                continue
            yield _Report(month, late, cells | {"完成值": value, "说明": "迟报" if late else None})

    def _project(self, project: PlanProject, fate: Fate) -> Iterator[_Report]:
        draw, office = self._draw(project.project_id), self._lead(project)
        steps = project_steps(project, fate, draw)
        money = project.investment_yi_yuan or round(draw.share("money", 0.15, 6.0), 2)
        spent = draw.share("spent", 0.92, 1.06)
        for report in self._stepped("项目", project.project_id, project.name_zh, office, fate, steps, 3):
            step = steps[min(report.month, len(steps) - 1)]
            cells = report.cells | {"累计完成投资(亿元)": round(money * spent * step.progress_share, 2)}
            if project.row_type == "group":
                cells["状态"] = None  # the rows of a group stand at different stages; its printed stage holds
            yield _Report(report.month, report.supplement, cells)

    def _stepped(
        self, what: str, subject_id: str, name: str, office: str, fate: Fate, steps: list[Step], every: int
    ) -> Iterator[_Report]:
        """Reports of something that goes through stages: every `every` months and whenever the stage changes."""
        if fate == "never":
            return
        draw = self._draw(subject_id)
        quits = PLAN_END + draw.whole("quits", 6, 30) if fate == "stalled" else MONTHS
        cause = CAUSES[draw.whole("cause", 0, len(CAUSES) - 1)]
        chance, written = draw.monthly("chance").tolist(), draw.monthly("written").tolist()
        for month, step in enumerate(steps):
            changed = month > 0 and steps[month - 1].stage != step.stage
            if not changed and ((month + 1) % every or month > quits or chance[month] < SKIPPED):
                continue
            late = chance[month] < SKIPPED + LATE
            cells = self._cells(what, subject_id, name, office, month, late, written[month])
            done = step.stage in ("done", "in_service")
            if step.expected is not None:
                day = month_end(step.expected)
                cells["完成或预计完成日期"] = (day.replace(day=draw.whole("day", 3, 28)) if done else day).isoformat()
            cells |= {"状态": "建成" if done and what == "项目" else WORDS[step.stage]}
            if what != "目标":
                cells |= {"形象进度(%)": round(step.progress_share * 100.0, 1), "是否受阻": "是" if step.blocked else "否"}
                if step.blocked:
                    cells |= {"受阻原因": cause, "协调责任单位": self._clears(cause, office)}
            yield _Report(month, late, cells)

    def _clears(self, cause: str, office: str) -> str:
        return next((o for word in CLEARS[cause] for o in self.offices if word in o), office)

    def _cells(self, what: str, subject_id: str, name: str, office: str, month: int, late: bool, written: float) -> dict[str, Any]:
        """What every row says; written two to four days before the workbook is sent, reviewed the day before.

        `written` is a number in [0, 1) that sets the hour.
        """
        sent = (self._known_day[month // 6 * 6 + 5] if late else self._known_day[month])[late]
        minutes = 8 * 60 + 30 + int(written * 9 * 60)
        wrote = sent + timedelta(days=-2 - int(written * 97) % 3, minutes=minutes)
        return _EMPTY | {
            "对象类别": what, "编号": subject_id, "名称": name, "数据日期": _ENDS[month], "填报部门": office,
            "填报人": f"{office}填报员", "填报时间": f"{wrote:%Y-%m-%d %H:%M}",
            "审核人": REVIEWER, "审核时间": f"{sent + timedelta(days=-1, minutes=minutes):%Y-%m-%d %H:%M}", "区域代码": self.area,
        }  # fmt: skip

    @cached_property
    def _known_day(self) -> list[tuple[datetime, datetime]]:
        """Local midnight of the day on which each month's workbook and its supplement arrive."""
        days = [tuple(to_local(at, self.pack.tz).date() for at in pair) for pair in self._known]
        return [(datetime.combine(first, time()), datetime.combine(second, time())) for first, second in days]


@cache
def _mapping() -> Mapping:
    return load_mapping(MAPPING)


_EMPTY: dict[str, Any] = dict.fromkeys(COLUMNS)
_ENDS = [month_end(month).isoformat() for month in range(MONTHS)]
_NUMBERS = ("完成值", "形象进度(%)", "累计完成投资(亿元)")
_SCHEMA = {name: pl.Float64 if name in _NUMBERS else pl.String for name in COLUMNS}


def _id(subject: Target | PlanProject | System) -> str:
    return getattr(subject, "target_id", "") or getattr(subject, "project_id", "") or subject.system_id  # type: ignore[union-attr]


def _whole_or_tenth(value: float, like: float) -> float:
    return float(np.ceil(value)) if float(like).is_integer() else round(value, 1)
