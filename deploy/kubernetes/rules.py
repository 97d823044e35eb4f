# ruff: noqa: INP001 - a script, no part of a package
"""Writes prometheusrule.yaml: the committed rules and alerts as objects for the Prometheus operator.

python deploy/kubernetes/rules.py
"""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PATH = Path(__file__).with_name("prometheusrule.yaml")
HEAD = """\
# Generated from prometheus/rules and prometheus/alerts by deploy/kubernetes/rules.py: change those, not this.
# Set the label that your Prometheus selects rules by.
"""


def render() -> str:
    """The whole file: one object for the recorded rules, one for the alerts, as group names repeat between them."""
    return HEAD + yaml.safe_dump_all(
        [_object(folder) for folder in ("rules", "alerts")], sort_keys=False, width=120, allow_unicode=True
    )


def _object(folder: str) -> dict[str, Any]:
    files = sorted((ROOT / "prometheus" / folder).glob("*.yml"))
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": f"ml-exporter-{folder}",
            "labels": {"app.kubernetes.io/name": "ml-exporter", "release": "prometheus"},
        },
        "spec": {"groups": [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]},
    }


if __name__ == "__main__":
    PATH.write_text(render())
