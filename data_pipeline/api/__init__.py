"""`/api/v1`: the data for other programs, and its description at `/api/docs`."""

from data_pipeline.api.router import make_router

__all__ = ["make_router"]
