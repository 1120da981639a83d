"""How the schema of the portal's database came to be, step by step (Alembic)."""
