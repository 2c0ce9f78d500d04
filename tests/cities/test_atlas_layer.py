"""The shipped drawing of each city is the one its layers give."""

import orjson
import pytest
import shapely

from data_pipeline.cities import load_packs
from data_pipeline.cities.atlas import atlas_text

PACKS = load_packs()


@pytest.mark.parametrize("city", PACKS)
def test_the_shipped_atlas_is_what_its_layers_give_today(city):
    shipped = orjson.loads(PACKS[city].layer("atlas").read_bytes())["features"]
    made = orjson.loads(atlas_text(PACKS[city]))["features"]
    assert [f["id"] for f in shipped] == [f["id"] for f in made]
    for a, b in zip(shipped, made, strict=True):
        one, other = (shapely.from_geojson(orjson.dumps(f["geometry"])) for f in (a, b))
        assert one.bounds == pytest.approx(other.bounds, abs=1e-4), a["id"]
        assert one.length == pytest.approx(other.length, rel=0.01), a["id"]
