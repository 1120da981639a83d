"""Music for callers who wait: collections, and the pieces that people upload."""
