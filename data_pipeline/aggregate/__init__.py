"""Aggregation: composed SQL, engines, readings kept up to date with the records."""

from data_pipeline.aggregate.compose import Composed, Window, compose, grouped
from data_pipeline.aggregate.engine import DuckEngine, Engine
from data_pipeline.aggregate.refresh import Touched, rebuild, refresh

__all__ = ["Composed", "DuckEngine", "Engine", "Touched", "Window", "compose", "grouped", "rebuild", "refresh"]
