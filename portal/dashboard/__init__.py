"""The overview: is everything well, what is going on, what waits."""
