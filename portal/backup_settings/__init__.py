"""When backups are made, and how many are kept."""
