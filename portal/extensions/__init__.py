"""All extensions: those of people, and those of rooms and functions."""
