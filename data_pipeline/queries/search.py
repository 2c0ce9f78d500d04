"""Search over areas, metrics, targets and sites of a city: Chinese, pinyin (whole or initials), English, ids."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate
from pathlib import Path
from typing import Literal

from data_pipeline.cities import Pack, find_pack
from data_pipeline.errors import CityBrainError, UsageError
from data_pipeline.metrics import Metric
from data_pipeline.queries.types import Site, Target

Kind = Literal["area", "metric", "target", "site"]
# in the order they are answered
KINDS: tuple[Kind, ...] = ("area", "metric", "target", "site")
MAX_QUERY, MAX_HITS = 100, 50
HAN = re.compile(r"[\u3400-\u9fff]+")
EXACT, START, WORD_START, INSIDE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
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


class SearchIndex:
    """All that can be found in a city at one state of its registers.

    A city has tens of thousands of sites: beside each hit stand only the bytes of all that may be typed for it (name,
    English name, id, pinyin, initials; one a line) and the lengths of its syllables.
    """

    def __init__(self, hits: Iterable[Hit]) -> None:
        self._hits = list(hits)
        spoken = _spoken(hit.name_zh.lower() for hit in self._hits)
        self._typed: list[bytes] = []
        self._lengths: list[bytes] = []
        for hit in self._hits:
            syllables = _syllables(hit.name_zh.lower(), spoken)
            # a Latin word or a number inside a Chinese name counts as one syllable, and is typed whole
            initials = "".join(s[0] if s.isalpha() else s for s in syllables)
            names = (" ".join(text.lower().split()) for text in (hit.name_zh, hit.name_en, hit.id))
            self._typed.append("\n".join((*names, "".join(syllables), initials)).encode())
            self._lengths.append(array("H", (len(s) for s in syllables)).tobytes())

    def find(self, query: str, limit: int) -> list[Hit]:
        """The best `limit` hits of each kind, the kinds in the order of `KINDS`; every word of `query` must fit.

        A whole name comes before a beginning, that before the beginning of a word, that before
        what stands inside; among equals the shorter name first. An empty query finds nothing.
        """
        terms = unicodedata.normalize("NFKC", query).lower().split()
        if not terms:
            return []
        raw = [term.encode() for term in terms]
        found: dict[Kind, list[tuple[int, int, str, Hit]]] = {kind: [] for kind in KINDS}
        for hit, typed, lengths in zip(self._hits, self._typed, self._lengths, strict=True):
            if any(term not in typed for term in raw):
                continue
            *names, pinyin, initials = typed.decode().split("\n")
            texts = [name for name in names if name]
            ranks = [_rank(texts, pinyin, initials, lengths, term) for term in terms]
            if None not in ranks:
                rank = sum(r for r in ranks if r is not None)
                found[hit.kind].append((rank, len(texts[0]), hit.id, hit))
        return [hit for kind in KINDS for *_, hit in nsmallest(limit, found[kind], key=lambda f: f[:3])]


def _syllables(name: str, spoken: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    at = 0
    for run in HAN.finditer(name):
        found += re.findall(r"[a-z]+|\d+", name[at : run.start()])
        found += spoken[run.group()].split()
        at = run.end()
    return [*found, *re.findall(r"[a-z]+|\d+", name[at:])]


def _spoken(names: Iterable[str]) -> dict[str, str]:
    """Runs of Chinese characters in some names → their syllables without tones.

    Phrases decide where a character has several readings (重庆 is chong qing). They take 57 MB, so they are looked up
    in a process of its own that ends with the answer.
    """
    runs = list(dict.fromkeys(run for name in names for run in HAN.findall(name)))
    if not runs:
        return {}
    helper = [sys.executable, "-I", str(Path(__file__).with_name("pinyin.py"))]
    done = subprocess.run(helper, input="\n".join(runs).encode(), capture_output=True)
    if done.returncode:
        raise CityBrainError(f"the pinyin of {len(runs)} names could not be made: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return dict(zip(runs, done.stdout.decode().split("\n"), strict=True))


def _rank(names: Sequence[str], pinyin: str, initials: str, lengths: bytes, term: str) -> int | None:
    """How well a word fits an entry, 0 best; None where it fits only across syllables."""
    best: int | None = None
    for text in (*names, pinyin, initials):
        at = text.find(term)
        while at >= 0:
            if at == 0:
                rank = EXACT if len(text) == len(term) else START
            elif text is pinyin:
                rank = WORD_START if at in accumulate(array("H", lengths)) else -1
            elif text is initials:
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
