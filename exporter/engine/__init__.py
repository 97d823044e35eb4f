"""Time and work: poll, count, join, commit, evaluate."""
