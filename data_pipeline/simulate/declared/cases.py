"""Cases with a life (告警, 工单, 调度): received, step by step worked on, closed; as their TOML declares them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from data_pipeline.contracts import contract, duration
from data_pipeline.simulate.clock import datetimes
from data_pipeline.simulate.declared import Cases, Choice, Number, Step
from data_pipeline.simulate.declared.quantities import ELSEWHERE_KM, REFERENCE_YEARS, daily_shape, rhythm
from data_pipeline.simulate.rng import choose, normal, poisson, uniform
from data_pipeline.simulate.world import World

HOUR = 3600
BLOCK_H = 14 * 24  # cases are made for two weeks at once
NOT_YET = np.iinfo(np.int64).max // 4

Life = dict[str, np.ndarray]


class DeclaredCases:
    """One declared kind of case of one city; each case is a function of its hour and its number in that hour."""

    def __init__(self, world: World, declared: Cases) -> None:
        self.world, self.declared, self.contract = world, declared, contract(declared.dataset)
        self.dataset = declared.dataset
        self.delay_s = int(duration(declared.delay).total_seconds())
        self.longest_s = sum(int(step.longest_min * 60) for step in declared.steps.values())
        self.sites = None
        if declared.place == "site":
            sites = world.sites[declared.register_dataset]
            if declared.kinds:
                sites = sites.where(np.isin(sites.frame[declared.kind_column].to_numpy().astype(str), declared.kinds))
            self.sites = sites
        self._blocks = lru_cache(maxsize=64)(self._block)

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which an hour's changes are handed over; hours without any send nothing."""
        after_s, until_s = self._whole_hour(after_s), self._whole_hour(until_s)
        life = self._created(after_s - self.longest_s, until_s)
        if not life:
            return np.empty(0, dtype=np.int64)
        moments = np.concatenate([life[self.declared.created], *(life[name] for name in self.declared.steps)])
        hours = -(-moments[(moments > after_s) & (moments <= until_s)] // HOUR) * HOUR
        return np.unique(hours) + self.delay_s

    def _whole_hour(self, second: int) -> int:
        """End of the last hour whose changes are handed over by then."""
        return (second - self.delay_s) // HOUR * HOUR

    @property
    def lead_s(self) -> int:
        """How long after its hour the first row is due, less a second."""
        return self.delay_s - 1

    def table(self, after_s: int, until_s: int, floor_s: int) -> pl.DataFrame:
        """Cases that began or moved a step in the hours handed over in (after, until], in their state at the end; rows of the contract."""
        after_s, until_s = self._whole_hour(after_s), self._whole_hour(until_s)
        life = self._created(max(floor_s, after_s - self.longest_s), until_s)
        if not life or life["hour"].size == 0:
            return self._empty()
        moments = np.stack([life[self.declared.created], *(life[name] for name in self.declared.steps)])
        last = np.where(moments <= until_s, moments, 0).max(axis=0)
        touched = last > after_s
        life = {name: values[touched] for name, values in life.items()}
        return self._dirty(self._frame(life, last[touched], until_s), life)

    def _created(self, start_s: int, end_s: int) -> Life:
        if end_s <= start_s:
            return {}
        blocks = [self._blocks(b) for b in range(start_s // HOUR // BLOCK_H, (end_s - 1) // HOUR // BLOCK_H + 1)]
        life = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        keep = (life[self.declared.created] >= start_s) & (life[self.declared.created] < end_s)
        return {name: values[keep] for name, values in life.items()}

    def _block(self, block: int) -> Life:
        """The cases of one block of hours."""
        declared, world = self.declared, self.world
        hours = np.arange(block * BLOCK_H, (block + 1) * BLOCK_H, dtype=np.int64)
        clock = world.clock(hours[None, :] * HOUR)
        away = np.full((1, 1), ELSEWHERE_KM)
        key = world.key(self.dataset, "n")
        factor = rhythm(declared.rhythm, clock, world, key, away, away, hourly=False)[0]
        if declared.rhythm.hours:
            factor = factor * daily_shape(declared.rhythm, clock.hour[0])
        count = poisson(key, declared.per_day * world.sites.by_root / 24 * factor, hours)
        hour = np.repeat(hours, count)
        number = np.arange(hour.size) - np.repeat(np.cumsum(count) - count, count)
        at = hour * HOUR + (uniform(world.key(self.dataset, "second"), hour, number) * HOUR).astype(np.int64)
        life: Life = {"hour": hour, "number": number, declared.created: at}
        weights = world.ground.weights * (0.5 + world.ground.urban)
        life["patch"] = choose(world.key(self.dataset, "patch"), weights, hour, number)
        for name, step in declared.steps.items():
            life[name] = self._step(name, step, life)
        return life

    def _step(self, name: str, step: Step, life: Life) -> np.ndarray:
        hour, number, world = life["hour"], life["number"], self.world
        begun = life[step.after]
        clock = world.clock(np.where(begun < NOT_YET, begun, 0))
        minutes = step.median_min * np.exp(step.sigma * normal(world.key(self.dataset, name), hour, number))
        minutes = minutes * (1 - step.faster) ** (clock.years - REFERENCE_YEARS)
        if step.rain and hour.size:
            minutes = minutes * (1 + step.rain * world.weather.rain_day(clock.day, clock.year_part).total_mm)
        minutes = minutes * np.where((clock.hour >= 23) | (clock.hour < 6), 1 + step.night, 1.0)
        happens = (uniform(world.key(self.dataset, name, "happens"), hour, number) < step.chance) & (begun < NOT_YET)
        return np.where(happens, begun + (np.minimum(minutes, step.longest_min) * 60).astype(np.int64), NOT_YET)

    # ------------------------------------------------------------------ rows

    def _frame(self, life: Life, last_s: np.ndarray, until_s: int) -> pl.DataFrame:
        declared, world, n = self.declared, self.world, life["hour"].size
        stamp = pl.Series(datetimes(life["hour"] * HOUR)).dt.strftime("%y%m%d%H")
        data: dict[str, object] = {
            declared.id_column: [f"{declared.prefix}{world.pack.id}{s}{k:03d}" for s, k in zip(stamp, life["number"], strict=True)],
            declared.created: datetimes(life[declared.created]),
        }
        if declared.updated:
            data[declared.updated] = datetimes(last_s)
        come = {declared.created: np.ones(n, dtype=bool)}
        for name in declared.steps:
            come[name] = life[name] <= until_s
            data[name] = _where(come[name], datetimes(np.where(come[name], life[name], 0)))
        for name, text in declared.deadlines.items():
            data[name] = datetimes(life[declared.created] + int(duration(text).total_seconds()))
        state = np.full(n, declared.first_state, dtype=object)
        for name, word in declared.states.items():
            state[come[name]] = word
        if declared.states:
            data[declared.status_column] = state
        for name, chance in declared.chances.items():
            years = world.clock(life[declared.created]).years - REFERENCE_YEARS
            share = 1 / (1 + np.exp(-(np.log(chance.share / (1 - chance.share)) + chance.trend * years)))
            drawn = uniform(world.key(self.dataset, name), life["hour"], life["number"]) < share
            data[name] = _where(come[chance.known_at or declared.created], drawn)
        for name, choice in declared.choices.items():
            data[name] = _where(come[choice.known_at or declared.created], self._chosen(name, choice, life))
        for name, figure in declared.numbers.items():
            data[name] = _where(come[figure.known_at or declared.created], self._number(name, figure, life))
        for name, duty in declared.offices.items():
            data[name] = [world.offices[duty]] * n
        data |= self._place(life)
        frame = pl.DataFrame(data, strict=False, nan_to_null=True)
        schema = self._schema()
        return frame.select(pl.col(k).cast(v) for k, v in schema.items() if k in frame.columns)

    def _chosen(self, name: str, choice: Choice, life: Life) -> np.ndarray:
        words = np.array(list(choice.weights), dtype=object)
        weights = np.array(list(choice.weights.values()))[:, None] * np.ones(life["hour"].size)
        if choice.months:
            clock = self.world.clock(life[self.declared.created])
            month = np.minimum((clock.year_part * 12).astype(int) + 1, 12)
            for word, allowed in choice.months.items():
                weights[list(choice.weights).index(word)] *= np.isin(month, allowed)
        edges = np.cumsum(weights, axis=0)
        drawn = uniform(self.world.key(self.dataset, name), life["hour"], life["number"]) * edges[-1]
        return words[np.minimum((drawn[None, :] >= edges).sum(axis=0), words.size - 1)]

    def _number(self, name: str, figure: Number, life: Life) -> np.ndarray:
        value = figure.median * np.exp(figure.sigma * normal(self.world.key(self.dataset, name), life["hour"], life["number"]))
        value = np.clip(value, figure.low, figure.high) if figure.low is not None or figure.high is not None else value
        return np.rint(value) if figure.whole else np.round(value, figure.decimals)

    def _place(self, life: Life) -> dict[str, object]:
        world = self.world
        if self.sites is not None:
            ids = self.sites.ids
            if not ids.size:
                return {"site_id": np.full(life["hour"].size, None, dtype=object)}
            drawn = choose(world.key(self.dataset, "site"), np.ones(ids.size), life["hour"], life["number"])
            return {"site_id": ids[drawn]}
        patches = world.ground.patches
        chains = [world.pack.ancestors(p.area.id) for p in patches]
        district = np.array(
            [next((a.id for a in chain if a.level == "district"), world.pack.city_area.id) for chain in chains], dtype=object
        )
        township = np.array([p.area.id if p.area.level == "township" else None for p in patches], dtype=object)
        found: dict[str, object] = {"area_id": district[life["patch"]], "township_code": township[life["patch"]]}
        if self.declared.place == "point":
            lon, lat = np.empty(life["hour"].size), np.empty(life["hour"].size)
            counter = life["hour"] * 4096 + life["number"]
            for p in np.unique(life["patch"]):
                rows = np.flatnonzero(life["patch"] == p)
                near = uniform(world.key(self.dataset, "near"), counter[rows]) < 0.6
                lon[rows], lat[rows] = world.ground.in_patch(world.key(self.dataset, "spot"), patches[p], counter[rows], near)
            found |= {"lon": np.round(lon, 6), "lat": np.round(lat, 6)}
        return {name: values for name, values in found.items() if name in self.contract.columns}

    def _schema(self) -> dict:
        return self.contract.polars_schema()

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self._schema())

    def _dirty(self, frame: pl.DataFrame, life: Life) -> pl.DataFrame:
        dirt = self.declared.dirt
        pick = pl.Series(uniform(self.world.key(self.dataset, "dirt"), life["hour"], life["number"]))
        repeated = frame.filter(pick < dirt.repeated)
        if dirt.column and dirt.column in frame.columns:
            bad = (pick >= dirt.repeated) & (pick < dirt.repeated + dirt.share)
            frame = frame.with_columns(
                pl.when(bad).then(pl.lit(dirt.value)).otherwise(dirt.column).cast(frame.schema[dirt.column]).alias(dirt.column)
            )
        return pl.concat([frame, repeated])


def _where(known: np.ndarray, values: np.ndarray) -> pl.Series:
    """The values where known, null elsewhere."""
    series = pl.Series(values if values.dtype != object else values.tolist(), strict=False)
    return pl.select(pl.when(pl.Series(known)).then(series)).to_series()
