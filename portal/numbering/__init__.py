"""The numbering plan: how people dial."""
