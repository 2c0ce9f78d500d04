"""Ledgers made by hand for freezes and briefings, and the briefing of one."""

from __future__ import annotations

import sys
from datetime import date, datetime
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))

import fake_ledger

from components.i18n import Lang
from components.ledger import briefing
from data_pipeline.cities import Pack, load_packs
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.boards import project_sums
from data_pipeline.ledger.brief import Brief
from data_pipeline.ledger.types import Freeze, Ledger

NOW = datetime(2026, 11, 22, 1, 30)
ON = date(2026, 11, 22)
CITY = "420700"


@cache
def pack() -> Pack:
    return load_packs()[CITY]


@cache
def ledger(on: date = ON) -> Ledger:
    return fake_ledger.ledger(pack(), on)


def freeze(on: date = ON, name: str = "十一月调度会") -> Freeze:
    return kept.make(ledger(on), name, "张三", False, NOW)


def issue(lang: Lang) -> briefing.Issue:
    offices = {} if lang == "zh" else {row["dept_zh"]: row["dept_en"] for row in pack().plan("departments")}
    return briefing.Issue(CITY, pack().name_zh if lang == "zh" else pack().name_en, lang, pack().tz, NOW, offices, 7)


@cache
def brief(lang: Lang = "zh") -> Brief:
    one = freeze()
    return briefing.ledger_brief(issue(lang), kept.thaw(one), project_sums(ledger().projects), one)
