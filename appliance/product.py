"""The product's name, in the one place where it may stand (besides `setup.py`)."""

NAME = "Centralino"
SLUG = "centralino"
VERSION = "0.1.0"
