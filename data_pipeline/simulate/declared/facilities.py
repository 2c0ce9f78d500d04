"""The register `facilities`: schools, hospitals, halls, parks … as `facilities.toml` declares them."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from data_pipeline.simulate.declared import FacilityKind, facility_kinds
from data_pipeline.simulate.place import Ground, Spot, numbered, pick_words
from data_pipeline.simulate.rng import key_of, uniform
from data_pipeline.simulate.sites import GROWTH_FROM, GROWTH_TO, SiteMaker, Sites

FAR = date(9999, 1, 1)


def make_facilities(maker: SiteMaker) -> Sites:
    """All kinds in one register; arrays in the order of the rows. `of["capacity"]` is 0 where none is stated."""
    parts = [_of_kind(maker, kind) for kind in facility_kinds()]
    spot = Spot(*(np.concatenate([getattr(part[0], name) for part in parts]) for name in ("lon", "lat", "patch")))
    opened = np.concatenate([part[1] for part in parts])
    frame = pl.concat([part[2] for part in parts])
    columns: dict[str, list] = {"site_id": [f"FA-{maker.city}-{i + 1:05d}" for i in range(frame.height)]}
    columns |= {name: frame[name].to_list() for name in frame.columns}
    columns["township_code"] = maker.township_codes(spot)
    return maker.register("facilities", spot, opened, columns, capacity=frame["capacity"].fill_null(0).to_numpy().astype(float))


def _of_kind(maker: SiteMaker, kind: FacilityKind) -> tuple[Spot, np.ndarray, pl.DataFrame]:
    ground: Ground = maker.ground
    n = max(kind.minimum, round(kind.per_100k * ground.people / 1e5 * maker.scale))
    index = np.arange(n)

    def key(what: str) -> int:
        return key_of(maker.seed, maker.city, "facilities", kind.kind, what)

    spot = ground.scatter(f"facilities {kind.kind}", n, urban_bias=kind.urban_bias, compact=kind.compact)
    first, last = (day.toordinal() for day in kind.opened)
    opened = np.floor(first + (last - first) * uniform(key("opened"), index)).astype(np.int64)
    later = uniform(key("later"), index) < kind.growing
    coming = GROWTH_FROM.toordinal() + uniform(key("coming"), index) * (GROWTH_TO.toordinal() - GROWTH_FROM.toordinal())
    opened = np.where(later, coming, opened).astype(np.int64)
    words = pick_words(key("word"), kind.words, n)
    names = numbered([ground.patches[p].name_zh + w[0] for p, w in zip(spot.patch, words, strict=True)])
    names_en = numbered([f"{ground.patches[p].name_en} {w[1]}" for p, w in zip(spot.patch, words, strict=True)], pattern="{name} {n}")
    capacity: list[int | None] = [None] * n
    if kind.capacity:
        low, high = kind.capacity
        capacity = [int(v) for v in np.rint(low * (high / low) ** uniform(key("capacity"), index))]
    begin, end = (day.toordinal() for day in kind.joined)
    joins = uniform(key("joins"), index) < kind.joined_share
    joined = np.maximum(np.floor(begin + (end - begin) * uniform(key("joined"), index)), opened).astype(np.int64)
    frame = pl.DataFrame({
        "name": names, "name_en": names_en, "facility_kind": [kind.kind] * n, "capacity": pl.Series(capacity, dtype=pl.Int64),
        "operator": pl.Series([kind.office or None] * n, dtype=pl.String),
        "joined_on": pl.Series([date.fromordinal(int(d)) if yes else None for d, yes in zip(joined, joins, strict=True)], dtype=pl.Date),
    })  # fmt: skip
    return spot, opened, frame
