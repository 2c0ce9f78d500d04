"""Pages of the past: the address, the frames, and that nothing of the present is in them."""

from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import pytest
from fake_store import FakeStore
from views import links, make, page, unfolded, words

from data_pipeline.cities import load_packs
from data_pipeline.errors import UsageError
from pages.serving import replay

NOW = datetime(2026, 11, 22, 6, 20)  # 14:20 in Ezhou


PACK = load_packs()["420700"]


@pytest.fixture(scope="module")
def ezhou():
    return PACK


@pytest.fixture(scope="module")
def views():
    return make(FakeStore(now=NOW))


def applied(before, changes):
    made = orjson.loads(orjson.dumps(before))
    for path, *value in changes:
        node = made
        for key in path[:-1]:
            node = node[key]
        if value:
            node[path[-1]] = value[0]
        else:
            del node[path[-1]]
    return made


@pytest.mark.parametrize(
    ("params", "at", "known", "mode"),
    [({"at": "2026-11-21T15:00"}, datetime(2026, 11, 21, 7), None, "happened"),
     ({"as_of": "2026-11-21T15:00"}, datetime(2026, 11, 21, 7), datetime(2026, 11, 21, 7), "known"),
     ({"at": "2026-11-21T15:00", "as_of": "2026-11-21T23:00+08:00"}, datetime(2026, 11, 21, 7), datetime(2026, 11, 21, 15), "known")],
)  # fmt: skip
def test_the_address_says_which_moment_and_by_whose_knowledge(ezhou, params, at, known, mode):
    found = replay.rewound(params, ezhou, NOW)
    assert found is not None and (found.at_utc, found.known_at_utc, found.mode) == (at, known, mode)


def test_the_present_and_what_is_to_come_are_live(ezhou):
    assert replay.rewound({}, ezhou, NOW) is None
    assert replay.rewound({"at": "2026-11-22T14:20"}, ezhou, NOW) is None
    assert replay.rewound({"at": "2030-01-01"}, ezhou, NOW) is None


def test_nonsense_for_a_moment_is_refused_with_an_example(ezhou):
    with pytest.raises(UsageError, match="yesterday"):
        replay.rewound({"at": "yesterday"}, ezhou, NOW)


def test_an_address_with_such_a_moment_is_answered_with_words(views):
    body = page(views, "/", "?at=yesterday&lang=en")
    assert body["key"].startswith("error|") and "yesterday" in words(body["tree"])


def test_frames_stand_at_the_ends_of_local_periods_and_never_in_the_future(ezhou):
    # 24 hours of 21 November in Ezhou: 01:00 is 17:00 UTC of the day before
    day = replay.moments("hour", 24, datetime(2026, 11, 20, 17), NOW, ezhou)
    assert (len(day), day[0], day[-1]) == (24, datetime(2026, 11, 20, 17), datetime(2026, 11, 21, 16))
    assert replay.moments("hour", 24, datetime(2026, 11, 22, 5), NOW, ezhou) == [datetime(2026, 11, 22, 5), datetime(2026, 11, 22, 6)]
    assert replay.moments("hour", 3, None, NOW, ezhou) == [datetime(2026, 11, 22, h) for h in (4, 5, 6)]
    assert replay.moments("month", 2, None, NOW, ezhou) == [datetime(2026, 9, 30, 16), datetime(2026, 10, 31, 16)]
    with pytest.raises(UsageError, match="1 to 31"):
        replay.moments("hour", 999, None, NOW, ezhou)


def test_a_page_of_the_past_is_built_from_the_queries_of_that_moment(views):
    now, then = page(views, "/", "?city=420700"), page(views, "/", "?city=420700&at=2026-11-21T15:00")
    assert "15:00，" in words(then["tree"]) and "14:20，" in words(now["tree"])
    assert "2026-11-21 15:00" in words(then["tree"]) and "回到实时" in words(then["tree"])
    assert "回到实时" not in words(now["tree"])


def test_the_moment_goes_along_from_page_to_page_and_one_link_leaves_it(views):
    then = page(views, "/", "?city=420700&at=2026-11-21T15:00")
    found = links(then["tree"])
    areas = [href for href in found.values() if href.startswith("/district/")]
    assert areas and all("at=2026-11-21T15%3A00" in href for href in areas)
    assert "at=" not in found["回到实时"]


@pytest.mark.parametrize("path", ["/", "/district/420704", "/domain/traffic"])
def test_every_frame_put_together_from_its_differences_is_the_page_of_that_moment(views, path):
    ends = [datetime(2026, 11, 21, 7) + timedelta(hours=i) for i in range(3)]
    found = orjson.loads(orjson.dumps(replay.frames(lambda search, have: views.page(path, search, have), PACK, "zh", "?city=420700", "hour", "happened", ends), default=str))
    whole = found["frames"][0]["view"]["updates"]
    for frame in found["frames"]:
        if "patch" in frame:
            whole = applied(whole, frame["patch"])
        assert unfolded(whole) == page(views, path, f"?city=420700&at={frame['at']}")["updates"]
    assert [f["words"] for f in found["frames"]] == ["2026-11-21 15:00", "2026-11-21 16:00", "2026-11-21 17:00"]
    assert all("patch" in f for f in found["frames"][1:])


