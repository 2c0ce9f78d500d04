"""Weak coverage: model beside measurement, place by place, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from dash import html

from components import formats
from components.i18n import Lang, has, pick, t
from components.ids import live_id
from components.states import mark
from components.table import table
from components.theme import Theme, color
from data_pipeline.queries.types import ModelError, PlaceCoverage, WeakPatch

Action = Literal["build", "test", "check"]


def action(measured_share: float | None, city_share: float | None) -> Action:
    """What to do where the model finds weak coverage.

    Without drive tests there: `test` first. Tests no better than the city's: model and measurement agree, `build`.
    Better tests contradict the model: `check` the register of stations. The rule is this product's own.
    """
    if measured_share is None:
        return "test"
    if city_share is not None and measured_share > city_share:
        return "check"
    return "build"


def weak_table(
    patches: Sequence[WeakPatch], names: Mapping[str, str], href: Callable[[str], str], measured: Mapping[str, float | None],
    city_share: float | None, lang: Lang, *, limit: int = 8,
) -> html.Section:  # fmt: skip
    """Patches of weak modelled coverage, largest first, with the drive tests of their township and the action that follows.

    Parameters
    ----------
    measured : area id → share (0–1) of its drive-test samples that reach the threshold, None without samples
    """
    rows = []
    for patch in patches[:limit]:
        area = patch.area or ""
        share = measured.get(area)
        what = action(share, city_share)
        place = html.A(names[area], href=href(area)) if area in names else t("state.no_data", lang)
        rows.append([
            place, formats.number(patch.area_km2, 2), None if patch.people is None else formats.number(patch.people, 0),
            None if patch.rsrp_dbm is None else f"{formats.number(patch.rsrp_dbm, 0)} dBm",
            formats.share(share, lang) if share is not None else html.Span(t("domains.not_tested", lang), className="nothing"),
            mark(t(f"domains.action_{what}", lang), "alert" if what == "build" else "plain", t(f"domains.action_{what}_why", lang)),
        ])  # fmt: skip
    heads = [t(f"domains.weak_{h}", lang) for h in ("place", "km2", "people", "level", "tested", "action")]
    note = t("domains.weak_more", lang, shown=min(limit, len(patches)), n=len(patches))
    return html.Section(
        [html.H2([t("domains.weak", lang), mark(t("kind.modelled", lang))]),
         html.Div([table(heads, rows, lang, numeric=(1, 2, 3, 4)), html.P([note, t("domains.weak_rule", lang)], className="note")], id=live_id("domain-weak"))],
        className="domain-weak",
    )  # fmt: skip


def uncovered_places(places: Sequence[PlaceCoverage], areas: Mapping[str, str], lang: Lang, *, limit: int = 6) -> html.Section:
    """Key places and stretches of lines the model finds least covered; a stretch (`line@area`) is told with the name of its area."""
    def called(place: PlaceCoverage) -> str:
        name, where = pick(place.name, place.name_en, lang), areas.get(place.place_id.partition("@")[2], "")
        if not name:
            name = t("domains.nameless", lang, kind=_word("place_kind", place.kind, lang))
        return t("domains.stretch", lang, name=name, area=where) if where else name

    rows: list[Sequence[Any]] = [
        [called(p), _word("place_kind", p.kind, lang), formats.share(p.share, lang),
         t("domains.covered" if p.is_covered else "domains.uncovered", lang)]
        for p in places[:limit]
    ]  # fmt: skip
    heads = [t(f"domains.place_{h}", lang) for h in ("name", "kind", "share", "state")]
    return html.Section(
        [html.H2([t("domains.places", lang), mark(t("kind.modelled", lang))]), html.Div(table(heads, rows, lang, numeric=(2,)), id=live_id("domain-places"))],
        className="domain-places",
    )


def against_tests(errors: Sequence[ModelError], lang: Lang, *, limit: int = 6) -> html.Section:
    """How far the model is from the drive tests, class by class, those with most samples first."""
    rows: list[Sequence[Any]] = [
        [" · ".join(part for part in (_word("operator", e.operator, lang), _word("surroundings", e.surroundings, lang), level_words(e.level)) if part),
         formats.number(e.samples_n, 0), None if e.bias_db is None else f"{e.bias_db:+.1f} dB", None if e.rmse_db is None else f"{e.rmse_db:.1f} dB"]
        for e in sorted(errors, key=lambda e: -e.samples_n)[:limit]
    ]  # fmt: skip
    heads = [t(f"domains.error_{h}", lang) for h in ("class", "samples", "bias", "rmse")]
    return html.Section(
        [html.H2(t("domains.errors", lang)), html.Div(table(heads, rows, lang, numeric=(1, 2, 3)), id=live_id("domain-errors"))],
        className="domain-errors",
    )


def with_patches(figure: dict[str, Any], url: str, theme: Theme) -> dict[str, Any]:
    """The map with the weak patches (GeoJSON at `url`) drawn as outlines: a place is seen, the figure below stays readable."""
    drawn = figure["layout"]["map"]["style"]
    drawn["sources"]["weak"] = {"type": "geojson", "data": url}
    signal = color("alert", theme)
    drawn["layers"] += [
        {"id": "weak", "type": "fill", "source": "weak", "paint": {"fill-color": signal, "fill-opacity": 0.22}},
        {"id": "weak-line", "type": "line", "source": "weak", "paint": {"line-color": signal, "line-width": 1.1}},
    ]
    return figure


def level_words(level: str) -> str:
    """A class of the measured level: `-95_to_-85` is −95 … −85 dBm, `over_-85` ≥ −85 dBm, `under_-115` < −115 dBm."""
    plain = level.replace("-", "−")
    for word, sign in (("over_", "≥ "), ("under_", "< ")):
        if plain.startswith(word):
            return f"{sign}{plain.removeprefix(word)} dBm"
    return f"{plain.replace('_to_', ' … ')} dBm"


def _word(kind: str, value: str, lang: Lang) -> str:
    """A word of the model in the language of the page, as it stands where the catalogue has none."""
    key = f"domains.{kind}_{value}"
    return t(key, lang) if has(key, lang) else value
