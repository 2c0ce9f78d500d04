"""Stand-in for a city's data sources: writes deliveries that enter by the same door as real ones."""

from data_pipeline.simulate.simulator import DEFAULT_SEED, SimDelivery, Simulator

__all__ = ["DEFAULT_SEED", "SimDelivery", "Simulator"]
