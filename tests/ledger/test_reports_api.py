"""`/api/v1/reports`: a department hands in, another person reviews, template and evidence travel, roles hold."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from desk_scene import CITY, NOW, OFFICE, TARGET, Desk, month_ends, past_row
from openpyxl import load_workbook
from starlette.testclient import TestClient

from app import create_app
from data_pipeline.ledger.template import COLUMNS, SHEET
from data_pipeline.queries import Queries

URL = "/api/v1/reports"
BODY = {"city": CITY, "subject": "target", "subject_id": TARGET, "data_on": "2022-08-31", "department": OFFICE, "value": 28}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A web over a store without a pipeline: what is handed in is written under the lock."""
    made = Desk(tmp_path_factory.mktemp("web"))
    days = month_ends(8, (NOW - timedelta(days=46)).date())
    made.deliver([past_row(on, 20.0 + n) for n, on in enumerate(days)], known=NOW - timedelta(days=30))
    made.close()
    queries = Queries.open(made.home, made.packs, now=lambda: NOW)
    yield create_app(queries, made.packs, home=made.home, now=lambda: NOW).server
    queries.close()


def client(web: Any, role: str) -> TestClient:
    made = TestClient(web, base_url="http://127.0.0.1:8050", client=("127.0.0.1", 50000))
    token = made.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    made.post("/login", data={"csrf": token, "role": role})
    return made


def test_report_review_accept_through_the_api(web: Any) -> None:
    reporter, reviewer = client(web, "report"), client(web, "review")
    sent = reporter.post(URL, json=BODY)
    assert sent.status_code == 201, sent.text
    entry = sent.json()
    assert (entry["state"], entry["author_known"], entry["value"]) == ("submitted", False, 28.0)
    assert reporter.post(f"{URL}/{entry['entry_id']}/review", json={"city": CITY, "accept": True}).status_code == 403
    done = reviewer.post(f"{URL}/{entry['entry_id']}/review", json={"city": CITY, "accept": True, "note": "同意"})
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["reviewer"] != entry["author"]) == ("accepted", True)
    trail = reporter.get(f"{URL}/{entry['entry_id']}?city={CITY}").json()["trail"]
    assert [step["state"] for step in trail] == ["submitted", "accepted"]
    again = reporter.post(URL, json=BODY)
    assert again.status_code == 400 and "accepted already" in again.json()["error"]


def test_an_unusual_figure_is_answered_with_what_is_unusual(web: Any) -> None:
    reporter = client(web, "report")
    reply = reporter.post(URL, json=BODY | {"value": 3, "data_on": "2022-09-01"})
    assert reply.status_code == 409
    assert {f["code"] for f in reply.json()["findings"]} == {"decrease", "jump"}
    checked = reporter.post(f"{URL}/check", json=BODY | {"value": 3, "data_on": "2022-09-01"})
    assert checked.json() == reply.json()["findings"]


def test_a_viewer_hands_nothing_in_and_a_misspelt_key_is_named(web: Any) -> None:
    assert client(web, "view").post(URL, json=BODY).status_code == 403
    reply = client(web, "report").post(URL, json=BODY | {"valeu": 3})
    assert reply.status_code == 400 and reply.json()["parameter"] == "valeu"


def test_a_template_is_downloaded_filled_and_sent_back(web: Any) -> None:
    reporter = client(web, "report")
    reply = reporter.get(f"{URL}/template?city={CITY}&department={OFFICE}")
    assert reply.status_code == 200 and reply.headers["x-content-type-options"] == "nosniff"
    book = load_workbook(io.BytesIO(reply.content))
    sheet, at = book[SHEET], {name: n for n, name in enumerate(COLUMNS, start=1)}
    rows = {sheet.cell(row, at["subject_id"]).value: row for row in range(3, sheet.max_row + 1)}
    for subject, value in ((TARGET, 28.0), ("ez-labs", 1.0), ("ez-tech-transfer", -4.0)):
        sheet.cell(rows[subject], at["value"], value)
        sheet.cell(rows[subject], at["data_on"], "2022-09-05")
    out = io.BytesIO()
    book.save(out)
    sent = reporter.post(f"{URL}/upload", files={"file": ("回收.xlsx", out.getvalue())})
    assert sent.status_code == 201, sent.text
    answer = sent.json()
    assert (answer["taken"], answer["refused"]) == (2, 1)
    refused = next(row for row in answer["rows"] if row["problems"])
    assert refused["subject_id"] == "ez-tech-transfer" and refused["problems"][0]["code"] == "bounds"
    assert "outside 0" in refused["problems"][0]["message"]
    entries = reporter.get(f"{URL}?city={CITY}&state=submitted&department={OFFICE}").json()
    assert {e["subject_id"] for e in entries} == {TARGET, "ez-labs"}
    assert all(answer["file"] in e["evidence"] for e in entries)  # the workbook itself stays as evidence
    kept = reporter.get(f"{URL}/evidence/{answer['file'].split(':')[0]}")
    assert kept.content == out.getvalue()


def test_evidence_comes_back_as_a_download_only(web: Any) -> None:
    reporter = client(web, "report")
    kept = reporter.post(f"{URL}/evidence", files={"file": ("验收.pdf", b"%PDF-1.7\n")}).json()["evidence"]
    digest, name = kept.split(":")
    reply = reporter.get(f"{URL}/evidence/{digest}", params={"name": name})
    assert reply.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E9%AA%8C")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]
    refused = reporter.post(f"{URL}/evidence", files={"file": ("a.pdf", b"MZ\x90")})
    assert refused.status_code == 400 and "a Windows program" in refused.json()["error"]
    assert refused.json()["code"] == "file_program" and refused.json()["facts"]["name"] == "a.pdf"
    assert client(web, "view").post(f"{URL}/evidence", files={"file": ("a.pdf", b"%PDF-")}).status_code == 403


def test_what_is_due_is_listed_with_the_most_overdue_first(web: Any) -> None:
    items = client(web, "view").get(f"{URL}/due?city={CITY}&department={OFFICE}").json()
    own = [item["overdue_days"] for item in items if item["department"] == OFFICE and item["due_on"]]
    assert own == sorted(own, reverse=True) and own[0] > 0
    refused = client(web, "view").get(f"{URL}/template?city={CITY}&department=市科技")
    assert refused.status_code == 404 and refused.json()["did_you_mean"][0] == OFFICE
    assert json.loads(refused.text)["error"].startswith("unknown department")


def test_fifty_megabytes_of_evidence_are_refused(web: Any) -> None:
    reply = client(web, "report").post(f"{URL}/evidence", files={"file": ("big.pdf", b"%PDF-1.7\n" + bytes(50 * 1024**2))})
    assert reply.status_code in (400, 413), reply.text
