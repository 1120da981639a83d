"""Addresses that are shut out because they guess, and when that happens."""
