"""The audit log on the screen, and undo."""
