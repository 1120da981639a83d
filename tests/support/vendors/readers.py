"""Vendor -> the reader of its files."""

from tests.support.vendors import cisco, snom, yealink

READERS = {"cisco": cisco.read, "snom": snom.read, "yealink": yealink.read}
