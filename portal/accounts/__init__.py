"""Accounts of the portal, and the permission profiles that say what each may do."""
