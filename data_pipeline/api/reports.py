"""`/api/v1/reports`: entries of departments — listed, checked, handed in, reviewed; template and evidence."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import FileResponse, Response

from data_pipeline.access.state import User, require
from data_pipeline.api import models as m
from data_pipeline.api.answers import to_json
from data_pipeline.api.errors import BadParameter
from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import UnknownId
from data_pipeline.home import Home
from data_pipeline.ingest.desk import ask_report
from data_pipeline.ledger import evidence
from data_pipeline.ledger.draft import Draft
from data_pipeline.ledger.entries import new_id
from data_pipeline.ledger.says import say
from data_pipeline.ledger.template import Line, make_template, read_template
from data_pipeline.ledger.types import Finding, ReportEntry
from data_pipeline.queries import Queries
from data_pipeline.times import local_day, now_utc, to_local

SIGNS = {">=": "≥", ">": ">", "<=": "≤", "about": "≈"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# the browser never shows it as a page of ours, whatever its bytes
DOWNLOAD = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox", "cache-control": "no-store"}
Reporter = Annotated[User, Depends(require("report"))]
Reviewer = Annotated[User, Depends(require("review"))]
RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": m.Error, "description": "填报有误 · refused by the checks"},
    403: {"model": m.Error, "description": "角色不符 · role may not"},
    404: {"model": m.Error, "description": "没有这个编号 · unknown id"},
    503: {"model": m.Error, "description": "存储被占用 · the store is busy"},
}


class Decision(BaseModel):
    """What a reviewer decides: accept, or return with a note."""

    model_config = ConfigDict(extra="forbid")
    city: str
    accept: bool
    note: str = ""


class Withdrawal(BaseModel):
    """An author takes back an entry that still waits."""

    model_config = ConfigDict(extra="forbid")
    city: str
    note: str = ""


def person_of(user: User) -> dict[str, Any]:
    """Who acts, for the inbox: the signed-in name, else department and role as chosen on this machine (未认证)."""
    name = user.name if user.authenticated else f"{user.department} {user.role}".strip()
    # an account of role report speaks for its own department only
    own = user.department if user.role == "report" else ""
    return {"name": name, "known": user.authenticated, "department": own, "is_admin": user.role == "admin"}


def add_reports(router: APIRouter, prefix: str, queries: Queries, home: Home) -> None:
    """Add the addresses below `prefix`: reading for everybody, handing in for report, review for review (and admin)."""
    packs = {pack.id: pack for pack in queries.cities()}

    def post(path: str, summary: str, **more: Any) -> Callable[[Callable], Callable]:
        return router.post(f"{prefix}{path}", summary=summary, response_class=Response, responses=RESPONSES, **more)

    def get(path: str, summary: str) -> Callable[[Callable], Callable]:
        return router.get(f"{prefix}{path}", summary=summary, response_class=Response, responses=RESPONSES)

    def entry_answer(pack: Pack, entry_id: str, status: int) -> Response:
        queries.refresh()
        response = to_json(entry_out(queries.report_entry(pack.id, entry_id), pack))
        response.status_code = status
        return response

    @get("", "填报记录 · Entries of departments")
    def entries(city: str, state: str | None = None, department: str | None = None, subject_id: str | None = None) -> Response:
        """按状态、部门、对象筛选，新的在前 · By state, department and subject, newest first."""
        pack = find_pack(packs, city)
        return to_json([entry_out(e, pack) for e in queries.report_entries(pack.id, state=state, department=department, subject_id=subject_id)])

    @get("/due", "应报清单 · What is due")
    def due(city: str, department: str | None = None) -> Response:
        """逾期最久的在前 · The most overdue first."""
        pack = find_pack(packs, city)
        return to_json(
            [{"subject": i.subject, "subject_id": i.subject_id, "name_zh": i.name_zh, "name_en": i.name_en, "department": i.office,
              "data_on": i.data_on and i.data_on.isoformat(), "due_on": i.due_on and i.due_on.isoformat(), "overdue_days": i.overdue_days}
             for i in queries.reports_due(pack.id, department)]
        )  # fmt: skip

    @get("/template", "填报模板 · Excel template of a department")
    def template(city: str, department: str, lang: str = "zh") -> Response:
        """部门的应报事项，一行一项 · One row for everything the department reports on."""
        pack = find_pack(packs, city)
        if lang not in ("zh", "en"):
            raise BadParameter("lang", f"{lang!r} is neither zh nor en")
        body = template_of(queries, pack, department, lang)
        name = quote(f"{pack.id}_{department}_填报_{local_day(now_utc(), pack.tz):%Y%m%d}.xlsx")
        return Response(body, media_type=XLSX, headers=DOWNLOAD | {"content-disposition": f"attachment; filename*=UTF-8''{name}"})

    @post("/check", "试校验 · Check without handing in")
    def check(draft: Draft) -> Response:
        """校验结果；不写入 · What the checks say; nothing is written."""
        return to_json([finding_out(f) for f in queries.report_findings(find_pack(packs, draft.city).id, draft)])

    @post("", "提交填报 · Hand in an entry", status_code=201)
    def submit(draft: Draft, user: Reporter) -> Response:
        """异常须确认并写明原因，否则 409 · Warnings must be confirmed with a reason, else 409."""
        pack = find_pack(packs, draft.city)
        found = queries.report_findings(pack.id, draft)
        if found and not any(f.level == "error" for f in found) and not (draft.confirmed and draft.reason):
            response = to_json({"error": "to be confirmed with a reason", "findings": [finding_out(f) for f in found]})
            response.status_code = 409
            return response
        entry_id = new_id(pack.id, local_day(now_utc(), pack.tz))
        hand_in(home, packs, pack, user, [(entry_id, draft)])
        return entry_answer(pack, entry_id, 201)

    @post("/{entry_id}/review", "审核 · Accept or return")
    def review(entry_id: str, decision: Decision, user: Reviewer) -> Response:
        """审核人须与填报人不同；退回须写明原因 · The reviewer is not the author; a return needs a note."""
        pack = find_pack(packs, decision.city)
        action = "accept" if decision.accept else "return"
        ask_report(home, packs, {"action": action, "city": pack.id, "entry_id": entry_id, "note": decision.note, "person": person_of(user)})
        return entry_answer(pack, entry_id, 200)

    @post("/{entry_id}/withdraw", "撤回 · Withdraw an entry that waits")
    def withdraw(entry_id: str, given: Withdrawal, user: Reporter) -> Response:
        """只能由填报人撤回 · By its author only."""
        pack = find_pack(packs, given.city)
        ask_report(home, packs, {"action": "withdraw", "city": pack.id, "entry_id": entry_id, "note": given.note, "person": person_of(user)})
        return entry_answer(pack, entry_id, 200)

    @post("/upload", "上传填好的模板 · Send a filled template back", max_body_size=evidence.MOST_BYTES + 65536)
    async def upload(request: Request, user: Reporter) -> Response:
        """每行一条填报；有误的行逐一列出 · An entry a row; rows with faults are listed."""
        return await with_file(request, lambda file, name: returned(queries, home, packs, user, file, name))

    @post("/evidence", "上传佐证材料 · Keep a file as evidence", max_body_size=evidence.MOST_BYTES + 65536)
    async def keep_evidence(request: Request, user: Reporter) -> Response:
        """PDF、PNG、JPEG、xlsx、docx、ofd，20 MB 以内 · At most 20 MB."""
        return await with_file(request, lambda file, name: to_json({"evidence": evidence.keep(home, file.file, name)}))

    @get("/evidence/{sha256}", "下载佐证材料 · Download evidence")
    def download(sha256: str, name: str = "") -> Response:
        """总是作为附件下载 · Always as a download."""
        path, clean, media = evidence.find(home, f"{sha256}:{name or sha256[:12]}")
        if not name:
            clean = f"{clean}.{evidence.ENDING_OF[media]}"
        return FileResponse(path, media_type=media, headers=DOWNLOAD | {"content-disposition": f"attachment; filename*=UTF-8''{quote(clean)}"})

    @get("/{entry_id}", "填报经过 · How an entry came about")
    def entry(entry_id: str, city: str) -> Response:
        """每次状态变化：何时、何人 · Every change of state: when and who."""
        pack = find_pack(packs, city)
        steps = queries.report_history(pack.id, entry_id)
        trail = [{"at": to_local(at, pack.tz).isoformat(timespec="seconds"), "by": by, "state": e.state, "note": e.review_note} for at, by, e in steps]
        return to_json(entry_out(steps[-1][2], pack) | {"trail": trail})


async def with_file(request: Request, work: Callable[[UploadFile, str], Response]) -> Response:
    """The one file of a multipart request, given to `work` in a thread."""
    try:
        async with request.form(max_files=1, max_fields=1) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise BadParameter("file", "missing field", hint="send multipart/form-data with one file")
            return await anyio.to_thread.run_sync(work, file, file.filename or "upload")
    except MultiPartException as error:
        raise BadParameter("file", error.message, hint="send multipart/form-data with one file") from None


def hand_in(home: Home, packs: dict[str, Pack], pack: Pack, user: User, drafts: list[tuple[str, Draft]]) -> None:
    """Hand entries to the pipeline, all of them or none."""
    listed = [{"entry_id": entry_id, "draft": draft.model_dump(mode="json")} for entry_id, draft in drafts]
    ask_report(home, packs, {"action": "submit", "city": pack.id, "person": person_of(user), "entries": listed})


def template_of(queries: Queries, pack: Pack, department: str, lang: str) -> bytes:
    """The template of one department; `UnknownId` where nothing is asked of it."""
    items = queries.reports_due(pack.id, department)
    if not items:
        raise UnknownId("department", department, queries.reporting_departments(pack.id))
    zh = lang == "zh"
    lines = [
        Line(
            subject=i.subject, subject_id=i.subject_id, name=i.name_zh if zh else i.name_en or i.name_zh, deadline=i.deadline,
            promised="" if i.goal is None else f"{SIGNS.get(i.comparator, '')} {i.goal:g} {i.unit_zh if zh else i.unit_en}".strip(),
            last_on=i.last.data_on if i.last else None, last=_last_words(i.last), due_on=i.data_on,
        )
        for i in items
    ]  # fmt: skip
    return make_template(pack.id, department, lines, "zh" if zh else "en")


def _last_words(last: ReportEntry | None) -> str:
    if last is None:
        return ""
    return f"{last.value:g}" if last.value is not None else last.stage


def returned(queries: Queries, home: Home, packs: dict[str, Pack], user: User, file: UploadFile, name: str) -> Response:
    """Take a filled template: good rows become entries with its bytes as evidence, the others are listed."""
    home.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="template-", dir=home.root) as folder:
        path = Path(folder) / "template.xlsx"
        with path.open("wb") as target:
            while block := file.file.read(1 << 20):
                target.write(block)
        back = read_template(path, name)
        with path.open("rb") as kept:
            source = evidence.keep(home, kept, name if name.lower().endswith(".xlsx") else f"{name}.xlsx")
    pack = find_pack(packs, back.city)
    good: list[tuple[str, Draft]] = []
    rows: list[dict[str, Any]] = []
    for row in back.rows:
        problems, draft = list(row.problems), row.draft
        if draft is not None:
            draft = draft.model_copy(update={"evidence": (*draft.evidence, source)})
            found = queries.report_findings(pack.id, draft)
            stops = [f for f in found if f.level == "error" or not (draft.confirmed and draft.reason)]
            problems += stops
        entry_id = new_id(pack.id, local_day(now_utc(), pack.tz)) if not problems else None
        if entry_id is not None and draft is not None:
            good.append((entry_id, draft))
        rows.append({"row": row.row, "subject_id": row.subject_id, "entry_id": entry_id, "problems": [finding_out(f) for f in problems]})
    if good:
        hand_in(home, packs, pack, user, good)
        queries.refresh()
    answer = to_json({"city": pack.id, "department": back.department, "taken": len(good), "refused": len(rows) - len(good), "file": source, "rows": rows})
    answer.status_code = 201 if good else 422 if rows else 400
    return answer


def finding_out(finding: Finding) -> dict[str, Any]:
    """A finding as plain values; `message` in English, `code` and `args` for texts of one's own."""
    return {"level": finding.level, "code": finding.code, "args": finding.args, "message": say(finding)}


def entry_out(entry: ReportEntry, pack: Pack) -> dict[str, Any]:
    """An entry as plain values; times with the city's offset."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return to_local(value, pack.tz).isoformat(timespec="seconds")
        return value.isoformat() if isinstance(value, date) else value

    return {name.removesuffix("_utc"): plain(value) for name, value in vars(entry).items()}
