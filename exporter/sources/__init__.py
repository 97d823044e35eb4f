"""Where logs come from: one file a source."""
