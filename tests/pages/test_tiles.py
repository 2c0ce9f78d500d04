"""The places of a register as tiles, over the web."""

import pytest
from fake_store import FakeStore
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.serving.tiles import Tiles, make_tiles_router


@pytest.fixture(scope="module")
def client():
    server, queries = FastAPI(), FakeStore()
    server.include_router(make_tiles_router(queries, queries.packs))
    return TestClient(server)


def test_the_tile_over_ezhou_holds_its_stations_and_one_over_the_sea_holds_none(client):
    here, there = client.get("/tiles/420700/charging_stations/7/104/52.mvt"), client.get("/tiles/420700/charging_stations/7/0/60.mvt")
    assert here.status_code == 200 and b"charging" not in here.content and b"sites" in here.content
    assert there.status_code == 200 and there.content == b""


def test_a_browser_that_has_the_tile_is_not_sent_it_again(client):
    first = client.get("/tiles/420700/charging_stations/7/104/52.mvt")
    again = client.get("/tiles/420700/charging_stations/7/104/52.mvt", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content


def test_the_tile_of_a_district_holds_its_own_places_only(client):
    whole, part = client.get("/tiles/420700/charging_stations/9/419/210.mvt"), client.get("/tiles/420700/charging_stations/9/419/210.mvt?area=420704")
    assert b"420704" in part.content and b"420702" not in part.content and b"420702" in whole.content
    assert client.get("/tiles/420700/charging_stations/9/419/210.mvt?area=nowhere").status_code == 404


@pytest.mark.parametrize("address", ["420700/charging_stations/7/128/0", "420700/charging_stations/99/0/0", "999999/charging_stations/7/0/0", "420700/nothing/7/0/0"])
def test_what_does_not_exist_is_told_so(client, address):
    assert client.get(f"/tiles/{address}.mvt").status_code == 404


def test_the_points_of_a_register_are_projected_once_for_a_list_of_sites():
    queries = FakeStore()
    every = queries.sites("420700", "base_stations")
    queries.sites = lambda *_: every  # type: ignore[method-assign]
    tiles = Tiles(queries, queries.packs)
    assert tiles._points("420700", "base_stations", "") is tiles._points("420700", "base_stations", "")
