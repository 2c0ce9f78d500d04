"""`/api/v1/ledger…`: the plan ledger, its freezes, what changed between two, and briefings with their progress."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from data_pipeline.access.state import User, require
from data_pipeline.api import models as m
from data_pipeline.api import parameters as p
from data_pipeline.api.answers import answer_once, make_tag, plain, to_json
from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import StoreBusy
from data_pipeline.home import Home
from data_pipeline.ingest.desk import ask_freeze
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.brief_jobs import FORMATS, BriefJobs, Maker, Wanted
from data_pipeline.ledger.diff import diff
from data_pipeline.ledger.types import Freeze
from data_pipeline.queries import Queries
from data_pipeline.times import iso_local, now_utc

PointParam = Annotated[str, Query(description="now、日期或冻结编号/名称 · now, a date, or a freeze's id or name", examples=["2022-06-30"])]
JobParam = Annotated[str, Path(description="快报编号 · number of a briefing")]
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": m.Error, "description": "参数有误 · wrong parameter"},
    404: {"model": m.Error, "description": "没有这个编号 · unknown id"},
}


class FreezeIn(BaseModel):
    """What to freeze."""

    model_config = ConfigDict(extra="forbid")
    city: str
    name: str = Field(description="会议名称，不可重复 · what the meeting calls it, used once")
    on: str = Field("now", description="台账日期 · date of the ledger, or now")


class BriefIn(BaseModel):
    """Which briefing to make."""

    model_config = ConfigDict(extra="forbid")
    city: str
    of: str = Field("ledger", description="overview, ledger, targets, projects, systems, departments, target, department, changes")
    lang: str = "zh"
    format: str = Field("pdf", description="pdf, xlsx")
    at: str = Field("now", description="now、日期或冻结 · now, a date, or a freeze")
    before: str = Field("", description="变化快报：较早的台账 · for changes: the earlier ledger")
    target: str = ""
    department: str = Field("", description="部门快报：规划原文中的名称 · for department: as the plan spells it")
    only: dict[str, str] = Field(default_factory=dict, description="目标清单的筛选 · filters of the list: plan, domain, department, deadline, kind, status")


def add_ledger(router: APIRouter, path: str, queries: Queries, home: Home, make: Maker | None) -> None:
    """Add the ledger's addresses below `path`; without a `make` no briefings can be made (503)."""
    jobs = BriefJobs(make) if make is not None else None

    def pack_of(city: str) -> Pack:
        return find_pack({pack.id: pack for pack in queries.cities()}, city)

    def making() -> BriefJobs:
        if jobs is None:
            raise StoreBusy("this server makes no briefings", hint="python -m data_pipeline ledger brief FILE")
        return jobs

    @router.get(path, summary="规划台账 · The plan ledger", response_class=Response, responses=REFUSED)
    def ledger(request: Request, city: p.CityParam, on: PointParam = "now") -> Response:
        """每项目标的责任、进度与依据 · Every promise with its owner, pace and proof."""
        pack = pack_of(city)
        tag = make_tag(queries.snapshot(), request, pack.id, int(now_utc().timestamp() // 60))
        return answer_once(request, tag, lambda: to_json(plain(queries.ledger_at(pack.id, on)[0], pack.tz)))

    @router.get(f"{path}/freezes", summary="台账冻结 · Freezes of the ledger", response_class=Response, responses=REFUSED)
    def freezes(city: p.CityParam) -> Response:
        """新的在前 · Newest first."""
        pack = pack_of(city)
        return to_json([_freeze(found, pack) for found in queries.freezes(pack.id)])

    @router.post(f"{path}/freezes", summary="冻结台账 · Freeze the ledger", response_class=Response, status_code=201, responses=REFUSED)
    def freeze(wanted: FreezeIn, user: Annotated[User, Depends(require("review"))]) -> Response:
        """需要 review 或 admin 角色 · Needs role review or admin. A freeze is never changed or replaced."""
        pack = pack_of(wanted.city)
        found, _ = queries.ledger_at(pack.id, wanted.on)
        made = kept.make(found, wanted.name, user.label, user.authenticated, now_utc())
        ask_freeze(home, made)
        response = to_json(_freeze(made, pack))
        response.status_code = 201
        return response

    @router.get(f"{path}/diff", summary="两次台账的变化 · What changed between two ledgers", response_class=Response, responses=REFUSED)
    def changes(city: p.CityParam, before: PointParam, after: PointParam = "now") -> Response:
        """最需关注在前 · What needs attention first."""
        pack = pack_of(city)
        found = diff(queries.ledger_at(pack.id, before)[0], queries.ledger_at(pack.id, after)[0])
        rows = [asdict(change) | {"unit_zh": change.target.unit_zh if change.target else "",
                                  "unit_en": change.target.unit_en if change.target else ""} for change in found]  # fmt: skip
        return to_json([{key: value for key, value in row.items() if key not in ("target", "weight")} for row in rows])

    @router.post(f"{path}/briefs", summary="生成快报 · Make a briefing", response_class=Response, status_code=202, responses=REFUSED)
    async def brief(wanted: BriefIn) -> Response:
        """立即返回编号，进度另查 · Answers with its number at once; ask for the progress."""
        pack = pack_of(wanted.city)
        job = making().start(Wanted(**wanted.model_dump() | {"city": pack.id}))
        response = to_json(job.as_dict())
        response.status_code = 202
        return response

    @router.get(f"{path}/briefs/{{job}}", summary="快报进度 · Progress of a briefing", response_class=Response, responses=REFUSED)
    async def progress(job: JobParam, wait: Annotated[float, Query(ge=0, le=10, description="最多等待秒数 · wait so long for its end")] = 0) -> Response:
        """state: working, done, failed; share 0–1."""
        found = making().get(job)
        passed = 0.0
        while found.state == "working" and passed < wait:
            await asyncio.sleep(0.05)
            passed += 0.05
        response = to_json(found.as_dict())
        response.headers["cache-control"] = "no-store"
        return response

    @router.get(f"{path}/briefs/{{job}}/file", summary="下载快报 · Download a briefing", response_class=Response, responses=REFUSED)
    async def file(job: JobParam) -> Response:
        """PDF 或 Excel；指纹可用 verify-brief 核对 · PDF or workbook, to be checked with `verify-brief`."""
        found = making().get(job)
        if found.state != "done":
            raise StoreBusy(f"briefing {job} is {found.state}" + (f": {found.error}" if found.error else ""), hint="ask for its progress first")
        headers = {"Content-Disposition": f'attachment; filename="{found.wanted.file_name}"', "Cache-Control": "no-store"}
        return Response(found.body, media_type=FORMATS[found.wanted.format], headers=headers)


def _freeze(found: Freeze, pack: Pack) -> dict[str, Any]:
    return {
        "freeze_id": found.freeze_id, "city": found.city, "name": found.name, "on": found.on.isoformat(),
        "frozen_at": iso_local(found.frozen_at_utc, pack.tz), "by": found.by, "by_known": found.by_known, "sha256": found.sha256,
    }  # fmt: skip
