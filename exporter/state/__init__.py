"""What survives a restart: one SQLite file a model, one transaction a batch."""
