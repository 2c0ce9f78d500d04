"""The wall: `stage` shows scenes in frames, each `scene` a document of its own."""
