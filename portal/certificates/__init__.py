"""Certificates: the machine's own authority, those that its servers present, one's own."""
