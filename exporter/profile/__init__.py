"""Mergeable counts: bins, the layout of a profile, counting rows into it, the reference."""
