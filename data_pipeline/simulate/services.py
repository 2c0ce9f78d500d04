"""The 12345 hotline: calls by the hour and district, tickets with their life from receipt to call-back."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from data_pipeline.holidays import HOLIDAY, SPRING_FESTIVAL, WEEKEND
from data_pipeline.simulate.clock import Clock, bumps, datetimes
from data_pipeline.simulate.rng import choose, key_of, normal, poisson, smooth, uniform
from data_pipeline.simulate.world import World, office_hours

HOUR, DAY = 3600, 86400
TICKETS_A_DAY = 220.0  # Ezhou
CALLS_A_DAY = 1150.0
LONGEST_S = 26 * DAY  # a ticket's life from receipt to call-back never lasts longer
HOTLINE_DELAY_S = 300
TICKETS_DELAY_S = 120
# category, share of all tickets, duty of the office that handles it (simulate/offices.py)
CATEGORIES = (
    ("噪声扰民", 0.13, "environment"), ("违章停车", 0.12, "police"), ("供水供电", 0.10, "housing"), ("物业管理", 0.12, "housing"),
    ("劳动保障", 0.08, "labour"), ("市容环卫", 0.11, "streets"), ("积水内涝", 0.02, "streets"), ("消费维权", 0.10, "market"),
    ("道路交通", 0.09, "transport"), ("教育医疗", 0.06, "education"), ("燃气供暖", 0.03, "housing"), ("其他咨询", 0.04, "approval"),
)  # fmt: skip
CHANNELS = (("电话", 0.72), ("微信", 0.14), ("网站", 0.05), ("手机应用", 0.09))
STATUS_ZH = ("待处理", "办理中", "已办结", "已撤销", "已转办")


def hourly_load(clock: Clock, world: World) -> np.ndarray:
    """Calls and tickets an hour as a share of an ordinary day's; rises with storms, heat and outages."""
    off = np.where(clock.kind == SPRING_FESTIVAL, 0.45, np.where(clock.kind == HOLIDAY, 0.62, np.where(clock.kind == WEEKEND, 0.72, 1.08)))
    shape = office_hours(clock.hour) + bumps(clock.hour, (22.0, 1.5, 0.12))
    season = 1.0 + 0.08 * np.cos((clock.year_part - 0.6) * 2 * np.pi)
    mood = np.exp(0.10 * smooth(world.key("services", "mood"), 2 * DAY, clock.t_s))
    zero = np.zeros(1)
    city_wide = world.effect("tickets", zero + 1e6, zero + 1e6, np.ravel(clock.t_s)).reshape(np.shape(clock.t_s))
    return shape / 10.6 * off * season * mood * (1.0 + city_wide) * 1.06 ** (clock.years - 2.5)


