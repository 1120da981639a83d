"""Places that get copies of backups."""
