"""The page of backups: what there is, whether it can be restored, and how it is."""
