"""Backups: one encrypted file of everything that makes this machine what it is, and the way back.

`docs/backup.md` describes the file, so that it can be opened without this program too.
"""
