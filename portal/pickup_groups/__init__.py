"""Pickup groups: who may take whose calls."""
