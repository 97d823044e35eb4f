"""docs/benchmarks.md from what was measured: `python -m bench --write-docs`."""

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Part = tuple[str, Mapping[str, str]]
"""What a part is about, and name → what its row measures and why the limit."""

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_SHOWN_VERSIONS = ("numpy", "pyarrow", "orjson", "uvicorn", "duckdb", "nannyml", "whylogs", "evidently")
_GIB = 1 << 30


def page(results: Mapping[str, Row], parts: Iterable[Part], why: Mapping[str, str], measured: datetime) -> str:
    """The page: a table for each part that was measured, one for what no part names, and why limits are missed.

    `why` has the beginning of figures' names and what a profile says of those that miss their limit.
    """
    missed = sum(not row["ok"] for row in results.values())
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench-docs` from the results of `make bench`; do not edit it by hand.",
        "",
        f"Measured on {measured:%Y-%m-%d} on {_processor()}: {_cores()}, {_memory()}, {platform.system()}.",
        f"{_versions()}.",
        "",
        "A ratio compares two figures of one run: it says the same on a slower machine; seconds and rates do not.",
        "`make bench BENCH_ARGS='--only exposition'` runs one part.",
        "",
        f"{len(results)} figures, {missed or 'none'} missed.",
    ]
    named: set[str] = set()
    for title, about in parts:
        rows = {name: (results[name], text) for name, text in about.items() if name in results}
        named |= rows.keys()
        if rows:
            lines += ["", f"## {title}", "", *_table(rows)]
    rest = {name: (row, "") for name, row in results.items() if name not in named}
    if rest:
        lines += ["", "## Other", "", *_table(rest)]
    late = {name for name, row in results.items() if not row["ok"]}
    told = [(each, text) for each, text in why.items() if any(name.startswith(each) for name in late)]
    if told:
        lines += ["", "## Missed, and why", "", *(f"- `{each}…`: {text}" for each, text in told)]
    return "\n".join(lines) + "\n"


def _table(rows: Mapping[str, tuple[Row, str]]) -> list[str]:
    lines = ["| figure | value | limit | | what it measures, why the limit |", "|---|---:|---:|---|---|"]
    for name, (row, text) in rows.items():
        limit = "–" if row["limit"] is None else f"{row['limit']:,g}"
        verdict = "" if row["limit"] is None else "ok" if row["ok"] else "**missed**"
        lines.append(f"| `{name}` | {number(row['value'])} {row['unit']} | {limit} | {verdict} | {text} |")
    return lines


def number(value: float) -> str:
    """Three or more significant digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cores() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} core{'s' * (cores != 1)}"


def _memory() -> str:
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / _GIB:.0f} GiB"


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in _SHOWN_VERSIONS:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # an extra that is not installed
            continue
    return ", ".join(found)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def written(results: Mapping[str, Row], parts: Iterable[Part], why: Mapping[str, str], results_file: Path) -> Path:
    """Writes the page, dated when the results were."""
    measured = datetime.fromtimestamp(results_file.stat().st_mtime, UTC)
    PAGE.write_text(page(results, parts, why, measured), encoding="utf-8")
    return PAGE
