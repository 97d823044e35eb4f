"""Runs of jobs as they are: quiet weekends, nights, growth, chance."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from exporter.metrics.batch.run import Run
from exporter.metrics.batch.schedule import cron

DAY = 86400.0
ZONE = "Europe/Vienna"


def history(fields: str, days: float, noise: float = 0.1, seed: int = 0) -> Iterator[Run]:
    """Runs that went well: two fifths of the rows on weekends, 3 % filtered out, 0.2 % failed, a trend over the year."""
    rng = np.random.default_rng(seed)
    begin = datetime(2025, 1, 1, tzinfo=ZoneInfo(ZONE)).timestamp()
    trend = rng.normal(0, 0.5) / 365
    for number, due in enumerate(cron(fields, ZONE).due(begin, 0.0)):
        if due > begin + days * DAY:
            return
        local = datetime.fromtimestamp(due, ZoneInfo(ZONE))
        rows = 1e5 * np.exp(trend * (due - begin) / DAY + rng.normal(0, noise)) * (0.4 if local.weekday() >= 5 else 1)
        if fields.split()[1] == "*":
            rows *= (0.55 + 0.45 * np.sin(2 * np.pi * (local.hour - 9) / 24)) / 24
        out, start = round(rows), due + rng.exponential(120)
        failed = int(rng.binomial(out, 0.002))
        seconds = (60 + rows / 50) * np.exp(rng.normal(0, 0.1))
        yield Run(f"r{number}", "succeeded", start, start + seconds, round(out / 0.97), out - failed, failed)


def cut(run: Run, share: float) -> Run:
    """The run with so large a share of its rows, in and out."""
    assert run.rows_in is not None
    assert run.rows_out is not None
    return replace(run, rows_in=run.rows_in * share, rows_out=run.rows_out * share)
