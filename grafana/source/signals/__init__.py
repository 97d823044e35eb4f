"""What there is to look at, by subject."""
