"""`/data`: sources, deliveries, quarantine, layers; and the export of refused rows."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from fake_store import FakeStore
from fastapi import FastAPI
from fastapi.testclient import TestClient
from views import links, make, nodes, page, region, words

from data_pipeline.cities import load_packs
from data_pipeline.ingest.types import unused_words
from data_pipeline.queries.types import Source
from pages.data import cadence_words, summary_words
from pages.overview import suppliers
from pages.serving.actions import make_actions_router


def test_sources_show_nature_cadence_and_lateness_the_late_ones_first() -> None:
    tree = page(make(), "/data")["tree"]
    table = region(tree, "v-data-sources")
    rows = [p for p in nodes(table) if isinstance(p.get("children"), list) and len(p["children"]) == 9]
    assert "迟到" in words(rows[1]["children"])  # the row after the heading: car_parks is late in the stand-in
    said = words(table)
    assert all(part in said for part in ("模拟", "未接入", "每 1 小时，宽限 30 分钟"))


def test_the_summary_counts_what_there_is() -> None:
    sources = FakeStore().sources("420700")
    off = sum(s.state == "off" for s in sources)
    assert summary_words(sources, "zh") == f"数据源 {len(sources)} 个：真实 0，模拟 {len(sources) - off}，未接入 {off}；1 个迟到"


@pytest.mark.parametrize(("cadence", "grace", "text"), [(None, None, "不定期"), (900, 900, "每 15 分钟，宽限 15 分钟"), (3600, 0, "每 1 小时")])
def test_cadence_in_words(cadence: int | None, grace: int | None, text: str) -> None:
    source = Source("c", "d", "", "", "", "", "real", "ok", cadence, grace, None, None, None, 0, 0)
    assert cadence_words(source, "zh") == text


def test_columns_a_delivery_did_not_use_are_named_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = FakeStore.deliveries
    told = f"GB18030 text; {unused_words(['Tariff zone', '备注'])}"
    monkeypatch.setattr(FakeStore, "deliveries", lambda *a, **k: [replace(d, message=told) for d in plain(*a, **k)])
    assert "未采用的列：Tariff zone、备注" in words(page(make(), "/data", "?show=deliveries")["tree"])
    assert "columns not used: Tariff zone, 备注" in words(page(make(), "/data", "?show=deliveries&lang=en")["tree"])


def test_each_delivery_shows_the_whole_account_and_pages_by_address() -> None:
    views = make()
    first = page(views, "/data", "?show=deliveries")["tree"]
    box = region(first, "v-data-deliveries")
    rows = [words(p["children"]) for p in nodes(box) if isinstance(p.get("children"), list) and len(p["children"]) == 11]
    assert len(rows) == 41  # a heading and forty deliveries
    assert "100 90 6" in rows[1]
    assert links(box)["下一页"] == "/data?show=deliveries&from=40"
    last = region(page(views, "/data", "?show=deliveries&from=120")["tree"], "v-data-deliveries")
    assert "没有记录" in words(last["children"])


def test_quarantined_rows_show_rule_reason_and_values_as_they_came() -> None:
    box = region(page(make(), "/data", "?show=quarantine&dataset=charging_hourly")["tree"], "v-data-quarantine")
    said = words(box["children"])
    assert "超出允许范围" in said and "-3 is below 0" in said and "=1+1" in said and "充电量" in said
    assert "路段车速" not in said


def test_the_export_is_offered_for_one_dataset_only() -> None:
    views = make()
    none = page(views, "/data", "?show=quarantine")["tree"]
    assert "选定一个数据集后可导出" in words(region(none, "v-data-export")["children"])
    one = links(region(page(views, "/data", "?show=quarantine&dataset=charging_hourly&delivery=13")["tree"], "v-data-export"))
    assert one["导出待改行（CSV）"] == "/act/quarantine.csv?city=420700&dataset=charging_hourly&delivery=13"


def client() -> TestClient:
    store = FakeStore()
    server = FastAPI()
    server.include_router(make_actions_router(store, store.packs, None))  # type: ignore[arg-type]
    return TestClient(server)


def test_the_exported_file_is_what_quarantine_replay_takes() -> None:
    answer = client().get("/act/quarantine.csv?city=420700&dataset=charging_hourly")
    assert answer.status_code == 200 and answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    # 45 odd numbers of 90, number 5 has been replayed
    assert [int(r["quarantine_id"]) for r in rows] == [n for n in range(1, 91, 2) if n != 5]
    assert list(rows[0]) == ["quarantine_id", "quarantine_row", "quarantine_column", "quarantine_rule", "quarantine_reason",
                             "site_id", "energy_kwh", "note"]  # fmt: skip
    assert rows[0]["energy_kwh"] == "-3" and rows[0]["quarantine_rule"] == "out_of_range"


@pytest.mark.parametrize("query", ["city=999999&dataset=charging_hourly", "city=420700&dataset=charging"])
def test_an_export_of_something_unknown_is_refused(query: str) -> None:
    answer = client().get(f"/act/quarantine.csv?{query}")
    assert answer.status_code == 404 and "unknown" in answer.json()["message"]


def test_every_layer_names_source_licence_and_rights() -> None:
    tree = page(make(), "/data", "?show=layers")["tree"]
    said = words(tree)
    pack = load_packs()["420700"]
    for layer in pack.layers.values():
        assert layer.source in said and layer.licence in said
    waiting = sum(layer.rights == "to_clear" for layer in pack.layers.values())
    assert f"图层 {len(pack.layers)} 个，其中 {waiting} 个" in said and "审图号：由部署单位填写" in said


def test_an_unknown_part_or_dataset_is_a_page_that_says_so() -> None:
    views = make()
    for search in ("?show=quarantin", "?dataset=charging"):
        assert "没有这个页面" in words(page(views, "/data", search)["tree"])


def test_a_city_without_data_still_shows_its_layers() -> None:
    views = make()
    assert "正在建立" in words(page(views, "/data", "?city=330600")["tree"])
    assert "区县界" in words(page(views, "/data", "?city=330600&show=layers")["tree"])


def test_every_supplier_and_office_of_every_pack_has_an_english_name() -> None:
    for pack in load_packs().values():
        names = suppliers(pack, "en")
        asked = {s.supplier_zh or s.name_zh for s in pack.sources.values()} | {row["dept_zh"] for row in pack.plan("departments")}
        assert asked <= names.keys(), pack.id
        assert not any(0x4E00 <= ord(c) <= 0x9FFF for name in names.values() for c in name), pack.id


def test_a_supplier_nobody_translated_stands_as_delivered_and_marked_chinese() -> None:
    box = region(page(make(), "/data", "?show=deliveries&lang=en")["tree"], "v-data-deliveries")
    assert {p["lang"] for p in nodes(box) if p.get("children") == "市充电平台"} == {"zh-CN"}
