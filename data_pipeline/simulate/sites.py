"""The registers of a simulated city: base stations, charging stations, road sections, sensors and the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
import shapely
from shapely.ops import nearest_points

from data_pipeline.contracts import contract
from data_pipeline.simulate.place import Ground, Spot, feature_name, numbered, pick_words
from data_pipeline.simulate.rng import choose, integers, key_of, uniform
from data_pipeline.simulate.roads import derive_roads
from data_pipeline.simulate.weather import Climate, Water

STOCK_DAY = date(2024, 1, 1)  # registers known from here; later openings arrive as they happen
GROWTH_FROM, GROWTH_TO = date(2024, 8, 1), date(2028, 1, 1)
PEOPLE_EZHOU = 1_079_353.0  # volumes are stated for Ezhou (census 2020) and scaled from there


@dataclass(frozen=True)
class Sites:
    """The sites of one register.

    `frame` holds the contract's columns (WGS84), one row a site, in the order of every array:
    `x_km`, `y_km` from the city centre, `urban` 0–1, `patch` number, `opened` and `closed` as
    proleptic ordinals (closed: a far day where none), `of` further figures a domain needs.
    """

    dataset: str
    frame: pl.DataFrame
    x_km: np.ndarray
    y_km: np.ndarray
    patch: np.ndarray
    urban: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    of: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def ids(self) -> np.ndarray:
        """Site ids as an object array."""
        return self.frame["site_id"].to_numpy()

    def __len__(self) -> int:
        return self.frame.height

    def where(self, keep: np.ndarray) -> Sites:
        """The sites for which `keep` is true."""
        return Sites(
            self.dataset, self.frame.filter(pl.Series(keep)), self.x_km[keep], self.y_km[keep], self.patch[keep],
            self.urban[keep], self.opened[keep], self.closed[keep], {k: v[keep] for k, v in self.of.items()},
        )  # fmt: skip


class SiteMaker:
    """Makes the registers of one city, each a pure function of seed, city, volume and scale."""

    def __init__(self, ground: Ground, climate: Climate, seed: int, scale: float) -> None:
        self.ground, self.climate, self.seed, self.city, self.scale = ground, climate, seed, ground.pack.id, scale
        ratio = ground.people / PEOPLE_EZHOU
        # registers of masts follow the people; what reports every few minutes grows with the root, so that a
        # city five times as large costs little more than twice as much
        self.by_people = float(np.clip(ratio, 0.2, 8.0)) * scale
        self.by_root = float(np.clip(np.sqrt(ratio), 0.5, 2.3)) * scale
        self._makers: dict[str, Callable[[], Sites]] = {
            "base_stations": self._base_stations,
            "charging_stations": self._charging_stations,
            "road_sections": self._road_sections,
            "car_parks": self._car_parks,
            "sensing_terminals": self._sensing_terminals,
            "monitoring_stations": self._monitoring_stations,
            "substations": self._substations,
        }
        self._made: dict[str, Sites] = {}

    @property
    def registers(self) -> tuple[str, ...]:
        """The register datasets that are simulated."""
        return tuple(self._makers)

    def add(self, dataset: str, make: Callable[[SiteMaker], Sites]) -> None:
        """Have a register made by `make`, from a declaration that stands elsewhere."""
        self._makers[dataset] = lambda: make(self)

    def __getitem__(self, dataset: str) -> Sites:
        if dataset not in self._made:
            self._made[dataset] = self._makers[dataset]()
        return self._made[dataset]

    def _key(self, *parts: object) -> int:
        return key_of(self.seed, self.city, *parts)

    def _names(self, spot: Spot, words: list[str], pattern: str = "{name}（{n}号）") -> list[str]:
        return numbered([self.ground.patches[p].name_zh + w for p, w in zip(spot.patch, words, strict=True)], pattern=pattern)

    def _names_en(self, spot: Spot, words: list[str]) -> list[str]:
        return numbered([f"{self.ground.patches[p].name_en} {w}" for p, w in zip(spot.patch, words, strict=True)], pattern="{name} {n}")

    def _words(self, what: str, spot: Spot, town: tuple, country: tuple) -> list:
        """What stands at each point: words for town where the township is urban, for the country elsewhere."""
        n = len(spot.patch)
        pair = zip(pick_words(self._key(what, "kind"), town, n), pick_words(self._key(what, "kind"), country, n), strict=True)
        return [t if self.ground.urban[p] > 0.5 else c for (t, c), p in zip(pair, spot.patch, strict=True)]

    def township_codes(self, spot: Spot) -> list[str | None]:
        """Township code of each point, None where the ground knows none."""
        areas = [self.ground.patches[p].area for p in spot.patch]
        return [a.id if a.level == "township" else None for a in areas]

    def _site_ids(self, prefix: str, n: int) -> list[str]:
        return [f"{prefix}-{self.city}-{i + 1:05d}" for i in range(n)]

    def _growing(self, dataset: str, n: int, first: date, share_before: float) -> np.ndarray:
        """Opening days: `share_before` of the sites by August 2024, the rest evenly until 2028."""
        u = uniform(self._key(dataset, "opened"), np.arange(n))
        early, late = first.toordinal(), GROWTH_FROM.toordinal()
        before = early + u / share_before * (late - early)
        after = late + (u - share_before) / (1 - share_before) * (GROWTH_TO.toordinal() - late)
        return np.where(u < share_before, before, after).astype(np.int64)

    def register(self, dataset: str, spot: Spot, opened: np.ndarray, columns: dict, closed: np.ndarray | None = None, **of: np.ndarray) -> Sites:
        """Put a register together: the contract's columns, missing ones null."""
        far = date(9999, 1, 1).toordinal()
        closed = np.full(len(opened), far) if closed is None else closed
        data = dict(columns)
        data["lon"], data["lat"] = spot.lon, spot.lat
        data["opened_on"] = [date.fromordinal(int(d)) for d in opened]
        data["closed_on"] = [None if d == far else date.fromordinal(int(d)) for d in closed]
        schema = contract(dataset).polars_schema()
        frame = pl.DataFrame({k: v for k, v in data.items() if k in schema}, strict=False)
        frame = frame.select(
            (pl.col(k) if k in frame.columns else pl.lit(None).alias(k)).cast(t) for k, t in schema.items()
        )
        x, y = self.ground.to_km(spot.lon, spot.lat)
        return Sites(dataset, frame, x, y, spot.patch, self.ground.urban[spot.patch], opened, closed, of)

    def _base_stations(self) -> Sites:
        n5, n4 = round(2395 * self.by_people), round(1930 * self.by_people)
        n = n5 + n4
        spot = self.ground.scatter("base_stations", n, urban_bias=0.3, compact=0.45)
        is5 = np.arange(n) < n5
        key = self._key("base_stations")
        who = choose(key, (0.42, 0.27, 0.24, 0.07), np.arange(n))
        operators = ("中国移动", "中国电信", "中国联通", "中国广电")
        bands5 = (("n41", "n28"), ("n78", "n1"), ("n78", "n1"), ("n28", "n41"))
        bands4 = (("B3", "B41"), ("B1", "B3"), ("B3", "B8"), ("B28", "B3"))
        second = uniform(self._key("base_stations", "band"), np.arange(n)) < 0.3
        band = [(bands5 if five else bands4)[w][int(s)] for five, w, s in zip(is5, who, second, strict=True)]
        opened = np.where(
            is5, self._growing("base_stations", n, date(2019, 11, 1), 0.62),
            integers(key, date(2013, 12, 1).toordinal(), date(2020, 6, 1).toordinal(), np.arange(n), 4),
        )  # fmt: skip
        far = date(9999, 1, 1).toordinal()
        gone = ~is5 & (uniform(self._key("base_stations", "gone"), np.arange(n)) < 0.03)
        closed = np.where(gone, integers(key, date(2024, 9, 1).toordinal(), date(2027, 12, 1).toordinal(), np.arange(n), 5), far)
        names = [f"{self.ground.patches[p].name_zh}{'5G' if f else '4G'}基站{i + 1:04d}" for i, (p, f) in enumerate(zip(spot.patch, is5, strict=True))]
        names_en = [f"{self.ground.patches[p].name_en} {'5G' if f else '4G'} site {i + 1:04d}" for i, (p, f) in enumerate(zip(spot.patch, is5, strict=True))]
        height = np.round(18 + 27 * uniform(self._key("base_stations", "height"), np.arange(n)), 1)
        return self.register("base_stations", spot, opened, {
            "site_id": self._site_ids("BS", n), "name": names, "name_en": names_en,
            "operator": [operators[w] for w in who], "technology": np.where(is5, "5G", "4G").tolist(),
            "band": band, "height_m": height, "status": ["active"] * n,
        }, closed, is5=is5, operator=who)  # fmt: skip

    def _charging_stations(self) -> Sites:
        n = max(4, round(129 * self.by_root))
        spot = self.ground.scatter("charging_stations", n, urban_bias=0.8, compact=0.8)
        town = (
            ("公交场站充电站", "bus depot charging station", 0), ("社区卫生服务中心充电站", "health centre charging station", 1),
            ("政务服务中心充电站", "service hall charging station", 1), ("文体广场充电站", "sports square charging station", 2),
            ("商业街充电站", "high street charging station", 2), ("小区公共充电站", "housing estate charging station", 4),
            ("物流园充电站", "logistics park charging station", 3),
        )  # fmt: skip
        country = (
            ("客运站充电站", "coach station charging station", 0), ("卫生院充电站", "clinic charging station", 1),
            ("便民服务中心充电站", "service centre charging station", 1), ("农贸市场充电站", "market charging station", 2),
            ("加油站综合能源站", "integrated energy station", 3), ("安置小区充电站", "housing estate charging station", 4),
        )  # fmt: skip
        chosen = self._words("charging", spot, town, country)
        kind = np.array([k[2] for k in chosen])
        index = np.arange(n)
        fast = integers(self._key("charging", "fast"), 2, 13, index) + np.where(kind == 0, 8, 0) + np.where(kind == 3, 4, 0)
        slow = np.where(kind == 4, integers(self._key("charging", "slow"), 4, 13, index), integers(self._key("charging", "slow"), 0, 5, index))
        unit = np.array([40.0, 60.0, 60.0, 90.0, 120.0])[integers(self._key("charging", "unit"), 0, 5, index)]
        operators = ("国网电动汽车服务", "特来电", "星星充电", "小桔充电", f"{self.ground.pack.short_zh}城投新能源")
        return self.register("charging_stations", spot, self._growing("charging_stations", n, date(2019, 3, 1), 0.55), {
            "site_id": self._site_ids("CS", n), "name": self._names(spot, [k[0] for k in chosen]),
            "name_en": self._names_en(spot, [k[1] for k in chosen]),
            "operator": pick_words(self._key("charging", "operator"), operators, n),
            "guns": fast + slow, "fast_guns": fast, "rated_power_kw": fast * unit + slow * 7.0,
            "status": ["AVAILABLE"] * n, "native_status": ["运营中"] * n, "is_public": (kind != 0).tolist(),
            "township_code": self.township_codes(spot),
        }, kind=kind, guns=(fast + slow).astype(float), rated_kw=fast * unit + slow * 7.0)  # fmt: skip

    def _road_sections(self) -> Sites:
        sections = derive_roads(self.ground, max(6, round(70 * self.by_root)))
        middle = np.array([s.line[2] for s in sections]).reshape(-1, 2)
        seats = np.array([p.seat for p in self.ground.patches])
        near = np.array([np.hypot(*(seats - m).T).argmin() for m in middle], dtype=int)
        spot = Spot(middle[:, 0], middle[:, 1], near)
        n = len(sections)
        sites = self.register("road_sections", spot, np.full(n, date(2020, 1, 1).toordinal()), {
            "site_id": self._site_ids("RS", n), "name": [s.name_zh for s in sections], "name_en": [s.name_en for s in sections],
            "length_km": [s.length_km for s in sections], "free_speed_kmh": [s.free_kmh for s in sections],
            "speed_limit_kmh": [s.limit_kmh for s in sections], "road_class": [s.road_class for s in sections],
            "path": [shapely.to_wkt(shapely.linestrings(s.line), rounding_precision=6) for s in sections],
        }, free_kmh=np.array([s.free_kmh for s in sections]), length_km=np.array([s.length_km for s in sections]))  # fmt: skip
        town = np.array([s.urban for s in sections])
        return Sites(sites.dataset, sites.frame, sites.x_km, sites.y_km, sites.patch, town, sites.opened, sites.closed, sites.of)

    def _car_parks(self) -> Sites:
        n = max(3, round(30 * self.by_root))
        spot = self.ground.scatter("car_parks", n, urban_bias=2.0, compact=0.9)
        town = (
            ("人民医院停车场", "hospital car park", 0), ("文化广场地下停车场", "square underground car park", 1),
            ("商业街停车场", "high street car park", 1), ("政务中心停车场", "administration car park", 0),
            ("体育馆停车场", "sports hall car park", 1), ("公园停车场", "park car park", 1), ("小区公共停车场", "residents' car park", 3),
        )  # fmt: skip
        country = (
            ("卫生院停车场", "clinic car park", 0), ("客运站停车场", "coach station car park", 2), ("农贸市场停车场", "market car park", 1),
        )  # fmt: skip
        chosen = self._words("parking", spot, town, country)
        capacity = np.rint(60 * np.exp(2.3 * uniform(self._key("parking", "size"), np.arange(n)))).astype(np.int64)
        return self.register("car_parks", spot, np.full(n, date(2021, 5, 1).toordinal()), {
            "site_id": self._site_ids("CP", n), "name": self._names(spot, [k[0] for k in chosen]),
            "name_en": self._names_en(spot, [k[1] for k in chosen]), "capacity": capacity,
            "operator": [f"{self.ground.pack.short_zh}城市停车公司"] * n, "township_code": self.township_codes(spot),
        }, kind=np.array([k[2] for k in chosen]), capacity=capacity.astype(float))  # fmt: skip

    def _sensing_terminals(self) -> Sites:
        n = max(12, round(373 * self.by_root))
        spot = self.ground.scatter("sensing_terminals", n, urban_bias=1.2, compact=0.6)
        kinds = (
            ("内涝水位", "water level", "water_level", "城管"), ("智能井盖", "manhole cover", "manhole", "城管"),
            ("智慧灯杆", "lamp post", "lamp", "城管"), ("桥梁监测", "bridge monitor", "bridge", "交通"),
            ("独立烟感", "smoke detector", "smoke", "消防"), ("微型空气站", "micro air station", "air_micro", "生态环境"),
            ("垃圾满溢", "waste bin", "waste_bin", "城管"), ("边坡监测", "slope monitor", "slope", "自然资源"),
            ("管网压力", "pipe pressure", "pipe_pressure", "住建"),
        )  # fmt: skip
        weights = (0.12, 0.2, 0.2, 0.04, 0.17, 0.09, 0.07, 0.04, 0.07)
        chosen = [kinds[i] for i in choose(self._key("sensing", "kind"), weights, np.arange(n))]
        return self.register("sensing_terminals", spot, self._growing("sensing_terminals", n, date(2021, 3, 1), 0.4), {
            "site_id": self._site_ids("ST", n), "name": self._names(spot, [k[0] + "终端" for k in chosen], "{name}{n:02d}"),
            "name_en": self._names_en(spot, [f"{k[1]} terminal" for k in chosen]), "operator": [k[3] for k in chosen],
            "terminal_kind": [k[2] for k in chosen], "department": [k[3] + "部门" for k in chosen], "township_code": self.township_codes(spot),
        }, outdoor=np.array([k[2] in ("water_level", "manhole", "slope", "bridge") for k in chosen]))  # fmt: skip

    def _substations(self) -> Sites:
        n = max(2, round(8 * self.by_root))
        spot = self.ground.scatter("substations", n, compact=0.3)
        big = np.arange(n) % 3 == 0
        mva = np.where(big, 360.0, np.where(np.arange(n) % 2 == 0, 126.0, 100.0))
        words = [("220" if b else "110") + "千伏变电站供电区" for b in big]
        return self.register("substations", spot, np.full(n, date(2012, 1, 1).toordinal()), {
            "site_id": self._site_ids("SS", n), "name": self._names(spot, words),
            "name_en": self._names_en(spot, [("220" if b else "110") + " kV substation load zone" for b in big]),
            "operator": [f"国网{self.ground.pack.short_zh}供电公司"] * n, "voltage_kv": np.where(big, 220.0, 110.0), "capacity_mva": mva,
        }, capacity_mva=mva, industry=uniform(self._key("substations", "industry"), np.arange(n)))  # fmt: skip

    def _monitoring_stations(self) -> Sites:
        air = self.ground.scatter("air", max(2, round(5 * self.by_root)), urban_bias=1.5, compact=0.8)
        weather = self.ground.scatter("weather", max(2, round(8 * self.by_root)), compact=0.4)
        water, reaches = self._gauges(max(2, round(8 * self.by_root)))
        noise = self.ground.scatter("noise", max(2, round(6 * self.by_root)), urban_bias=1.2, compact=0.9)
        parts = [air, weather, water, noise]
        spot = Spot(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("lon", "lat", "patch")))
        kind = np.repeat(["air", "weather", "water", "noise"], [len(p.lon) for p in parts])
        n = len(kind)
        words = {"air": "空气自动站", "weather": "区域气象站", "noise": "声环境自动站"}
        words_en = {"air": "air monitoring station", "weather": "weather station", "water": "water gauge", "noise": "noise monitor"}
        first, last = len(air.lon) + len(weather.lon), n - len(noise.lon)  # the gauges stand between
        stage: list[Water | None] = [None] * first + [r[1] for r in reaches] + [None] * len(noise.lon)
        names = self._names(spot, [words.get(k, "水位站") for k in kind])
        gauges = [f"{r[0]}{self.ground.patches[p].name_zh}水位站" for r, p in zip(reaches, water.patch, strict=True)]
        names[first:last] = numbered(gauges, pattern="{name}（{n}号）")
        quiet = choose(self._key("noise", "area"), (0.30, 0.40, 0.12, 0.18), np.arange(n))
        functional = [("1", "2", "3", "4a")[q] if k == "noise" else None for k, q in zip(kind, quiet, strict=True)]
        return self.register("monitoring_stations", spot, np.full(n, date(2018, 1, 1).toordinal()), {
            "site_id": self._site_ids("MS", n), "name": names, "name_en": self._names_en(spot, [words_en[k] for k in kind]),
            "operator": [{"air": "生态环境局", "weather": "气象局", "water": "水文中心", "noise": "生态环境局"}[k] for k in kind],
            "station_kind": kind.tolist(), "noise_area": functional,
            "warning_level_m": [w.warning_m if w else None for w in stage],
            "guaranteed_level_m": [w.guaranteed_m if w else None for w in stage],
        }, kind=kind, **{f: np.array([getattr(w, f) if w else np.nan for w in stage]) for f in
                         ("low_m", "high_m", "rain_m_per_100mm", "flow_m3_s", "warning_m", "guaranteed_m")})  # fmt: skip

    def _gauges(self, wanted: int) -> tuple[Spot, list[tuple[str, Water]]]:
        """Gauges on the banks of the rivers and lakes the pack draws, one after another along each shore."""
        ground, found = self.ground, []
        if not ground.pack.has_layer("water"):
            return Spot(np.empty(0), np.empty(0), np.empty(0, dtype=int)), []
        seats = np.array([p.seat for p in ground.patches])
        shores = []
        for properties, polygon in ground.features("water", properties=True):
            shore = polygon.boundary if polygon.geom_type.endswith("Polygon") else polygon
            inside = shore.intersection(ground.region.buffer(-0.003))
            name = feature_name(properties).split("—")[0]
            # an old outline (旧湖面) is no place for a gauge of today
            if name and "（" not in name and not inside.is_empty and inside.length > 0.02:
                # rivers are watched more closely than lakes
                shores.append((name, inside, inside.length * (3.0 if properties.get("kind") == "river" else 1.0)))
        total = sum(s[2] for s in shores)
        for name, shore, weight in sorted(shores, key=lambda s: -s[2]):
            count = max(1, round(wanted * weight / total))
            parts = np.linspace(0.1, 0.9, count) if count > 1 else [0.5]
            for part in parts:
                point = self._along(shore, float(part))
                patch = int(np.hypot(*(seats - [point.x, point.y]).T).argmin())
                # some thirty metres from the water's edge: rounding must not put the gauge into the river
                bank = ground.patches[patch].land.buffer(-0.0003)
                near = nearest_points(ground.patches[patch].land if bank.is_empty else bank, point)[0]
                water = next(w for w in self.climate.water if w.match in name)
                found.append((round(near.x, 6), round(near.y, 6), patch, (name, water)))
        found = found[:wanted]
        lon, lat = np.array([f[0] for f in found], dtype=float), np.array([f[1] for f in found], dtype=float)
        return Spot(lon, lat, np.array([f[2] for f in found], dtype=int)), [f[3] for f in found]

    @staticmethod
    def _along(shore: shapely.Geometry, part: float) -> shapely.Point:
        """Point at a share of the length of a line of several parts."""
        lines = [g for g in shapely.get_parts(shore) if g.geom_type == "LineString"]
        left = part * sum(line.length for line in lines)
        for line in lines:
            if left <= line.length:
                return line.interpolate(left)
            left -= line.length
        return lines[-1].interpolate(1.0, normalized=True)
