"""Limits on calls abroad, and the rights of the system itself."""
