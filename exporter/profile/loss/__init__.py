"""The term-wise loss model: what a prediction's loss is expected to be, from what it looks like alone."""
