"""Parts of a wall scene: sizes by viewing distance, tiles, trend, map and plan."""
