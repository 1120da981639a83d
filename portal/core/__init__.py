"""What every screen shares: the application, database, draft, permissions, texts."""
