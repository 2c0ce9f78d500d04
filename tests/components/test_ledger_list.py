"""Lists and marks of the ledger: worst first, a shape a status, one row a promise, simulated beside the office."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from ledger_rows import ON, row_of
from test_drawing import texts

from components.i18n import catalogue
from components.ledger import listing, projects
from components.ledger import strip as ledger_strip
from components.ledger import words as ledger_words
from components.ledger.paths import axis_of
from data_pipeline.ledger.types import STATUSES, LedgerTarget

WORDS = listing.ListWords(
    lang="zh", departments={}, target_href=lambda x: f"/plan/target/{x}", department_href=lambda x: f"/plan/department/{x}",
    status_href=lambda x: f"/plan?status={x}", city="420700", on=ON,
)  # fmt: skip


def named(row: LedgerTarget, target_id: str, **more: object) -> LedgerTarget:
    return replace(row, target=replace(row.target, target_id=target_id, **more))  # type: ignore[arg-type]


def test_every_status_has_a_shape_of_its_own_and_a_word_in_both_languages() -> None:
    assert set(ledger_words.SHAPES) == set(STATUSES)
    assert len(set(ledger_words.SHAPES.values())) == len(STATUSES)
    for lang in ("zh", "en"):
        words = [catalogue(lang)[f"ledger.status.{status}"] for status in STATUSES]  # type: ignore[arg-type]
        assert len(set(words)) == len(STATUSES)


def test_the_words_of_the_statuses_are_those_the_ledger_prescribes() -> None:
    said = {status: ledger_words.status_word(status, "zh") for status in STATUSES}
    assert said == {"done": "已完成", "done_late": "逾期完成", "ahead": "超前", "on_track": "正常", "at_risk": "有风险", "behind": "滞后",
                    "catching_up": "追赶", "stalled": "停滞", "not_measurable": "不可量化", "no_data": "暂无数据"}  # fmt: skip


def test_only_a_stalled_sign_takes_the_signal_colour() -> None:
    from pathlib import Path

    css = (Path(__file__).parents[2] / "assets" / "ledger.css").read_text(encoding="utf-8")
    rules = [line for line in css.splitlines() if "--alert" in line]
    assert rules and all("is-stalled" in line for line in rules)


def test_the_worst_stands_first_and_the_farthest_from_its_promise_before_the_nearer() -> None:
    far, near = row_of("stalled"), row_of("stalled")
    assert far.pace and near.pace
    rows = [
        named(row_of("done"), "done"), named(replace(near, pace=replace(near.pace, progress_share=0.9)), "near"),
        named(row_of("no_data"), "none"), named(replace(far, pace=replace(far.pace, progress_share=0.2)), "far"),
    ]  # fmt: skip
    assert [r.target.target_id for r in listing.sort_rows(rows, "status", "zh")] == ["far", "near", "none", "done"]
    assert [r.target.target_id for r in listing.sort_rows(rows, "-actual", "zh")][0] == "near"


@pytest.mark.parametrize("sort", listing.SORTS)
def test_every_order_keeps_every_row(sort: str) -> None:
    rows = [named(row_of(status), status) for status in STATUSES]
    for by in (sort, f"-{sort}"):
        assert {r.target.target_id for r in listing.sort_rows(rows, by, "zh")} == set(STATUSES)


def test_restating_rows_fold_into_the_one_they_restate() -> None:
    rows = [named(row_of("done"), "a"), named(row_of("done"), "b", same_as="a", clause="一"), named(row_of("done"), "c")]
    distinct, again = listing.fold(rows)
    assert [r.target.target_id for r in distinct] == ["a", "c"]
    table = listing.target_table(distinct, again, axis_of(rows, ON), WORDS)
    said = "".join(texts(table))
    assert said.count("另见") == 1 and "第 一 条" in said


def test_a_row_says_promise_actual_owner_forecast_interval_and_that_it_is_simulated() -> None:
    row = row_of("catching_up")
    said = "|".join(texts(listing.target_table([row], {}, axis_of([row], ON), WORDS)))
    # month 82 of 100 to the goal: 100 + 100 * 81 / 100
    for words in ("追赶", "≥ 200 个", "181 个", "2026-10-31", "市住建局", "模拟", "2028-11-22", "190–209 个"):
        assert words in said, words


def test_a_promise_without_report_is_no_data_and_shows_no_number() -> None:
    row = replace(row_of("no_data"), pace=None, path=(), last_report=None, actual_from=None, is_simulated=False, report_overdue_days=42)
    said = texts(listing.target_table([row], {}, axis_of([row], ON), WORDS))
    assert "暂无填报" in said and "填报逾期 42 天" in said and "模拟" not in said
    assert not [x for x in said if x.startswith("0")]


def test_a_direction_is_text_and_never_a_drawing() -> None:
    row = replace(row_of("not_measurable"), target=replace(row_of("done").target, value=None, kind="direction", comparator=""),
                  reason="direction", pace=None, path=())  # fmt: skip
    tree = listing.target_table([row], {}, axis_of([row], ON), WORDS)
    assert "方向性表述，不设刻度" in texts(tree)
    assert "c-path" not in str(tree.children.children[1])


def groups_of(rows: list[LedgerTarget], sort: str = "status") -> list[tuple[str, str, int]]:
    """(heading, open, rows) of each part of a list."""
    found = []
    for body in listing.target_table(rows, {}, axis_of(rows, ON), WORDS, sort=sort).children.children[1:]:
        heads = [tr for tr in body.children if getattr(tr, "className", "") == "group-head"]
        found.append(("".join(texts(heads)), body.to_plotly_json()["props"].get("data-open", "true"), len(body.children) - len(heads)))
    return found


def test_a_long_list_has_a_part_for_each_status_and_the_worst_is_open() -> None:
    rows = [named(row_of(status), f"{status}{n}") for status in ("stalled", "catching_up", "done") for n in range(5)]
    assert groups_of(rows) == [("停滞5", "true", 5), ("追赶5", "false", 5), ("已完成5", "false", 5)]


def test_a_long_list_in_another_order_folds_what_follows_the_first_rows() -> None:
    rows = [named(row_of(status), f"{status}{n}") for status in ("stalled", "done") for n in range(10)]
    assert groups_of(rows, "name") == [("", "true", listing.UNFOLDED), (f"其余 {20 - listing.UNFOLDED} 项", "false", 20 - listing.UNFOLDED)]


def test_a_short_list_is_whole() -> None:
    rows = [named(row_of(status), status) for status in STATUSES]
    assert groups_of(rows) == [("", "true", len(STATUSES))]


def test_filters_narrow_together_and_are_told_in_words() -> None:
    rows = [named(row_of("stalled"), "a"), named(row_of("stalled"), "b", deadline=""), named(row_of("done"), "c")]
    only = {"status": "stalled", "deadline": "none", "kind": ""}
    assert [r.target.target_id for r in listing.narrowed(rows, only)] == ["b"]
    assert listing.filter_words(rows, only, {}, "zh") == ["状态 停滞", "期限 未定期限"]


def test_counts_are_by_status_and_nothing_is_averaged() -> None:
    rows = [row_of("stalled"), row_of("done"), row_of("done")]
    said = texts(listing.status_counts(rows, "zh", "", lambda s: f"?status={s}"))
    assert said == ["3", "项目标", "1", "停滞", "2", "已完成"]
    assert not [x for x in said if "%" in x]


def test_the_strip_has_one_mark_a_target_in_the_order_of_the_statuses() -> None:
    rows = [named(row_of(status), status) for status in reversed(STATUSES)]
    strip = ledger_strip.plan_strip(rows, WORDS, id="s")
    groups = strip.children
    assert [g.className for g in groups] == [f"plan-group is-{status}" for status in STATUSES]
    assert all(len(g.children[1].children) == 1 for g in groups)
    first = groups[0].children[1].children[0]
    assert first.href == "/plan/target/stalled" and first.title.startswith("停滞：智能感知终端数，目标 ≥ 200 个，实际 181 个")


@pytest.mark.parametrize(
    ("value", "goal", "unit", "words"),
    [(1980.0, 2000.0, "个", "1,980 个"), (86.54, 90.0, "%", "86.5%"), (1.234, 2.0, "万个", "1.23 万个"), (None, 2.0, "个", "暂无数据"),
     (1980.6, 2000.0, "个", "1,981 个")],
)  # fmt: skip
def test_an_amount_keeps_the_digits_that_tell_it_from_its_promise(value: float | None, goal: float, unit: str, words: str) -> None:
    target = replace(row_of("done").target, value=goal, unit_zh=unit)
    assert ledger_words.amount(value, target, "zh") == words


@pytest.mark.parametrize(
    ("value", "zh", "en", "words"),
    [(1.0, "家", "hospitals", "1 hospital"), (3.0, "家", "hospitals", "3 hospitals"), (1.0, "个", "facilities", "1 facility"),
     (1.0, "家", "complexes", "1 complex"), (1.0, "家", "homes per district", "1 home per district"), (1.0, "家", "scenic areas", "1 scenic area"),
     (1.0, "Gbps", "Gbps", "1 Gbps"), (1.0, "%", "% of spaces", "1 % of spaces"), (0.0, "个", "units", "0 units"), (590.0, "万方", "10,000 cubic metres", "590 × 10,000 cubic metres")],
)  # fmt: skip
def test_one_of_what_is_counted_is_singular(value: float, zh: str, en: str, words: str) -> None:
    target = replace(row_of("done").target, value=value or 3.0, unit_zh=zh, unit_en=en)
    assert ledger_words.amount(value, target, "en") == words


def test_a_report_is_told_as_it_was_sent() -> None:
    done = replace(row_of("done", kind="completion").last_report, stage="done", expected_on=date(2022, 6, 30))  # type: ignore[type-var]
    assert ledger_words.said_words(done, "", "", "zh") == "完成 · 2022-06-30 完成"
    assert ledger_words.said_words(replace(done, subject="project"), "", "", "zh") == "建成 · 2022-06-30 完成"
    exact = replace(done, stage="", expected_on=None, value=86.125)
    assert ledger_words.said_words(exact, "%", "%", "en") == "86.125%"
    assert ledger_words.said_words(replace(exact, value=1.0), "家", "hospitals", "en") == "1 hospital"
    assert ledger_words.said_words(replace(exact, value=None), "", "", "en") == "—"


def test_money_is_in_the_documents_unit_and_in_billions_in_english() -> None:
    # Qianjiang: 154.13 亿元 is ¥15.413bn
    assert projects.money(154.13, "zh") == "154.13 亿元"
    assert projects.money(154.13, "en") == "¥15.413 bn"
    assert projects.money(None, "zh") == "未注明"


def test_a_wall_sees_every_target_in_turn() -> None:
    rows = [named(row_of("done"), str(i)) for i in range(11)]
    seen = {r.target.target_id for minute in range(3) for r in ledger_strip.turn(rows, 4, minute)}
    assert seen == {str(i) for i in range(11)} and ledger_strip.turn([], 4, 3) == []
