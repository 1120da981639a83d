"""Telephones, gateway ports and programs that register."""
