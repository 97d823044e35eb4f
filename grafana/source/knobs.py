"""The one place for what a person may want to turn: selectors, thresholds, colours, what is shown first."""

from enum import IntEnum

DATASOURCE = "${datasource}"
TAG = "ml-exporter"

# Time range and refresh, as committed and as the demo (a day in 10 s) wants them.
TIME_FROM, REFRESH, WINDOW = "now-24h", "1m", "24h"
DEMO_TIME_FROM, DEMO_REFRESH, DEMO_WINDOW = "now-15m", "5s", "7d"

# Selectors. Every query goes through one of these.
MODEL = 'model=~"$model"'
VERSION = f'{MODEL},version=~"$version"'
WINDOW_OF = f'{VERSION},window="$window"'
FLEET_VERSION = MODEL
FLEET_WINDOW = f'{MODEL},window="$window"'
RATE = "$__rate_interval"
BURN = "$burn"

# The metric that stands for a task where there is room for one only; the others are a click away.
HEADLINE = "accuracy|mean_absolute_error"
FIRST_METRICS = ("accuracy", "roc_auc", "log_loss", "mean_absolute_error", "root_mean_squared_error", "r2")
LOWER_IS_BETTER = "log_loss|brier_score|.*error.*"

# Verdicts that the exporter does not give.
COVERAGE_LEAST = 0.8  # of the coverage expected at this age
LAG_MOST_SECONDS = 86_400
BURN_WARNING, BURN_BAD = 1.0, 14.4  # times the pace that spends the error budget in just its period
SLICE_WARNING, SLICE_BAD = 0.1, 0.25  # worse than the whole, relative
DRIFT_NEAR = 0.5  # of the threshold


class State(IntEnum):
    """Verdicts in the order of worry, so that the worst of several is their maximum; not knowing worries more than ok."""

    OK = 0
    UNKNOWN = 1
    WARNING = 2
    BAD = 3


# Colours: Tol's and Okabe-Ito's, told apart with any colour vision; one meaning each, on every dashboard.
OK, UNKNOWN, WARNING, BAD = "#009988", "#8A8F98", "#E69F00", "#CC3311"
NOW, REFERENCE, THRESHOLD, NOISE = "#0077BB", "#8A8F98", BAD, "#BB9955"
SERIES = ("#0077BB", "#EE7733", "#33BBEE", "#EE3377", "#009988", "#AA4499", "#DDCC77", "#882255")
STATE_COLOURS = {State.OK: OK, State.UNKNOWN: UNKNOWN, State.WARNING: WARNING, State.BAD: BAD}
STATE_TEXTS = {State.OK: "✓ ok", State.UNKNOWN: "? unknown", State.WARNING: "! warning", State.BAD: "✕ bad"}
HEAT = "Viridis"
