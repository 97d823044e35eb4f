"""ml-exporter: a Prometheus exporter that tells whether a model is still right, since when, why, and what to do."""

import os

# Read when NumPy is first imported. Our matrices are small: several threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
