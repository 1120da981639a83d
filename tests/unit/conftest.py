"""Settings for all unit tests."""

from hypothesis import settings

# How long an example takes says how busy the machine is, nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
