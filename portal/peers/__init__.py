"""Machines of ours that share whom they shut out: those we ask, and those that may ask us."""
