"""Proof: a shadow Asterisk before the switch, read-back probes after it."""
