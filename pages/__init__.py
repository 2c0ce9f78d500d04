"""Pages: one file = one question of an official. A module here or in a package here with a `PAGE` is a page; nothing else to touch.

`Page.build(request) -> View` asks the queries and arranges components. A view is built once per
snapshot, minute and address for all viewers (`pages.serving.live`), so it must not know who looks at it.
Within a page, regions with ids from `components.ids.live_id` are refreshed in place; when
`View.key` changes the whole page is replaced.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from components.i18n import DEFAULT_LANG, Lang, pick
from components.theme import DEFAULT_THEME, Theme
from data_pipeline.cities import Area, Pack
from data_pipeline.errors import UnknownId
from data_pipeline.queries.types import Reading
from data_pipeline.times import Grain, local_day

if TYPE_CHECKING:
    from data_pipeline.queries import Queries
    from pages.serving.replay import Rewound

# kept in every address on the way from page to page; everything else belongs to one page
CARRIED = ("city", "lang", "theme", "at", "as_of", "step")


@dataclass(frozen=True)
class PageRequest:
    """What an address asks for: page arguments, parameters, language, theme, and the moment of asking.

    Looking back (`past`), `queries` answer as of that moment and `now_utc` is it: a page need not know.
    `span(metric, parent, grain, level)`: what a map shows in all frames of the replay the moment belongs to.
    """

    queries: Queries
    packs: Mapping[str, Pack]
    city: Pack
    path: str
    args: Mapping[str, str]
    params: Mapping[str, str]
    lang: Lang
    theme: Theme
    now_utc: datetime
    past: Rewound | None = None
    span: Callable[[str, str, Grain, str | None], list[Reading]] | None = None

    def alike(self, readings: Sequence[Reading], parent: str, level: str | None) -> Sequence[Reading]:
        """The readings from which a map of `readings` takes its classes and its unit: those of all frames of a replay, else its own."""
        if self.span is None or not readings:
            return readings
        return self.span(readings[0].metric, parent, readings[0].grain, level)

    @property
    def today(self) -> date:
        """The city's calendar day."""
        return local_day(self.now_utc, self.city.tz)

    def name(self, area: Area | Pack) -> str:
        """Name of an area or city in the language of the page."""
        return pick(area.name_zh, area.name_en, self.lang)

    def href(self, path: str | None = None, **changes: str | None) -> str:
        """Address of another page, or of this one with changed parameters (None removes one).

        City, language and theme go along; the other parameters only when the path stays.
        """
        stays = path is None or path == self.path
        params = {k: v for k, v in self.params.items() if stays or k in CARRIED}
        for key, value in changes.items():
            if value is None:
                params.pop(key, None)
            else:
                params[key] = value
        defaults = {"lang": DEFAULT_LANG, "theme": DEFAULT_THEME}
        shown = {k: v for k, v in params.items() if defaults.get(k) != v}
        where = path if path is not None else self.path
        return quote(where, safe="/:") + (f"?{urlencode(shown)}" if shown else "")

    def area_href(self, area_id: str) -> str:
        """Address of an area's page; the city itself is the overview."""
        if area_id == self.city.city_area.id:
            return self.href("/", city=self.city.id)
        return self.href(f"/district/{area_id}", city=self.city.id)


@dataclass(frozen=True)
class View:
    """One built page: title, tree of the main part, and the key under which its structure is reused.

    `redirect`: the address this one stands for; the browser goes there and keeps no trace of this one.
    `is_bare`: shown without the frame of the desk (header, navigation). `root_size`: CSS length of the
    document's root font, empty for the style sheet's own.
    """

    title: str
    body: Any
    key: str = ""
    crumbs: Sequence[tuple[str, str]] = ()
    redirect: str = ""
    is_bare: bool = False
    root_size: str = ""


@dataclass(frozen=True)
class Page:
    """A page: address pattern (`/district/{area}`), builder, and its place in the navigation.

    `nav` is the text key of its entry (`nav.data`), empty for pages reached from others; `menu`
    gives name and address of what hangs below that entry. `can_replay`: its figures can be played through the past.
    """

    id: str
    pattern: str
    build: Callable[[PageRequest], View]
    nav: str = ""
    order: int = 100
    menu: Callable[[PageRequest], Sequence[tuple[str, str]]] | None = None
    can_replay: bool = False
    regex: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = re.split(r"\{(\w+)\}", self.pattern)
        built = "".join(f"(?P<{p}>[^/]+)" if i % 2 else re.escape(p) for i, p in enumerate(parts))
        object.__setattr__(self, "regex", re.compile(built))

    def match(self, path: str) -> dict[str, str] | None:
        """Arguments in the path, or None where it is not this page's."""
        found = self.regex.fullmatch(path if path == "/" else path.rstrip("/"))
        return {name: unquote(text) for name, text in found.groupdict().items()} if found else None


def discover() -> list[Page]:
    """Every page of this package in the order of the navigation."""
    found = []
    for info in pkgutil.walk_packages(__path__, f"{__name__}."):
        page = getattr(importlib.import_module(info.name), "PAGE", None)
        if isinstance(page, Page):
            found.append(page)
    return sorted(found, key=lambda page: (page.order, page.id))


def find(pages: Sequence[Page], path: str) -> tuple[Page, dict[str, str]]:
    """The page of a path and its arguments; `UnknownId` where there is none."""
    for page in pages:
        args = page.match(path)
        if args is not None:
            return page, args
    raise UnknownId("page", path, [page.pattern for page in pages])
