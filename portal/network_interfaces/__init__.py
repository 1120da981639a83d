"""Wired interfaces and how they get their addresses."""
