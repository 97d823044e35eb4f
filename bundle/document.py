"""`python -m bundle.document --write`: docs/infrastructure-rules.md, told from the recorded rules themselves."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bundle.render import ROOT

PAGE = ROOT / "docs" / "infrastructure-rules.md"
RULES = ROOT / "prometheus" / "rules"

EXPORTERS = {
    # beginning of a metric's name → whose it is; the order is that of the columns
    "ml_": "ml-exporter",
    "node_": "node_exporter",
    "namedprocess_": "process-exporter",
    "machine_": "cAdvisor",
    "container_": "cAdvisor",
    "DCGM_": "dcgm-exporter",
    "nvidia_smi_": "nvidia_gpu_exporter",
    "nv_": "Triton",
}
FILES = {
    "The machine": ("host",),
    "Processes and containers": ("process",),
    "GPUs": ("gpu", "gpu_health"),
}
_NAME = re.compile(rf"\b(?:{'|'.join(EXPORTERS)})\w+(?![\w(])")
_UNITS = {
    "ratio": "0 … 1",
    "bytes": "bytes",
    "bytes_rate5m": "bytes/s",
    "bytes_per_second": "bytes/s",
    "pages_rate5m": "pages/s",
    "celsius": "°C",
    "watts": "W",
    "joules_rate5m": "W",
    "hertz": "Hz",
    "cores": "cores",
    "increase5m": "in 5 min",
    "count": "number",
    "mean": "number",
    "rate5m": "1/s",
}

HEAD = """\
# Whose numbers: the machine, its processes and GPUs

Written by `python -m bundle.document --write` from `prometheus/rules`; do not edit.

Dashboards and alerts read the recorded names below. Each comes from the first exporter, from left to right, that tells
of the machine (`host`), of the mountpoint or device of it, or of the GPU (`UUID`). Equal tellings of one thing are
joined by their maximum, never added; what nobody tells is absent, not 0. `namespace` and `pod` are cAdvisor's alone.
[serving.md](serving.md#machines-by-several-exporters) says how `host` is told from `instance`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, files in FILES.items():
        rows = [row for file in files for row in _rows(RULES / f"{file}.yml")]
        used = [name for name in dict.fromkeys(EXPORTERS.values()) if any(name in told for *_, told in rows)]
        parts += [
            f"\n## {title}\n\n| recorded | unit | labels | {' | '.join(used)} |\n",
            f"|---|---|---|{'---|' * len(used)}\n",
        ]
        for name, unit, labels, told in rows:
            cells = [", ".join(f"`{metric}`" for metric in told.get(exporter, ())) for exporter in used]
            parts.append(f"| `{name}` | {unit} | {labels} | {' | '.join(cells)} |\n")
    return "".join(parts)


def _rows(file: Path) -> Iterator[tuple[str, str, str, dict[str, list[str]]]]:
    """Name, unit, labels and metrics by exporter, of each recorded rule in the file."""
    groups: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        told: dict[str, list[str]] = {}
        for metric in dict.fromkeys(_NAME.findall(rule["expr"])):
            exporter = next(who for begin, who in EXPORTERS.items() if metric.startswith(begin))
            told.setdefault(exporter, []).append(metric)
        yield rule["record"], _unit(rule["record"]), _labels(rule["expr"]), told


def _unit(name: str) -> str:
    """The recorded name's unit; "" for what has none."""
    what, _, ending = name.removeprefix("ml:").partition(":")
    return "s" if what.endswith("_seconds") else _UNITS.get(ending, "")


def _labels(expression: str) -> str:
    """Labels that a branch of the expression may leave."""
    found = re.findall(r"^(?:max|min|sum) by \((.*?)\)", expression, flags=re.MULTILINE)
    return ", ".join(f"`{label}`" for label in dict.fromkeys(", ".join(found).split(", ")))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m bundle.document --write")
    PAGE.write_text(page(), encoding="utf-8")
