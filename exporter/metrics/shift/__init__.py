"""Why performance is not what it was: a change of a metric as a sum of causes."""
