"""The system page: versions, the engine, the database, files changed by hand."""
