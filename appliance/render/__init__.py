"""Rendering: templates and values in, a set of files out. No side effects."""
