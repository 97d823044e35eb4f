"""The one place for what a person may want to turn: selectors, thresholds, colours, what is shown first."""

from enum import IntEnum

DATASOURCE = "${datasource}"
TAG = "ml-exporter"

# Selectors. Every query goes through one of these.
MODEL = 'model=~"$model"'
VERSION = f'{MODEL},version=~"$version"'
WINDOW_OF = f'{VERSION},window="$window"'
FLEET_VERSION = MODEL
FLEET_WINDOW = f'{MODEL},window="$window"'
HOST = 'host=~"$host"'
HOST_MODEL = f"{HOST},{MODEL}"
# Which part of `instance` names the machine; the same as in prometheus/values.yml.
HOST_OF_INSTANCE = "(.*?)(?::[0-9]+)?"
RATE = "$__rate_interval"
BURN = "$burn"
SILENCE = "$silence"
WEEK = "$week"

# The metric that stands for a task where there is room for one only; the others are a click away.
HEADLINE = "accuracy|mean_absolute_error"
FIRST_METRICS = ("accuracy", "roc_auc", "log_loss", "mean_absolute_error", "root_mean_squared_error", "r2")
LOWER_IS_BETTER = "log_loss|brier_score|.*error.*"

# Verdicts that the exporter does not give. What the alerts also need is written in prometheus/values.yml; a test holds
# the two together, so that a light and a page agree.
PAGE_METRICS = "accuracy|roc_auc|roc_auc_ovr|log_loss|mean_absolute_error|root_mean_squared_error"
COVERAGE_LEAST = 0.8  # of the coverage expected at this age
ESTIMATE_LABELS = 0.8  # with labels for so many predictions, measured performance speaks and no estimate
LAG_MOST_SECONDS = 6 * 3600
BURN_WARNING, BURN_BAD = 6.0, 14.4  # times the pace that spends the error budget in just its period
SLICE_WARNING, SLICE_BAD = 0.1, 0.25  # worse than the whole, relative
VERDICT_BLIND = 0.5  # among verdicts of 0 and 1
DRIFT_FAR = 4.0  # times the threshold
BUDGET_LOW = 0.25  # of the error budget is left
FULL_WARNING, FULL_BAD = 0.9, 0.97  # of a file system, of memory, of a limit
WAITING_WARNING, WAITING_BAD = 0.2, 0.5  # of the time some task waits


class State(IntEnum):
    """Verdicts in the order of worry, so that the worst of several is their maximum; not knowing is worse than ok.

    Blind: it is known that a fall that matters would not be seen.
    """

    OK = 0
    UNKNOWN = 1
    BLIND = 2
    WARNING = 3
    BAD = 4


# Colours: Tol's and Okabe-Ito's, told apart with any colour vision; one meaning each, on every dashboard.
OK, UNKNOWN, BLIND, WARNING, BAD = "#009988", "#8A8F98", "#6F4C9B", "#E69F00", "#CC3311"
NOW, REFERENCE, THRESHOLD, NOISE, EXPECTED = "#0077BB", "#8A8F98", BAD, "#BB9955", "#CC79A7"
SERIES = ("#0077BB", "#EE7733", "#33BBEE", "#EE3377", "#009988", "#AA4499", "#DDCC77", "#882255")
# In tables and timelines what is fine steps back, so that the rest is seen. Below 0.3 Grafana writes on them in the
# colour of text.
OK_QUIET, UNKNOWN_QUIET = "rgba(0, 153, 136, 0.28)", "rgba(138, 143, 152, 0.28)"
BLIND_QUIET = "rgba(111, 76, 155, 0.45)"
SWINGS, FAR = "rgba(187, 153, 85, 0.45)", "#D55E00"
QUANTILES = ("#88CCEE", "#0077BB", "#AA4499")
STATE_COLOURS = {State.OK: OK, State.UNKNOWN: UNKNOWN, State.BLIND: BLIND, State.WARNING: WARNING, State.BAD: BAD}
QUIET_COLOURS = STATE_COLOURS | {State.OK: OK_QUIET, State.UNKNOWN: UNKNOWN_QUIET, State.BLIND: BLIND_QUIET}
STATE_TEXTS = {
    State.OK: "✓ ok",
    State.UNKNOWN: "? unknown",
    State.BLIND: "○ blind",
    State.WARNING: "! warning",
    State.BAD: "✕ bad",
}
HEAT = "Viridis"

ALERT_LEVELS = (("✓ rules are evaluated", OK_QUIET), ("", UNKNOWN), ("! ticket", WARNING), ("✕ page", BAD))

# Drift as levels of one scale; all are orange at most: drift alone is no harm.
DRIFT_LEVELS = (
    ("✓ ok", OK_QUIET),
    ("large, but calm windows swing as far", SWINGS),
    ("! drifted", WARNING),
    (f"!! drifted, over {DRIFT_FAR:g} times the threshold", FAR),
)
