"""Checks: everything that stops the draft from being applied, and what looks unwise."""
