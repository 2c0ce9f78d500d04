"""Pages of the nine domains, the manual of their metrics, and the systems of the plan they serve."""