class Tickets:
    """Tickets of the hotline: each is a pure function of the hour it came in and its number in that hour."""

    dataset = "service_requests"

    def __init__(self, world: World) -> None:
        self.world = world
        self.a_day = TICKETS_A_DAY * world.sites.by_root
        self._keys = {name: world.key("tickets", name) for name in (
            "n", "second", "category", "channel", "patch", "point", "near", "hand", "work", "fate", "call", "code", "repeat", "dirt",
        )}  # fmt: skip
        self._blocks = lru_cache(maxsize=128)(self._block)

    def created(self, start_s: int, end_s: int) -> dict[str, np.ndarray]:
        """Tickets received in [start, end): arrays of one length, times in UTC seconds, in order of hours."""
        if end_s <= start_s:
            return {}
        blocks = [self._blocks(b) for b in range(start_s // DAY, (end_s - 1) // DAY + 1)]
        life = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        keep = (life["created_s"] >= start_s) & (life["created_s"] < end_s)
        return {name: values[keep] for name, values in life.items()}

    def _block(self, block: int) -> dict[str, np.ndarray]:
        """Tickets of one UTC day."""
        start_s, end_s = block * DAY, (block + 1) * DAY
        world, key = self.world, self._keys
        hours = np.arange(start_s // HOUR, end_s // HOUR, dtype=np.int64)
        clock = world.clock(hours * HOUR)
        local = self._local_boost(hours * HOUR)
        mean = self.a_day * hourly_load(clock, world)
        ordinary = poisson(key["n"], mean, hours)
        extra = poisson(key["n"], mean * local, hours, 1)
        count = ordinary + extra
        hour = np.repeat(hours, count)
        number = np.arange(hour.size) - np.repeat(np.cumsum(count) - count, count)
        at = hour * HOUR + (uniform(key["second"], hour, number) * HOUR).astype(np.int64)
        return self._life(hour, number, at, number >= np.repeat(ordinary, count))

    def _local_boost(self, t_s: np.ndarray) -> np.ndarray:
        """How many more tickets local incidents cause in an hour, as a share of the city's."""
        boost = np.zeros(t_s.shape)
        for incident in self.world.incidents(int(t_s.min()), int(t_s.max()) + HOUR):
            if incident.patch >= 0 and incident.kind in ("flood", "power_outage", "network_outage"):
                share = self.world.ground.weights[incident.patch] / self.world.ground.weights.sum()
                boost += 4.0 * share * incident.strength * ((t_s + HOUR > incident.start_s) & (t_s < incident.end_s + HOUR))
        return boost

    def _life(self, hour: np.ndarray, number: np.ndarray, at: np.ndarray, is_extra: np.ndarray) -> dict[str, np.ndarray]:
        world, key = self.world, self._keys
        clock = world.clock(at)
        patch = choose(key["patch"], world.ground.weights, hour, number)
        category = choose(key["category"], [c[1] for c in CATEGORIES], hour, number)
        self._steer(patch, category, at, is_extra, hour, number)
        category = np.where((category == 10) & (np.abs(clock.year_part - 0.5) < 0.3), 0, category)  # no heating tickets in summer
        hand = at + (600 + 9000 * uniform(key["hand"], hour, number) ** 2 + np.where((clock.hour > 18) | (clock.hour < 8), 8, 0) * HOUR).astype(np.int64)
        # working time: log-normal, faster year by year; slower for property and labour, faster for traffic
        slow = np.array([0.9, 0.45, 0.8, 1.5, 1.7, 0.7, 0.5, 1.3, 0.9, 1.3, 0.8, 0.35])[category]
        work_h = 30.0 * slow * np.exp(0.85 * normal(key["work"], hour, number)) * 0.93 ** (clock.years - 2.5)
        rest = 1.0 + 0.35 * (clock.kind >= WEEKEND) + 0.5 * (clock.kind == SPRING_FESTIVAL)
        closed = hand + np.minimum(work_h * rest * HOUR, 22 * DAY).astype(np.int64)
        due_days = np.where(slow > 1.2, 7, np.where(slow < 0.6, 3, 5))
        fate = uniform(key["fate"], hour, number)
        called = closed + (4 * HOUR + 30 * HOUR * uniform(key["call"], hour, number)).astype(np.int64)
        on_time = closed <= at + due_days * DAY
        mood = uniform(key["call"], hour, number, 1)
        solved = mood < np.where(on_time, 0.90, 0.70) + 0.012 * np.clip(clock.years - 2, -2, 2)
        return {
            "hour": hour, "number": number, "created_s": at, "patch": patch, "category": category,
            "channel": choose(key["channel"], [c[1] for c in CHANNELS], hour, number), "hand_s": hand, "closed_s": closed,
            "called_s": called, "due_s": at + due_days * DAY, "cancelled": fate < 0.012, "referred": (fate >= 0.012) & (fate < 0.03),
            "responded": uniform(key["call"], hour, number, 2) < 0.985, "solved": solved,
            "satisfied": solved & (uniform(key["call"], hour, number, 3) < 0.97) | (uniform(key["call"], hour, number, 3) < 0.12),
            "repeat": uniform(key["repeat"], hour, number) < 0.06, "asked": uniform(key["call"], hour, number, 4) < 0.86,
        }  # fmt: skip

    def _steer(self, patch: np.ndarray, category: np.ndarray, at: np.ndarray, is_extra: np.ndarray, hour: np.ndarray, number: np.ndarray) -> None:
        """Send the extra tickets to the place and subject of an incident under way; changes arrays in place."""
        if at.size == 0:
            return
        subject = {"flood": 6, "power_outage": 2, "network_outage": 11, "storm": 6}
        for incident in self.world.incidents(int(at.min()) - HOUR, int(at.max()) + 1):
            if incident.kind not in subject:
                continue
            during = (at >= incident.start_s - HOUR) & (at < incident.end_s + 2 * HOUR)
            if incident.patch >= 0:
                rows = during & is_extra
                patch[rows] = incident.patch
            else:
                rows = during & (uniform(self._keys["near"], hour, number) < 0.3)
            category[rows] = subject[incident.kind]

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which the hourly export falls due."""
        wait = TICKETS_DELAY_S
        return np.arange((after_s - wait) // HOUR + 1, (until_s - wait) // HOUR + 1, dtype=np.int64) * HOUR + wait

    def changed(self, after_s: int, until_s: int, floor_s: int = 0) -> pl.DataFrame:
        """Every ticket received or changed in (after, until], as it stands at `until` (supplier's columns).

        Tickets received before `floor_s` are left out. Times are local text as the hotline prints
        it; a few rows break the contract.
        """
        life = self.created(max(after_s - LONGEST_S - DAY, floor_s), until_s + 1)
        if not life:
            return self._table({}, until_s)
        final = life["cancelled"] | life["referred"]
        steps = np.stack([
            life["created_s"], life["hand_s"], np.where(final, life["hand_s"], life["closed_s"]),
            np.where(final | ~life["asked"], life["hand_s"], life["called_s"]),
        ])  # fmt: skip
        known = steps <= until_s
        last = np.where(known, steps, 0).max(axis=0)
        touched = (last > after_s) & (life["created_s"] <= until_s)
        picked = {name: values[touched] for name, values in life.items()}
        picked["updated_s"] = last[touched]
        return self._table(picked, until_s)

    def _table(self, life: dict[str, np.ndarray], until_s: int) -> pl.DataFrame:
        columns = (
            "工单编号", "受理时间", "更新时间", "诉求类别", "来源渠道", "承办单位", "工单状态", "应办结时间", "办结时间",
            "是否响应", "是否解决", "是否满意", "是否重复", "经度", "纬度", "区域代码", "乡镇街道代码",
        )  # fmt: skip
        if not life or life["hour"].size == 0:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
        world, key, hour, number = self.world, self._keys, life["hour"], life["number"]
        final = life["cancelled"] | life["referred"]
        handed = life["hand_s"] <= until_s
        closed = ~final & (life["closed_s"] <= until_s)
        asked = closed & life["asked"] & (life["called_s"] <= until_s)
        state = np.select([final & handed & life["cancelled"], final & handed, closed, handed], [3, 4, 2, 1], 0)
        lon, lat = self._points(life)
        pointed = uniform(key["point"], hour, number, 9) < 0.72
        areas = world.ground.patches
        codes = [areas[p].area.id if areas[p].area.level == "township" else None for p in life["patch"]]
        coded = uniform(key["code"], hour, number) < 0.85
        district = [self._district(p) for p in life["patch"]]
        clock = world.clock(hour * HOUR)
        stamp = pl.Series(datetimes(hour * HOUR + clock.offset_s)).dt.strftime("%Y%m%d%H")
        frame = pl.DataFrame({
            "工单编号": [f"{s}{n:04d}" for s, n in zip(stamp, number, strict=True)],
            "受理时间": self._text(life["created_s"]), "更新时间": self._text(life["updated_s"]),
            "诉求类别": [CATEGORIES[c][0] for c in life["category"]], "来源渠道": [CHANNELS[c][0] for c in life["channel"]],
            "承办单位": [self.world.offices[CATEGORIES[c][2]] for c in life["category"]], "工单状态": [STATUS_ZH[s] for s in state],
            "应办结时间": self._text(life["due_s"]), "办结时间": self._text(np.where(closed, life["closed_s"], -1)),
            "是否响应": _yes_no(life["responded"], handed & ~final), "是否解决": _yes_no(life["solved"], asked),
            "是否满意": _yes_no(life["satisfied"], asked), "是否重复": _yes_no(life["repeat"], np.ones(hour.size, dtype=bool)),
            "经度": _degrees(lon, pointed), "纬度": _degrees(lat, pointed), "区域代码": district,
            "乡镇街道代码": [c if keep else None for c, keep in zip(codes, coded, strict=True)],
        })  # fmt: skip
        return self._dirty(frame, hour, number, closed)

    def _points(self, life: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = np.empty(life["hour"].size), np.empty(life["hour"].size)
        counter = life["hour"] * 4096 + life["number"]
        for p in np.unique(life["patch"]):
            rows = np.flatnonzero(life["patch"] == p)
            close = uniform(self._keys["near"], counter[rows], 5) < 0.7
            lon[rows], lat[rows] = self.world.ground.in_patch(self._keys["point"], self.world.ground.patches[p], counter[rows], close)
        return lon, lat

    def _district(self, patch: int) -> str:
        """The district (or the city itself) a patch is counted in."""
        pack = self.world.pack
        chain = pack.ancestors(self.world.ground.patches[patch].area.id)
        return next((a.id for a in chain if a.level == "district"), pack.city_area.id)

    def _text(self, t_s: np.ndarray) -> pl.Series:
        """Local time as the supplier writes it; negative seconds give null."""
        known = t_s >= 0
        clock = self.world.clock(np.where(known, t_s, 0))
        text = pl.Series(datetimes(clock.t_s + clock.offset_s)).dt.strftime("%Y/%m/%d %H:%M:%S")
        return pl.select(pl.when(pl.Series(known)).then(text)).to_series()

    def _dirty(self, frame: pl.DataFrame, hour: np.ndarray, number: np.ndarray, closed: np.ndarray) -> pl.DataFrame:
        """Rows a hotline really sends: closed before received, a missing time, a place in the next province, the row twice."""
        u = pl.Series(uniform(self._keys["dirt"], hour, number))
        spoiled = frame.with_columns(
            办结时间=pl.when((u < 0.0006) & pl.Series(closed)).then(pl.lit("2019/02/30 08:00:00")).otherwise("办结时间"),
            工单状态=pl.when((u >= 0.0006) & (u < 0.0010)).then(pl.lit("???")).otherwise("工单状态"),
            经度=pl.when((u >= 0.0010) & (u < 0.0020)).then(pl.lit("121.473701")).otherwise("经度"),
            纬度=pl.when((u >= 0.0010) & (u < 0.0020)).then(pl.lit("31.230416")).otherwise("纬度"),
        )
        return pl.concat([spoiled, frame.filter((u >= 0.0020) & (u < 0.0035))])


class HotlineCalls:
    """`hotline_calls`: calls, answered and answered within 15 s of each district and hour."""

    dataset = "hotline_calls"
    cadence_s = HOUR
    delay_s = HOTLINE_DELAY_S

    def __init__(self, world: World) -> None:
        self.world = world
        areas = world.pack.children(world.pack.city_area.id, level="district") or [world.pack.city_area]
        people = np.array([float(a.population or world.ground.people / len(areas)) for a in areas])
        self.areas, self.share = [a.id for a in areas], people / people.sum()
        self.names = [a.name_zh for a in areas]
        self.a_day = CALLS_A_DAY * world.sites.by_root

    def values(self, t_s: np.ndarray) -> dict[str, np.ndarray]:
        """Calls, answered, answered in 15 s of shape (areas, hours) for hours starting at `t_s`."""
        key = self.world.key("hotline")
        clock = self.world.clock(t_s[None, :])
        i = np.arange(len(self.areas))[:, None]
        calls = poisson(key, self.a_day * self.share[:, None] * hourly_load(clock, self.world), i, t_s[None, :] // HOUR)
        rush = np.clip(calls / np.maximum(self.a_day * self.share[:, None] / 10.0, 1.0), 0.2, 3.0)
        noise = 0.012 * normal(key_of(key, "answer"), i, t_s[None, :] // HOUR)
        rate = np.clip(0.992 - 0.028 * rush + noise, 0.55, 1.0)
        fast = np.clip(0.985 - 0.05 * rush + 1.5 * noise, 0.4, 1.0)
        answered = np.minimum(calls, np.rint(calls * rate)).astype(np.int64)
        return {"calls": calls, "answered": answered, "answered_15s": np.minimum(answered, np.rint(answered * fast)).astype(np.int64)}

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which an hour's count falls due."""
        wait = HOUR + self.delay_s
        return np.arange((after_s - wait) // HOUR + 1, (until_s - wait) // HOUR + 1, dtype=np.int64) * HOUR + wait

    def table(self, after_s: int, until_s: int) -> pl.DataFrame:
        """Hours due in (after, until] in the supplier's columns; a row in a few hundred is impossible."""
        t_s = self.due_times(after_s, until_s) - HOUR - self.delay_s
        if t_s.size == 0:
            return pl.DataFrame()
        values = {name: v.T.ravel() for name, v in self.values(t_s).items()}
        clock = self.world.clock(np.repeat(t_s, len(self.areas)))
        broken = uniform(self.world.key("hotline", "dirt"), clock.t_s, np.tile(np.arange(len(self.areas)), t_s.size)) < 0.002
        local = pl.Series(datetimes(clock.t_s + clock.offset_s))
        return pl.DataFrame({
            "统计时段": local.dt.strftime("%Y-%m-%d %H:00"), "区域代码": self.areas * t_s.size, "区域名称": self.names * t_s.size,
            "呼入量": values["calls"], "接通量": np.where(broken, values["calls"] + 5, values["answered"]), "15秒接通量": values["answered_15s"],
        })  # fmt: skip


def _yes_no(values: np.ndarray, known: np.ndarray) -> pl.Series:
    """`是` or `否` where known, null elsewhere."""
    text = pl.Series(np.where(values, "是", "否"))
    return pl.select(pl.when(pl.Series(known)).then(text)).to_series()


def _degrees(values: np.ndarray, known: np.ndarray) -> pl.Series:
    """Six decimals as text where known, null elsewhere."""
    text = pl.Series(np.round(values, 6)).cast(pl.String)
    return pl.select(pl.when(pl.Series(known)).then(text)).to_series()
