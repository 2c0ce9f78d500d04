"""Uploads: what reaches the pipeline through the inbox, and what is refused before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from data_pipeline.api import models as m
from data_pipeline.errors import DeliveryError
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.mappings import names
from data_pipeline.store.lock import WriterLock
from tests.api.stand_in import StandIn

URL = "/api/v1/deliveries"
CSV = b"site_id,name\nS1,\xe8\x91\x9b\xe5\xba\x97\nS2,\xe5\x8d\x8e\xe5\xae\xb9\n"


class Pipeline:
    """Stands where the inbox stands: keeps what is handed in and answers by counting the lines of the file."""

    def __init__(self) -> None:
        self.taken: list[tuple[Incoming, bytes]] = []
        self.status, self.error = "accepted", None

    def submit(self, home: Home, incoming: Incoming, timeout_s: float) -> Receipt:
        body = incoming.path.read_bytes()
        self.taken.append((incoming, body))
        if self.error:
            raise self.error
        rows = body.count(b"\n") - 1
        return Receipt(12, incoming.city, incoming.dataset, rows, rows, 0, 0, 0, 42, self.status)


@pytest.fixture
def pipeline(queries: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    held = WriterLock(queries.home).acquire("run (test)", answers_inbox=True)
    inbox = Pipeline()
    monkeypatch.setattr("data_pipeline.api.uploads.submit", inbox.submit)
    yield inbox
    held.release()


@pytest.fixture
def reporter(client: TestClient) -> TestClient:
    token = client.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    client.post("/login", data={"csrf": token, "role": "report"})
    return client


def upload(client: TestClient, *, filename: str = "基站.csv", body: bytes = CSV, **fields: str):
    return client.post(URL, data=fields, files={"file": (filename, body)})


def test_a_file_reaches_the_pipeline_byte_for_byte_and_its_account_comes_back(reporter: TestClient, pipeline: Pipeline) -> None:
    reply = upload(reporter, city="420700", dataset="road_speeds")
    assert reply.status_code == 201
    receipt = m.ReceiptOut.model_validate_json(reply.content)
    assert (receipt.rows_in, receipt.accepted, receipt.delivery_id, receipt.snapshot) == (2, 2, 12, 42)
    incoming, body = pipeline.taken[0]
    assert (body, incoming.filename, incoming.operator, incoming.source) == (CSV, "基站.csv", "report (未认证)", "upload")
    assert incoming.is_simulated is False and incoming.known_from_utc is None and incoming.mapping is None
    assert not list(reporter.app.state.access.home.root.glob("upload-*"))  # nothing is left behind


def test_a_dataset_alone_takes_the_mapping_the_citys_source_declares(reporter: TestClient, queries: StandIn, pipeline: Pipeline) -> None:
    declared = {d: s.mapping for pack in queries.packs.values() for d, s in pack.sources.items() if s.mapping in names()}
    if not declared:
        pytest.skip("no source of a built-in city declares a mapping of the product")
    dataset, mapping = next(iter(declared.items()))
    assert upload(reporter, city="420700", dataset=dataset).status_code == 201
    incoming, _ = pipeline.taken[0]
    assert incoming.mapping_name == mapping and incoming.mapping is not None and incoming.mapping.dataset == dataset


@pytest.mark.parametrize(("status", "code"), [("duplicate_delivery", 200), ("refused", 422)])
def test_the_status_of_the_account_shows_in_the_code(reporter: TestClient, pipeline: Pipeline, status: str, code: int) -> None:
    pipeline.status = status
    reply = upload(reporter, city="420700", dataset="road_speeds")
    assert (reply.status_code, reply.json()["status"]) == (code, status)


def test_what_the_pipeline_finds_wrong_comes_back_in_its_own_words(reporter: TestClient, pipeline: Pipeline) -> None:
    pipeline.error = DeliveryError("基站.csv: truncated Parquet", hint="ask the supplier for the file again")
    reply = upload(reporter, city="420700", dataset="road_speeds")
    assert reply.status_code == 422
    assert (reply.json()["error"], reply.json()["hint"]) == ("基站.csv: truncated Parquet", "ask the supplier for the file again")


@pytest.mark.parametrize("role", ["view", "review"])
def test_roles_without_the_right_to_report_are_refused(client: TestClient, pipeline: Pipeline, role: str) -> None:
    token = client.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    client.post("/login", data={"csrf": token, "role": role})
    reply = upload(client, city="420700", dataset="road_speeds")
    assert reply.status_code == 403 and "report, admin" in reply.json()["error"]
    assert pipeline.taken == []


def test_without_a_pipeline_nothing_is_taken_and_the_command_is_named(reporter: TestClient) -> None:
    reply = upload(reporter, city="420700", dataset="road_speeds")
    assert reply.status_code == 503 and "data_pipeline run" in reply.json()["hint"]


@pytest.mark.parametrize(
    ("fields", "code", "parameter", "says"),
    [
        ({"dataset": "road_speeds"}, 400, "city", "missing field"),
        ({"city": "420700"}, 400, "dataset", "missing field"),
        ({"city": "42070", "dataset": "road_speeds"}, 404, "city", "did you mean 420700"),
        ({"city": "420700", "dataset": "road_speed"}, 404, "dataset", "did you mean road_speeds"),
        ({"city": "420700", "mapping": "no_such_supplier"}, 404, "mapping", "unknown mapping"),
        ({"city": "420700", "mapping": "../../../etc/passwd"}, 400, "mapping", "not the name of a mapping"),
        ({"city": "420700", "mapping": "x.toml"}, 400, "mapping", "not the name of a mapping"),
        ({"city": "420700", "data_set": "road_speeds"}, 400, "data_set", "unknown field"),
    ],
)
def test_a_wrong_field_is_refused_by_name_and_reaches_nobody(
    reporter: TestClient, pipeline: Pipeline, fields: dict, code: int, parameter: str, says: str
) -> None:
    reply = upload(reporter, **fields)
    assert (reply.status_code, reply.json()["parameter"]) == (code, parameter), reply.text
    assert says in reply.json()["error"]
    assert pipeline.taken == []


def test_an_empty_file_and_a_missing_one_are_refused(reporter: TestClient, pipeline: Pipeline) -> None:
    assert upload(reporter, body=b"", city="420700", dataset="road_speeds").json()["error"] == "file: '基站.csv' is empty"
    reply = reporter.post(URL, data={"city": "420700", "dataset": "road_speeds"})
    assert (reply.status_code, reply.json()["parameter"]) == (400, "file")
    assert reporter.post(URL, content=b"{}", headers={"content-type": "application/json"}).status_code == 400
    two = [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]
    assert reporter.post(URL, data={"city": "420700"}, files=two).status_code == 400


@pytest.mark.parametrize("filename", ["../../home/x.csv", "C:\\data\\x.csv", "/etc/x.csv", "a\x00b/x.csv"])
def test_a_file_name_never_becomes_a_path(reporter: TestClient, pipeline: Pipeline, filename: str) -> None:
    assert upload(reporter, filename=filename, city="420700", dataset="road_speeds").status_code == 201
    incoming, _ = pipeline.taken[0]
    assert incoming.filename == "x.csv" and incoming.path.name == "x.csv"


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(reporter: TestClient, pipeline: Pipeline) -> None:
    huge = str(512 * 1024 * 1024 + 1)
    reply = reporter.post(URL, content=b"x", headers={"content-type": "multipart/form-data; boundary=x", "content-length": huge})
    assert reply.status_code == 413 and pipeline.taken == []
