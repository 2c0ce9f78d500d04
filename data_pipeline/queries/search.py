"""Search over areas, metrics, targets and sites of a city: Chinese, pinyin (whole or initials), English, ids."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from typing import Literal

from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import UsageError
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Site, Target

Kind = Literal["area", "metric", "target", "site"]
# in the order they are answered
KINDS: tuple[Kind, ...] = ("area", "metric", "target", "site")
MAX_QUERY, MAX_HITS = 100, 50
HAN = re.compile(r"[\u3400-\u9fff]+")
EXACT, START, WORD_START, INSIDE = 0, 1, 2, 3


@dataclass(frozen=True)
class Hit:
    """One thing found. `area`: the area it lies in or belongs to, None where it is the whole city's.

    `group` says what it is among its kind: an area's level, a metric's domain, a site's dataset, a target's plan.
    """

    kind: Kind
    id: str
    city: str
    name_zh: str
    name_en: str
    area: str | None
    group: str


@dataclass(frozen=True)
class _Entry:
    """A hit with all that may be typed for it. `starts`: places in `pinyin` where a syllable begins."""

    hit: Hit
    texts: tuple[str, ...]
    pinyin: str
    initials: str
    starts: frozenset[int]
    haystack: str


class SearchIndex:
    """All that can be found in a city at one state of its registers."""

    def __init__(self, hits: Iterable[Hit]) -> None:
        self.entries = [_entry(hit) for hit in hits]

    def find(self, query: str, limit: int) -> list[Hit]:
        """The best `limit` hits of each kind, the kinds in the order of `KINDS`; every word of `query` must fit.

        A whole name comes before a beginning, that before the beginning of a word, that before
        what stands inside; among equals the shorter name first. An empty query finds nothing.
        """
        terms = unicodedata.normalize("NFKC", query).lower().split()
        if not terms:
            return []
        found: dict[Kind, list[tuple[int, int, str, Hit]]] = {kind: [] for kind in KINDS}
        for entry in self.entries:
            if any(term not in entry.haystack for term in terms):
                continue
            ranks = [_rank(entry, term) for term in terms]
            if None not in ranks:
                rank = sum(r for r in ranks if r is not None)
                found[entry.hit.kind].append((rank, len(entry.texts[0]), entry.hit.id, entry.hit))
        return [hit for kind in KINDS for *_, hit in nsmallest(limit, found[kind], key=lambda f: f[:3])]


def _entry(hit: Hit) -> _Entry:
    texts = tuple(text.lower() for text in (hit.name_zh, hit.name_en, hit.id) if text)
    syllables = _syllables(hit.name_zh.lower())
    starts, at = [], 0
    for syllable in syllables:
        starts.append(at)
        at += len(syllable)
    pinyin = "".join(syllables)
    # a Latin word or a number inside a Chinese name counts as one syllable, and is typed whole
    initials = "".join(s[0] if s.isalpha() else s for s in syllables)
    return _Entry(hit, texts, pinyin, initials, frozenset(starts), "\n".join((*texts, pinyin, initials)))


def _syllables(name: str) -> list[str]:
    found: list[str] = []
    at = 0
    for run in HAN.finditer(name):
        found += re.findall(r"[a-z]+|\d+", name[at : run.start()])
        found += _pinyin(run.group())
        at = run.end()
    return [*found, *re.findall(r"[a-z]+|\d+", name[at:])]


@lru_cache(maxsize=65_536)
def _pinyin(han: str) -> tuple[str, ...]:
    """Syllables without tones; phrases decide where a character has several readings (重庆 is chong qing)."""
    from pypinyin import lazy_pinyin  # its phrases take 57 MB: only who searches loads them

    return tuple(lazy_pinyin(han))


def _rank(entry: _Entry, term: str) -> int | None:
    """How well a word fits an entry, 0 best; None where it fits only across syllables."""
    best: int | None = None
    for text in (*entry.texts, entry.pinyin, entry.initials):
        at = text.find(term)
        while at >= 0:
            if at == 0:
                rank = EXACT if len(text) == len(term) else START
            elif text is entry.pinyin:
                rank = WORD_START if at in entry.starts else -1
            elif text is entry.initials:
                rank = INSIDE if len(term) > 1 else -1
            else:
                rank = INSIDE if text[at - 1].isalnum() and text[at].isascii() else WORD_START
            if rank >= 0:
                best = rank if best is None else min(best, rank)
                break
            at = text.find(term, at + 1)
    return best


def hits_of(pack: Pack, metrics: Sequence[Metric], targets: Sequence[Target], sites: Sequence[Site]) -> list[Hit]:
    """Everything of a city that can be looked for. Official codes of an area lead to it as well, by its id."""
    city = pack.id
    found = [Hit("area", a.id, city, a.name_zh, a.name_en, a.parent, a.level) for a in pack.areas.values()]
    found += [Hit("metric", m.id, city, m.name_zh, m.name_en, None, m.domain) for m in metrics]
    found += [Hit("target", x.target_id, city, x.indicator_zh, x.indicator_en, None, x.plan_id) for x in targets if not x.same_as]
    found += [Hit("site", s.site_id, city, s.name, s.name_en, s.township_id or s.district_id, s.dataset) for s in sites]
    return found


class SearchDoor:
    """The part of `Queries` that finds things by name. The other parts set what it asks."""

    packs: dict[str, Pack]
    metrics_for: Callable[[str], list[Metric]]
    targets: Callable[[str], list[Target]]
    sites: Callable[..., list[Site]]
    _search_indexes: dict[str, tuple[list[Site], SearchIndex]]
    _search_guard: threading.Lock

    def _start_search(self) -> None:
        self._search_indexes, self._search_guard = {}, threading.Lock()

    def search(self, city: str, query: str, limit: int = 8) -> list[Hit]:
        """The best `limit` areas, metrics, targets and sites of a city whose name holds every word of `query`.

        Raises
        ------
        UsageError
            `query` is longer than `MAX_QUERY` characters, or `limit` is not 1 to `MAX_HITS`.
        """
        if len(query) > MAX_QUERY:
            raise UsageError(f"search: {len(query)} characters asked for", hint=f"at most {MAX_QUERY}")
        if not 1 <= limit <= MAX_HITS:
            raise UsageError(f"search: limit {limit}", hint=f"1 to {MAX_HITS}")
        return self.search_index(city).find(query, limit)

    def search_index(self, city: str) -> SearchIndex:
        """The index of a city; made anew only where its register of sites has changed."""
        pack = find_pack(self.packs, city)
        sites = self.sites(pack.id)
        with self._search_guard:
            held = self._search_indexes.get(pack.id)
            # the listings keep one list as long as the register stays as it is
            if held is None or held[0] is not sites:
                index = SearchIndex(hits_of(pack, self.metrics_for(pack.id), self.targets(pack.id), sites))
                self._search_indexes[pack.id] = held = (sites, index)
            return held[1]