class Growing(FakeStore):
    """The first area's figure grows with the hour of the day, as a sum of a day does."""

    def by_area(self, *args, **kwargs):
        found = super().by_area(*args, **kwargs)
        return [replace(found[0], value=100.0 * (self.clock.hour + 1)), *(replace(r, value=50.0) for r in found[1:])]


MAPS = [("/", "?city=420700&metric=charging.energy_kwh", "v-legend", "v-map"), ("/district/420704", "?metric=charging.energy_kwh", "v-area-legend", "v-area-map"),
        ("/domain/energy", "?city=420700&metric=charging.energy_kwh", "v-domain-legend", "v-domain-map"),
        ("/scene/energy", "?city=420700", "v-wall-energy-map-legend", "v-wall-energy-map-map")]  # fmt: skip


@pytest.mark.parametrize("mode", ["happened", "known"])
@pytest.mark.parametrize(("path", "search", "legend", "graph"), MAPS)
def test_a_colour_means_the_same_in_every_frame_of_a_replay(path, search, legend, graph, mode):
    views = make(Growing(now=NOW))
    ends = [datetime(2026, 11, 21, h) for h in (3, 7, 11)]
    found = replay.frames(lambda search, have: views.page(path, search, have), PACK, "zh", search, "hour", mode, ends)["frames"]
    shown = [found[0]["view"]["updates"]]
    for frame in found[1:]:
        shown.append(applied(shown[-1], frame["patch"]))
    assert shown[0][legend] == shown[1][legend] == shown[2][legend]
    scales = [updates[graph]["figure"]["data"][0] for updates in shown]
    assert scales[0]["colorscale"] == scales[1]["colorscale"] == scales[2]["colorscale"]
    ranks = [s["z"][0] for s in scales]
    assert ranks == sorted(ranks) and ranks[0] < ranks[-1], "the first area climbs through the classes"
    assert len({s["z"][1] for s in scales}) == 1, "an area that stays keeps its colour"


def test_two_parts_of_one_replay_share_their_classes():
    # as the player fetches them: some frames at a time, the span of all of them with each
    views, span = make(Growing(now=NOW)), "2026-11-20T12:00/2026-11-21T12:00"
    legends = []
    for at in (datetime(2026, 11, 20, 4), datetime(2026, 11, 21, 4)):
        found = replay.frames(lambda search, have: views.page("/", search, have), PACK, "zh", "?city=420700&metric=charging.energy_kwh", "hour", "happened", [at], span=span)
        view = found["frames"][0]["view"]
        legends.append(view["updates"]["v-legend"])
        assert "span=" not in str(view["tree"]), "no link of the page holds the player's span"
    assert legends[0] == legends[1]


def test_a_moment_without_a_span_stands_in_its_own_window(ezhou):
    day = replay.rewound({"at": "2026-11-21T00:00"}, ezhou, NOW)
    assert (day.ends[0], day.ends[-1], len(day.ends)) == (datetime(2026, 11, 19, 17), datetime(2026, 11, 20, 16), 24)
    today = replay.rewound({"at": "2026-11-22T01:00"}, ezhou, NOW)
    assert today.ends[-1] == datetime(2026, 11, 22, 6) and len(today.ends) == 14, "no frame after now"
    month = replay.rewound({"at": "2026-11-10T00:00", "step": "day"}, ezhou, NOW)
    assert (month.ends[0], len(month.ends)) == (datetime(2026, 11, 1, 16), 21)
    assert replay.rewound({"at": "2026-11-22T00:10"}, ezhou, datetime(2026, 11, 21, 16, 30)).ends == (datetime(2026, 11, 21, 16, 10),)


def test_a_frame_is_a_fraction_of_the_page(views):
    ends = [datetime(2026, 11, 21, 7), datetime(2026, 11, 21, 8)]
    first, second = replay.frames(lambda search, have: views.page("/", search, have), PACK, "zh", "?city=420700", "hour", "happened", ends)["frames"]
    assert len(orjson.dumps(second["patch"])) < 0.5 * len(orjson.dumps(first["view"]["updates"]))
    assert b"geojson" not in orjson.dumps(second["patch"]), "no frame names a geometry again"


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [({"a": 1}, {"a": 1}, []), ({"a": 1}, {"a": 2}, [[["a"], 2]]), ({"a": 1, "b": 2}, {"b": 2}, [[["a"]]]),
     ({"d": [{"z": [1, 2]}, {"z": [3]}]}, {"d": [{"z": [1, 5]}, {"z": [3]}]}, [[["d", 0, "z"], [1, 5]]]),
     ({"d": [{"z": 1}]}, {"d": [{"z": 1}, {"z": 2}]}, [[["d"], [{"z": 1}, {"z": 2}]]])],
)  # fmt: skip
def test_differences_are_taken_inside_objects_and_lists_of_equal_length(before, after, changes):
    assert replay.patch(before, after) == changes
    assert applied(before, changes) == after
