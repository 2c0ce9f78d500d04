"""A department reports in the browser, another person accepts, and the target's figure moves and says who and when."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from openpyxl import load_workbook

from data_pipeline.ingest.types import Incoming
from data_pipeline.ledger.template import COLUMNS, SHEET
from data_pipeline.mappings import load_mapping
from data_pipeline.simulate import Simulator
from tests.browser.real import Web
from tests.ledger.desk_scene import CITY, OFFICE, TARGET, Desk, month_ends, past_row

pytestmark = pytest.mark.browser
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web over a small store: a register of the city, and a year of reports on one target, 44 firms at its end."""
    folder = tmp_path_factory.mktemp("reporting") / "home"
    desk = Desk(folder)
    desk.now = datetime.now(UTC).replace(tzinfo=None)
    for delivery in Simulator(desk.pack).registers(desk.now):
        if delivery.dataset == "car_parks":
            with tempfile.TemporaryDirectory() as place:
                path = Path(place) / delivery.filename
                delivery.write(path)
                mapping = load_mapping(delivery.mapping) if delivery.mapping else None
                desk.writer.take(Incoming(path, CITY, "car_parks", "x", path.name, mapping=mapping, is_simulated=True))
    days = month_ends(12, desk.now.date().replace(day=1) - timedelta(days=1))
    desk.deliver([past_row(on, 33.0 + n) for n, on in enumerate(days)], known=desk.now - timedelta(days=3))
    desk.close()
    running = Web(folder)
    yield running
    running.stop()


@pytest.fixture()
def person(browser: Any, web: Web) -> Iterator[Any]:
    """Opens a browser of a person's own, in a role chosen on this machine."""
    contexts = []

    def come(role: str, width: int = 1440, height: int = 900) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{web.url}/login")
        page.check(f"input[name=role][value={role}]")
        page.click("form button[type=submit]")
        page.wait_for_load_state("load")
        return page

    yield come
    for context in contexts:
        context.close()


def address(web: Web, **more: str) -> str:
    return f"{web.url}/plan/report?city={CITY}&dept={quote(OFFICE)}" + "".join(f"&{k}={quote(v)}" for k, v in more.items())


def test_report_review_accept_moves_the_figure_and_says_who_and_when(web: Web, person: Any) -> None:
    author = person("report")
    author.goto(f"{web.url}/plan/target/{TARGET}?city={CITY}")
    author.wait_for_selector("text=44")
    author.goto(address(web, item=TARGET))
    author.fill("input[name=value]", "51")
    author.click(".report-panel form button")
    # seven at once is unusual: it is said, and nothing is handed in until it is confirmed with a reason
    author.wait_for_selector(".form-answer.is-warn li")
    assert "44" in author.inner_text(".form-answer li")
    author.check("input[name=confirmed]")
    author.fill("textarea[name=reason]", "核查后新增 7 家")
    author.set_input_files("input[name=files]", files=[{"name": "证明.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n"}])
    author.click(".report-panel form button")
    author.wait_for_selector(".form-answer.is-good")

    reviewer = person("review")
    reviewer.goto(address(web, show="queue"))
    entry = reviewer.wait_for_selector(".entry")
    for words in ("51", "核查后新增 7 家", "证明.pdf", "未认证"):
        assert words in entry.inner_text()
    reviewer.click("button[value=return]")  # without a note it stays
    reviewer.wait_for_selector(".form-answer.is-bad")
    reviewer.click("button[value=accept]")
    reviewer.wait_for_selector("text=没有待审核的填报")

    reviewer.goto(f"{web.url}/plan/target/{TARGET}?city={CITY}")
    reviewer.wait_for_selector("text=51")
    shown = reviewer.inner_text("#page")
    assert date.today().isoformat()[:4] in shown and "report" in shown and "review" in shown


def test_a_correction_begins_with_what_was_said_and_the_old_figure_stays(web: Web, person: Any) -> None:
    author = person("report")
    author.goto(address(web, show="entries"))
    author.click(".entry.is-accepted .button:has-text('更正')")
    author.wait_for_selector(".report-panel form")
    assert author.input_value("input[name=value]") == "51"
    author.fill("input[name=value]", "50")
    author.fill("textarea[name=reason]", "其中 1 家重复统计")
    author.click(".report-panel form button")
    author.wait_for_selector(".form-answer.is-warn li")
    author.check("input[name=confirmed]")
    author.click(".report-panel form button")
    author.wait_for_selector(".form-answer.is-good")
    reviewer = person("review")
    reviewer.goto(address(web, show="queue"))
    reviewer.click("button[value=accept]")
    reviewer.wait_for_selector("text=没有待审核的填报")
    reviewer.goto(f"{web.url}/plan/target/{TARGET}?city={CITY}")
    reviewer.wait_for_selector(".reports-table")
    said = reviewer.inner_text(".reports-table")
    assert "50 家" in said and "51 家" in said and "已被更正" in said


