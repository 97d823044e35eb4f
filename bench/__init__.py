"""What `make bench` runs. The program is imported first: it says how NumPy and Arrow behave, as when it runs."""

import exporter  # noqa: F401
