"""How long a test waits for something that must come."""

PATIENCE_SECONDS = 180.0
"""A busy machine may take so long for what takes seconds; it costs nothing where all is well."""