def test_a_viewer_sees_what_is_due_but_no_form_and_where_to_choose_a_role(web: Web, person: Any) -> None:
    viewer = person("view")
    viewer.goto(address(web, item=TARGET))
    viewer.wait_for_selector(".due-table tbody tr")
    assert not viewer.is_visible(".report-panel form")
    assert viewer.is_visible(".if-viewer a[href='/login']")


def test_an_executable_is_refused_as_evidence_and_nothing_is_handed_in(web: Web, person: Any) -> None:
    author = person("report")
    author.goto(address(web, item="ez-labs"))
    author.fill("input[name=value]", "1")
    author.set_input_files("input[name=files]", files=[{"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"MZ\x90\x00"}])
    author.click(".report-panel form button")
    author.wait_for_selector(".form-answer.is-bad")
    assert "佐证 a.pdf 是程序" in author.inner_text(".form-answer")  # in the language of the page
    author.goto(address(web, show="entries"))
    author.wait_for_selector(".ledger-report")
    assert "省级以上重点实验室" not in author.inner_text(".ledger-report .entry-list, .ledger-report .empty")


def test_an_accepted_report_is_withdrawn_with_a_reason_and_a_review_and_the_page_says_so(web: Web, person: Any) -> None:
    author = person("report")
    author.goto(address(web, item=TARGET))
    author.click(".withdrawal summary")
    newest = author.eval_on_selector(".withdrawal select[name=data_on]", "box => box.options[0].value")
    author.fill(".withdrawal textarea[name=reason]", "误报")
    author.click(".withdrawal form button")
    author.wait_for_selector(".withdrawal .form-answer.is-good")
    reviewer = person("review")
    reviewer.goto(address(web, show="queue"))
    assert "撤销该日数据" in reviewer.wait_for_selector(".entry").inner_text()
    reviewer.click("button[value=accept]")
    reviewer.wait_for_selector("text=没有待审核的填报")
    reviewer.goto(f"{web.url}/plan/target/{TARGET}?city={CITY}")
    said = reviewer.wait_for_selector(".reports-table").inner_text()
    assert "撤销该日数据" in said and "误报" in said and newest in said


def test_a_faulty_template_is_told_in_the_language_of_the_page(web: Web, person: Any) -> None:
    author = person("report")
    template = author.request.get(f"{web.url}/api/v1/reports/template?city={CITY}&department={quote(OFFICE)}").body()
    book = load_workbook(BytesIO(template))
    sheet = book[SHEET]
    sheet.cell(3, list(COLUMNS).index("value") + 1, "3O")
    out = BytesIO()
    book.save(out)
    author.goto(address(web))
    author.set_input_files("input[name=file]", files=[{"name": "回收.xlsx", "mimeType": "application/vnd.ms-excel", "buffer": out.getvalue()}])
    author.click("#report-template button")
    answer = author.wait_for_selector("#report-template .form-answer li")
    assert "完成值：“3O”不是数字" in answer.inner_text()


def test_on_a_phone_the_form_fits_and_every_control_can_be_hit(web: Web, person: Any) -> None:
    phone = person("report", 390, 844)
    phone.goto(address(web, item=TARGET))
    phone.wait_for_selector(".report-panel form button")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = phone.evaluate(
        """[...document.querySelectorAll('.report-panel form :is(input, select, textarea, button)')]
           .map(e => [e.name || e.textContent, e.getBoundingClientRect().height]).filter(p => p[1] > 0 && p[1] < 40)"""
    )
    assert small == []


def test_the_form_keeps_what_is_written_while_the_lists_renew_themselves(web: Web, person: Any) -> None:
    author, other = person("report"), person("report")
    author.goto(address(web, item=TARGET))
    author.fill("textarea[name=reason]", "还在写")
    other.goto(address(web, item="ez-tech-transfer"))
    other.fill("input[name=value]", "12")
    other.click(".report-panel form button")
    other.wait_for_selector(".form-answer.is-good")
    # the queue's number moves on the first page, what is being written stays
    author.wait_for_function("() => [...document.querySelectorAll('.report-bar .tabs small')].some(s => s.textContent === '1')")
    assert author.input_value("textarea[name=reason]") == "还在写"
