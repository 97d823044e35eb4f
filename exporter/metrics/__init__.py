"""Pure maths on counts: one folder a question, one file a metric. `registry.METRICS` names them all."""
