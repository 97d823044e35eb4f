"""The dashboards as code: knobs → signals → panels → dashboards → JSON.

The SDK warns on import that a newer dashboard schema exists; Grafana 11 and 12 both read the one used here, and older
Prometheus-side tools read no other. The warning is silenced here, once, so that it stays an error everywhere else.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.models.dashboard  # noqa: F401 - for its warning only
