"""From raw deliveries to readings: contracts, ingest, store, metrics, queries, command line."""
