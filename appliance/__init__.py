"""The engine: turns one desired state into a running telephone system.

Nothing in this package knows Flask or SQLAlchemy. The portal hands over a
`SystemState`; this package checks, renders, proves, applies, verifies and, when asked
or when something fails, takes it back.
"""
