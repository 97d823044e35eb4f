"""ml-exporter: a Prometheus exporter that tells whether a model is still right, since when, why, and what to do."""

__version__ = "0.1.0"
