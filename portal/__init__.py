"""The admin portal: keeps what the owner wants as a draft and asks the engine to make it run.

`portal.core` holds what every screen shares; each further folder is one screen with its
forms, views and templates. `docs/portal.md` shows how to add one.
"""
