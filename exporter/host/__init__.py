"""What the machine does: one collector a file, each read at the scrape under its own time limit."""
