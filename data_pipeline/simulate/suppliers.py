"""Who delivers in a simulated city: its world, its feeds, and what one delivery is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from data_pipeline.cities import Pack
from data_pipeline.simulate.charging import ChargingHourly, ConnectorStates
from data_pipeline.simulate.environment import AirQuality, WaterObservations, WeatherObservations
from data_pipeline.simulate.feed import Feed
from data_pipeline.simulate.moving import CityEvents, DriveTests, VehiclePositions
from data_pipeline.simulate.services import HotlineCalls, Tickets
from data_pipeline.simulate.traffic import ParkingCounts, RoadSpeeds
from data_pipeline.simulate.utilities import PowerLoad, TerminalStatus
from data_pipeline.simulate.world import World

FEEDS: tuple[type[Feed], ...] = (
    RoadSpeeds, ChargingHourly, ConnectorStates, ParkingCounts, PowerLoad, TerminalStatus, AirQuality, WeatherObservations, WaterObservations,
)  # fmt: skip
DEFAULT_SEED = 20260101


@dataclass(frozen=True)
class SimDelivery:
    """One delivery to be made: `write(path)` makes the file; `known_from_utc` is when it was due.

    `mapping` names a file of `data_pipeline/mappings/`, None where the file has the contract's columns.
    """

    dataset: str
    filename: str
    known_from_utc: datetime
    mapping: str | None
    write: Callable[[Path], None]


class Suppliers:
    """World and feeds of one city; `Simulator` makes deliveries of them and says what the arguments mean."""

    def __init__(
        self, pack: Pack, seed: int = DEFAULT_SEED, scale: float = 1.0, left_out: frozenset[str] = frozenset()
    ) -> None:
        if not 0.1 <= scale <= 1000:
            raise ValueError(f"scale {scale} is outside 0.1 to 1000")
        self.pack, self.seed, self.scale, self.left_out = pack, seed, scale, left_out
        self.world = World(pack, seed, scale)

    def simulated(self, dataset: str) -> bool:
        """Whether the pack leaves a dataset to the simulator, and the simulator was not told to leave it out."""
        source = self.pack.sources.get(dataset)
        return source is not None and source.state == "simulated" and dataset not in self.left_out

    @cached_property
    def feeds(self) -> dict[str, Feed]:
        """Feeds of registered sites by dataset, without those that have no site in this city."""
        found = {kind.dataset: kind(self.world) for kind in FEEDS if self.simulated(kind.dataset)}
        return {name: feed for name, feed in found.items() if len(feed.sites)}

    @cached_property
    def tickets(self) -> Tickets:
        """The hotline's tickets."""
        return Tickets(self.world)

    @cached_property
    def hotline(self) -> HotlineCalls:
        """The hotline's calls."""
        return HotlineCalls(self.world)

    @cached_property
    def vehicles(self) -> VehiclePositions:
        """Positions of vehicles."""
        return VehiclePositions(self.world)

    @cached_property
    def drives(self) -> DriveTests:
        """Drive tests."""
        return DriveTests(self.world)

    @cached_property
    def events(self) -> CityEvents:
        """Events of the city."""
        return CityEvents(self.world)
