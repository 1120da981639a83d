"""Captures: the packets of one call, as a ladder of messages and as files for experts."""
