"""A backup restored onto a new machine, before anybody has an account on it."""
