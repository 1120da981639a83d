"""The lines to carriers."""
