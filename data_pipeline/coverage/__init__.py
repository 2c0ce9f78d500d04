"""The 5G coverage model on the store: register + population + areas → results, delivered like any other data.

`bring_up_to_date(writer, pack)` is what the pipeline calls; `queries/coverage.py` reads what comes of it.
Every assumption stands in `assumptions.toml`; decisions in docs/decisions/0008.
"""
