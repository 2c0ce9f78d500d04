"""Roads from recorded tracks and speeds: probe speeds of sections, free-flow speeds. Files out, to be delivered like any other."""
