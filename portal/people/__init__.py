"""People and the extension that belongs to each."""
