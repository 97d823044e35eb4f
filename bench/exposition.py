"""How long it takes to render and publish; scraping.py has the scrapes: `python -m bench.exposition`."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog

from exporter.clock import SystemClock
from exporter.exposition.family import Family
from exporter.exposition.render import Renderer
from exporter.exposition.snapshot import ModelFamilies, Publisher
from exporter.health import Health
from exporter.metrics.spec import HistogramValue

LABELS = ("model", "version", "window", "feature", "method")
REPEATS = 5
ABOUT = {
    "exposition_render_10k": "Text of a cycle's gauges, both formats. A tenth of what prometheus_client takes.",
    "exposition_render_100k": "The same of 100,000 series.",
    "exposition_render_histograms": "The same of histograms with 128 buckets.",
    "exposition_publish_10k": "Rendering and gzip of a cycle: a small part of the 15 s between cycles.",
    "exposition_publish_100k": "The same of 100,000 series.",
}


def gauges(series: int, seed: int) -> list[Family]:
    """A cycle's gauges over twenty families, with label tuples that no earlier cycle has seen as objects."""
    values = np.random.default_rng(seed).normal(size=series).tolist()
    families = []
    for number in range(20):
        samples = [
            (
                ("flight_delay", f"v{index % 2}", ("1h", "24h")[index // 2 % 2], f"feature_{index}", "jensen_shannon"),
                value,
            )
            for index, value in enumerate(values[number::20])
        ]
        families.append(Family(f"ml_family_{number}", "gauge", "A family.", LABELS, samples))
    return families


def histograms(count: int) -> list[Family]:
    """Histograms of 128 buckets."""
    value = HistogramValue(tuple(np.linspace(0.0, 1.0, 127).tolist()), np.arange(128.0), 10.0)
    samples = [(("flight_delay", f"v{index}"), value) for index in range(count)]
    return [Family("ml_prediction_score", "histogram", "Scores.", ("model", "version"), samples)]


def render_microseconds(series: int) -> float:
    """Median CPU time per series of a cycle after the first."""
    renderer = Renderer(strict=True)
    renderer.render(gauges(series, 0))
    times = []
    for seed in range(1, REPEATS + 1):
        families = gauges(series, seed)
        begin = time.thread_time()
        renderer.render(families)
        times.append(time.thread_time() - begin)
    return statistics.median(times) / series * 1e6


def histogram_microseconds(count: int) -> float:
    renderer = Renderer(strict=True)
    families = histograms(count)
    lines = families[0].series()
    times = []
    for _ in range(REPEATS + 1):
        begin = time.thread_time()
        renderer.render(families)
        times.append(time.thread_time() - begin)
    return statistics.median(times[1:]) / lines * 1e6


def publish_milliseconds(series: int) -> float:
    """Median CPU time to render both formats and compress them, a cycle after the first."""
    publisher = Publisher(Health(), SystemClock(), structlog.get_logger(), strict=True)
    publisher.publish([ModelFamilies("flight_delay", gauges(series, 0), budget=10**9)])
    times = []
    for seed in range(1, REPEATS + 1):
        families = gauges(series, seed)
        begin = time.thread_time()
        publisher.publish([ModelFamilies("flight_delay", families, budget=10**9)])
        times.append(time.thread_time() - begin)
    return statistics.median(times) * 1e3


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    results: dict[str, dict[str, Any]] = {}

    def note(name: str, value: float, unit: str, limit: float) -> None:
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": value <= limit}
        progress(f"{name}: {value:.3g} {unit}")

    note("exposition_render_10k", render_microseconds(10_000), "us/series", 1.0)
    note("exposition_render_100k", render_microseconds(100_000), "us/series", 1.0)
    note("exposition_render_histograms", histogram_microseconds(100), "us/line", 1.0)
    note("exposition_publish_10k", publish_milliseconds(10_000), "ms", 50.0)
    note("exposition_publish_100k", publish_milliseconds(100_000), "ms", 500.0)
    return results


if __name__ == "__main__":
    run(print)
