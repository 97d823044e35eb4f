"""Runs of batch jobs: whether they come, how long they take, what they give."""
