"""Alarms of the machine: what is wrong, since when, who knows, and who gets a mail."""
