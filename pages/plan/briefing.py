"""Briefings of pages and freezes: what stands in the queries is gathered here, worded and made into a file.

Used by the web (`BriefJobs`) and by the command line: `python -m pages.plan.briefing …`, called by `ledger brief`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components import sentence
from components.i18n import Lang, is_lang, pick, t
from components.ledger import briefing
from components.ledger.listing import filter_words, fold, narrowed
from components.ledger.words import day
from components.theme import COLORS
from data_pipeline.cities import Pack, find_pack, load_packs
from data_pipeline.errors import CityBrainError, UnknownId
from data_pipeline.home import Home
from data_pipeline.ledger import brief as briefs
from data_pipeline.ledger.boards import project_sums
from data_pipeline.ledger.brief import Brief
from data_pipeline.ledger.brief_jobs import Maker, Progress, Wanted
from data_pipeline.ledger.brief_xlsx import to_xlsx
from data_pipeline.ledger.diff import diff
from data_pipeline.ledger.known import ledger_areas
from data_pipeline.ledger.types import Freeze, Ledger
from data_pipeline.times import now_utc
from pages.overview import MAX_KPIS, figure_grain, kpi_metrics

if TYPE_CHECKING:
    from data_pipeline.queries import Queries

# more areas than this stand on their own page, not in a briefing
MOST_AREAS, MOST_COMPARED = 12, 6


def maker(queries: Queries, packs: Mapping[str, Pack], now: Callable[[], datetime] = now_utc) -> Maker:
    """What makes a briefing's file from the present answers of `queries`."""

    def make(wanted: Wanted, progress: Progress) -> bytes:
        progress("gather", 0.05)
        brief = compose(queries, packs, wanted, now())
        progress("set", 0.5)
        return to_xlsx(brief) if wanted.format == "xlsx" else briefs.to_pdf(brief, COLORS["light"])

    return make


def compose(queries: Queries, packs: Mapping[str, Pack], wanted: Wanted, at_utc: datetime) -> Brief:
    """The briefing as a document.

    Raises
    ------
    UnknownId, UsageError
        There is no such city, freeze or target; or the date is still to come.
    """
    wanted.check()
    pack = find_pack(dict(packs), wanted.city)
    lang: Lang = wanted.lang if is_lang(wanted.lang) else "zh"
    offices = {} if lang == "zh" else {row["dept_zh"]: row["dept_en"] for row in pack.plan("departments") if row["dept_en"]}
    snapshot = queries.snapshot()
    issue = briefing.Issue(pack.id, pick(pack.name_zh, pack.name_en, lang), lang, pack.tz, at_utc, offices, snapshot.id if snapshot else None)
    if wanted.of == "overview":
        return _overview(queries, pack, issue)
    ledger, freeze = queries.ledger_at(pack.id, wanted.at)
    if wanted.of == "changes":
        old, kept = queries.ledger_at(pack.id, wanted.before)
        simulated = any(row.is_simulated for one in (old, ledger) for row in one.targets)
        return briefing.changes_brief(issue, diff(old, ledger), point_words(old, kept, lang), point_words(ledger, freeze, lang), simulated)
    if wanted.of == "target" and ledger.target(wanted.target) is None:
        raise UnknownId("target", wanted.target, [row.target.target_id for row in ledger.targets])
    known = [board.department.dept_zh for board in ledger.departments]
    if wanted.of == "department" and wanted.department not in known:
        raise UnknownId("department", wanted.department, known)
    listed = narrowed(fold(ledger.targets)[0], wanted.only) if wanted.of == "targets" else None
    return briefing.ledger_brief(
        issue, ledger, project_sums(ledger.projects), freeze, part=wanted.of, target=wanted.target, department=wanted.department,
        listed=listed, filters=filter_words(ledger.targets, wanted.only, offices, lang) if listed is not None else (),
    )  # fmt: skip


def point_words(ledger: Ledger, freeze: Freeze | None, lang: Lang) -> str:
    """What a ledger is called: the freeze's name and day, or its day."""
    on = day(ledger.on, lang)
    return on if freeze is None else t("review.named", lang, name=freeze.name, date=on)


def _overview(queries: Queries, pack: Pack, issue: briefing.Issue) -> Brief:
    city, lang = pack.city_area.id, issue.lang
    metrics = kpi_metrics(queries.metrics_for(pack.id))[:MAX_KPIS]
    headline = [(queries.card(m.id, city, figure_grain(m)), m) for m in metrics]
    children = pack.children(city)
    shown = children if len(children) <= MOST_AREAS else ()
    names = {a.id: pick(a.name_zh, a.name_en, lang) for a in pack.areas.values()}
    elsewhere = [(queries.card(m.id, a.id, figure_grain(m)), m) for m in metrics for a in shown]
    events = queries.events(pack.id, limit=200)
    sources = queries.sources(pack.id)
    clauses = sentence.parts(pack.name_zh, pack.name_en, names, headline, elsewhere, events, sources, lang)
    compared = [m for m in metrics if m.better != "neither"][:MOST_COMPARED]
    by_area = {m.id: queries.by_area(m.id, city, figure_grain(m), level=shown[0].level) for m in compared} if shown else {}
    supplied = [
        t(f"briefing.source_feed{'_simulated' if s.state == 'simulated' else ''}", lang, name=pick(s.name_zh, s.name_en, lang),
          supplier=pick(s.supplier_zh, s.supplier_en, lang))
        for s in sources if s.state != "off"
    ]  # fmt: skip
    return briefing.overview_brief(issue, headline, clauses, by_area, shown, events, names, queries.ledger(pack.id), supplied)


def main(argv: list[str] | None = None) -> int:
    """Write one briefing: 0 done, 1 failed, 2 wrong use."""
    from data_pipeline.queries import Queries

    parser = argparse.ArgumentParser(prog="python -m pages.plan.briefing", description="Write one briefing as PDF or workbook.")
    for name, default in (("of", "ledger"), ("city", ""), ("lang", "zh"), ("format", "pdf"), ("at", "now"), ("before", ""), ("target", ""), ("department", "")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--home")
    parser.add_argument("--packs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv)
    try:
        packs = load_packs(given.packs)
        pack = find_pack(packs, given.city)
        wanted = Wanted(given.of, pack.id, given.lang, given.format, given.at, given.before, given.target, given.department).check()
        queries = Queries.open(Home.of(given.home), {pack.id: pack}, areas=ledger_areas(pack))
        try:
            said = lambda step, share: print(f"{share:4.0%} {step}", file=sys.stderr, flush=True)  # noqa: E731
            body = maker(queries, packs)(wanted, said)
        finally:
            queries.close()
        given.out.write_bytes(body)
        said("done", 1.0)
    except CityBrainError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {given.out} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
