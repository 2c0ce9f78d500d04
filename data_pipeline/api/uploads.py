"""`POST /api/v1/deliveries`: hand a file to the running pipeline and answer with its account."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import Response

from data_pipeline.access.state import User, require
from data_pipeline.api import models as m
from data_pipeline.api.answers import to_json
from data_pipeline.api.errors import BadParameter
from data_pipeline.cities import Pack, find_pack
from data_pipeline.contracts import contract
from data_pipeline.errors import StoreBusy
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.queries import Queries
from data_pipeline.store.inbox import submit
from data_pipeline.store.lock import holder

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
ANSWER_TIMEOUT_S = 300.0
FIELDS = ("city", "dataset", "mapping", "file")
STATUS = {"accepted": 201, "duplicate_delivery": 200, "refused": 422}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["city", "file"],
                    "properties": {
                        "city": {"type": "string", "description": "城市 · city id"},
                        "dataset": {"type": "string", "description": "数据集；有 mapping 时可省 · dataset id; not needed with a mapping"},
                        "mapping": {"type": "string", "description": "映射文件名 · name of a mapping file of the product"},
                        "file": {"type": "string", "format": "binary", "description": "文件 · the file as the supplier gave it"},
                    },
                }
            }
        },
    }
}


def add_uploads(router: APIRouter, path: str, queries: Queries, home: Home) -> None:
    """Add the upload address to the router; roles report and admin may use it."""

    @router.post(
        path,
        summary="上传一个批次 · Deliver a file",
        max_body_size=MAX_UPLOAD_BYTES,
        response_class=Response,
        openapi_extra=_BODY,
        responses={
            201: {"model": m.ReceiptOut, "description": "已接收 · taken"},
            200: {"model": m.ReceiptOut, "description": "同一文件已收过 · the same bytes were taken before"},
            400: {"model": m.Error, "description": "参数有误 · wrong parameter"},
            403: {"model": m.Error, "description": "角色不符 · role may not"},
            404: {"model": m.Error, "description": "没有这个编号 · unknown id"},
            413: {"model": m.Error, "description": "文件太大 · too large"},
            422: {"model": m.ReceiptOut, "description": "整个文件无法读取 · the whole file cannot be read"},
            503: {"model": m.Error, "description": "数据管道未运行 · no pipeline is running"},
        },
    )
    async def deliver(request: Request, user: Annotated[User, Depends(require("report"))]) -> Response:
        """行数账目 rows_in = accepted + duplicates + quarantined · Needs role report or admin."""
        packs = {pack.id: pack for pack in queries.cities()}
        who = holder(home)
        if who is None or not who.answers_inbox:  # said before the file is read
            raise StoreBusy("no pipeline is running, so nothing can be taken", hint="start it: python -m data_pipeline run")
        try:
            async with request.form(max_files=1, max_fields=len(FIELDS), max_part_size=4096) as form:
                receipt = await anyio.to_thread.run_sync(_take, form, packs, home, user)
        except MultiPartException as error:
            raise BadParameter("file", error.message, hint="send multipart/form-data with city, dataset or mapping, file") from None
        response = to_json(receipt.as_dict())
        response.status_code = STATUS[receipt.status]
        return response


def _take(form: FormData, packs: dict[str, Pack], home: Home, user: User) -> Receipt:
    text = _fields(form)
    file = form["file"]
    assert isinstance(file, UploadFile)  # _fields has checked it
    pack = find_pack(packs, text["city"])
    dataset, mapping_name, mapping = _dataset(text, pack)
    filename = _file_name(file.filename or "upload")
    home.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="upload-", dir=home.root) as folder:
        path = Path(folder) / filename
        with open(path, "wb") as target:
            while block := file.file.read(1 << 20):
                target.write(block)
        if os.path.getsize(path) == 0:
            raise BadParameter("file", f"{filename!r} is empty")
        incoming = Incoming(
            path=path,
            city=pack.id,
            dataset=dataset,
            source="upload",
            filename=filename,
            mapping=mapping,
            mapping_name=mapping_name,
            operator=user.label,
        )
        return submit(home, incoming, ANSWER_TIMEOUT_S)


def _fields(form: FormData) -> dict[str, str]:
    """The text fields of the form; every field known, given once, and the file a file."""
    given = [name for name, _ in form.multi_items()]
    for name in given:
        if name not in FIELDS:
            raise BadParameter(name, "unknown field", hint=f"allowed: {', '.join(FIELDS)}")
        if given.count(name) > 1:
            raise BadParameter(name, f"given {given.count(name)} times", hint="give it once")
    for name in ("city", "file"):
        if name not in given:
            raise BadParameter(name, "missing field", hint="send multipart/form-data with city, dataset or mapping, file")
    if not isinstance(form["file"], UploadFile):
        raise BadParameter("file", "is not a file", hint="for example: curl -F file=@stations.csv")
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if name == "file":
            continue
        if not isinstance(value, str):
            raise BadParameter(name, "is a file, a text is expected")
        fields[name] = value.strip()
    return fields


def _dataset(text: dict[str, str], pack: Pack) -> tuple[str, str, Mapping | None]:
    """Dataset, mapping name and mapping: the mapping tells the dataset; if both are given they must agree.

    With a dataset alone the mapping is the one the city's source declares, if any.
    """
    name, dataset = text.get("mapping", ""), text.get("dataset", "")
    if dataset:
        contract(dataset)
        if not name and dataset in pack.sources:
            name = pack.sources[dataset].mapping
    if not name:
        if not dataset:
            raise BadParameter("dataset", "missing field", hint="give dataset or mapping")
        return dataset, "", None
    if not _NAME.fullmatch(name):  # a name, never a path of the server
        raise BadParameter("mapping", f"{name!r} is not the name of a mapping", hint="for example ev_sites_shenzhen")
    own = pack.folder / "mappings" / f"{name}.toml"  # a pack may bring mappings of its own suppliers
    mapping = load_mapping(own if own.exists() else name)
    if dataset and mapping.dataset != dataset:
        raise BadParameter("dataset", f"is {dataset!r}, but mapping {name!r} makes {mapping.dataset!r}")
    return mapping.dataset, name, mapping


def _file_name(given: str) -> str:
    """The last part of a file name as given, without anything a path or a log could trip over."""
    last = re.split(r"[/\\]", given)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip(". ")[-120:] or "upload"

