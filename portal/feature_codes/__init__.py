"""Codes that people dial or press: one setting for telephones and the exchange."""
