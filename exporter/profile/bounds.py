"""Upper bounds of the histograms of times, the same for every model."""

LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the config's latency objectives are added."""
LABEL_DELAY_BOUNDS = (
    60.0,
    600.0,
    3600.0,
    7200.0,
    14400.0,
    28800.0,
    86400.0,
    259200.0,
    604800.0,
    1209600.0,
    2592000.0,
    7776000.0,
)
"""Seconds: a minute to 90 days."""
