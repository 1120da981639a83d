"""Branches: their lines and routers, how good each line is, and drills that prove it."""
