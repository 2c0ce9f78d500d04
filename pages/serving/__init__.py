"""What serves the pages: frame, live updates, actions, search, downloads, replay, map tiles, middleware. None is a page."""
