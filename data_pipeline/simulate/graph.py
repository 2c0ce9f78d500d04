"""The derived roads as a graph, for whatever drives on them."""

from __future__ import annotations

import numpy as np

from data_pipeline.simulate.place import KM_PER_DEGREE
from data_pipeline.simulate.rng import choose, key_of, uniform
from data_pipeline.simulate.sites import Sites


class RoadGraph:
    """The derived roads as a graph: for walks that keep to them."""

    def __init__(self, sections: Sites) -> None:
        frame = sections.frame
        self.lines = [np.array([[float(v) for v in p.split()] for p in w[w.index("(") + 1 : -1].split(",")]) for w in frame["path"]]
        self.length_km = frame["length_km"].to_numpy()
        self.ends: list[tuple[int, int]] = []
        nodes: dict[tuple[float, float], int] = {}
        for line in self.lines:
            pair = tuple(nodes.setdefault((round(x, 4), round(y, 4)), len(nodes)) for x, y in (line[0], line[-1]))
            self.ends.append((pair[0], pair[1]))
        self.at_node: list[list[int]] = [[] for _ in nodes]
        for section, (a, b) in enumerate(self.ends):
            self.at_node[a].append(section)
            self.at_node[b].append(section)
        self.urban = sections.urban

    def walk(self, key: int, counter: int, steps: int, urban_bias: float) -> tuple[np.ndarray, np.ndarray]:
        """A random walk over `steps` sections: its points (WGS84) and the kilometre at each."""
        draws = uniform(key, counter, np.arange(steps + 1))
        section = int(choose(key_of(key, "start"), 0.15 + urban_bias * self.urban, counter))
        node = self.ends[section][1]
        points, last = [self.lines[section]], section
        for draw in draws[:-1]:
            options = [s for s in self.at_node[node] if s != last] or [last]
            weights = np.cumsum([0.15 + urban_bias * self.urban[s] for s in options])
            section = options[int(np.searchsorted(weights, draw * weights[-1], side="right").clip(0, len(options) - 1))]
            forward = self.ends[section][0] == node
            points.append(self.lines[section] if forward else self.lines[section][::-1])
            node, last = self.ends[section][1 if forward else 0], section
        path = np.concatenate(points)
        shrink = np.cos(np.radians(path[0, 1]))
        step = np.hypot(np.diff(path[:, 0]) * shrink, np.diff(path[:, 1])) * KM_PER_DEGREE
        return path, np.concatenate([[0.0], np.cumsum(step)])
