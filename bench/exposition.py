"""How long it takes to render, publish and serve: `python -m bench.exposition`."""

import http.client
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog

from exporter.clock import SystemClock
from exporter.exposition.family import Family
from exporter.exposition.fresh import Fresh
from exporter.exposition.render import Renderer
from exporter.exposition.server import Hooks, Server, ServerSettings
from exporter.exposition.snapshot import ModelFamilies, Publisher
from exporter.exposition.status import Status
from exporter.health import Health
from exporter.metrics.spec import HistogramValue

LABELS = ("model", "version", "window", "feature", "method")
SCRAPES = 200
REPEATS = 5


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
    """Median time per series of a cycle after the first."""
    renderer = Renderer(strict=True)
    renderer.render(gauges(series, 0))
    times = []
    for seed in range(1, REPEATS + 1):
        families = gauges(series, seed)
        begin = time.perf_counter()
        renderer.render(families)
        times.append(time.perf_counter() - begin)
    return statistics.median(times) / series * 1e6


def histogram_microseconds(count: int) -> float:
    renderer = Renderer(strict=True)
    families = histograms(count)
    lines = families[0].series()
    times = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        renderer.render(families)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:]) / lines * 1e6


def publish_and_scrape(series: int) -> tuple[float, dict[str, list[float]]]:
    """Milliseconds to publish (render and compress both formats), and of each scrape over one kept connection."""
    health, clock, log = Health(), SystemClock(), structlog.get_logger()
    publisher = Publisher(health, clock, log, strict=True)
    publisher.publish([ModelFamilies("flight_delay", gauges(series, 0), budget=10**9)])
    times = []
    for seed in range(1, REPEATS + 1):
        families = gauges(series, seed)
        begin = time.perf_counter()
        publisher.publish([ModelFamilies("flight_delay", families, budget=10**9)])
        times.append(time.perf_counter() - begin)
    hooks = Hooks(
        lambda: publisher.current, Fresh(health, {}, clock, log), lambda: Status("", 0, 0), lambda: None, lambda: None
    )
    server = Server(ServerSettings(port=0), hooks, log)
    server.start()
    try:
        scrapes = {
            "plain": scrape_milliseconds(server.port, "identity"),
            "gzip": scrape_milliseconds(server.port, "gzip"),
        }
    finally:
        server.stop()
    return statistics.median(times) * 1e3, scrapes


def scrape_milliseconds(port: int, encoding: str) -> list[float]:
    """Sorted times of scrapes, the body read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": encoding}
    times = []
    for _ in range(SCRAPES):
        begin = time.perf_counter()
        connection.request("GET", "/metrics", headers=headers)
        connection.getresponse().read()
        times.append((time.perf_counter() - begin) * 1e3)
    connection.close()
    return sorted(times)


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:  # noqa: ARG001 - as every part
    """Name → value, unit, limit, ok. The limits leave room for a shared machine."""
    results: dict[str, dict[str, Any]] = {}

    def note(name: str, value: float, unit: str, limit: float) -> None:
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": value <= limit}

    note("exposition_render_10k", render_microseconds(10_000), "us/series", 1.0)
    note("exposition_render_100k", render_microseconds(100_000), "us/series", 1.0)
    note("exposition_render_histograms", histogram_microseconds(100), "us/line", 1.0)
    for series, publish_limit, scrape_limit in ((10_000, 50.0, 10.0), (100_000, 500.0, 60.0)):
        published, scrapes = publish_and_scrape(series)
        size = f"{series // 1000}k"
        note(f"exposition_publish_{size}", published, "ms", publish_limit)
        for encoding, times in scrapes.items():
            note(f"exposition_scrape_{encoding}_{size}_p50", times[len(times) // 2], "ms", scrape_limit)
            note(f"exposition_scrape_{encoding}_{size}_p99", times[int(len(times) * 0.99)], "ms", 2 * scrape_limit)
    return results


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:40} {row['value']:>10} {row['unit']:10} limit {row['limit']:<8} {'ok' if row['ok'] else 'SLOW'}")
