"""Processes beside Asterisk that follow or steer calls while they happen."""
