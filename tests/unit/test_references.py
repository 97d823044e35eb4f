"""References from the data that a configuration names."""

import json
from pathlib import Path

from exporter.clock import ManualClock
from exporter.config import load
from exporter.references import fit_references

NOW = 1_767_312_000.0
CONFIG = """\
models:
  m:
    task: {task}
    predictions:
      source: {{type: files, path: predictions.jsonl}}
      columns: {{time: ts, id: id, prediction: p}}
    labels:
      source: {{type: files, path: labels.jsonl}}
      columns: {{id: key, label: y, time: told}}
      wait: 1d
      default: {default}
    features: {{include: [x]}}
    reference: m.mlref
    reference_data: {{source: {{type: files, path: predictions.jsonl}}}}
"""


def fitted(folder: Path, task: str, default: str) -> tuple[float, list[str]]:
    """Labels in the reference made of 40 old predictions and 10 of today, of which the first 30 are labelled 1."""
    rows = [{"ts": NOW - (5 if n < 40 else 0.5) * 86400 + n, "id": n, "p": n % 2, "x": n} for n in range(50)]
    labels = [{"key": str(n), "y": 1, "told": NOW} for n in range(30)]
    for name, log in (("predictions", rows), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    (folder / "ml-exporter.yml").write_text(CONFIG.format(task=task, default=default))
    (found,) = fit_references(load(folder / "ml-exporter.yml"), ManualClock(NOW), None, None, lambda _: None)
    return found.fit.reference.total.labels, found.fit.notes


def test_logs_are_fitted_with_the_labels_of_the_label_log(tmp_path: Path) -> None:
    assert fitted(tmp_path, "binary", "null") == (30.0, [])
    assert fitted(tmp_path, "regression", "null") == (30.0, [])


def test_the_default_is_that_of_predictions_which_waited_long_enough(tmp_path: Path) -> None:
    assert fitted(tmp_path, "binary", "'0'") == (40.0, [])
