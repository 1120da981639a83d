"""Ranges of inside numbers."""
