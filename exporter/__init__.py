"""ml-exporter: a Prometheus exporter that tells whether a model is still right, since when, why, and what to do."""

import os
import sys

# Read when NumPy is first imported. Our matrices are small: several threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Read when Arrow is. As fast as its own choice, and what is free goes back by itself: 100 MB less under load.
if sys.platform == "linux":
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")

__version__ = "0.1.0"
