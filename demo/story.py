"""What the demo tells a person: a line now and then while it runs, and a table of incidents at the end."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from demo.data import NEW_YORK
from demo.incidents import Incident, find
from demo.receiver import Told

WINDOW = "1d"
AFTERMATH_SECONDS = 90.0
"""An alert that comes so long after an incident's end may still tell it: its windows hold the bad day a while."""

SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    labels: Mapping[str, str]
    value: float


def parse_metrics(text: str, names: Iterable[str]) -> list[Sample]:
    """The samples of these names in a page of Prometheus' text format."""
    wanted = set(names)
    samples: list[Sample] = []
    for line in text.splitlines():
        match = SAMPLE.match(line) if line[:1] not in {"", "#"} else None
        if match and match["name"] in wanted:
            samples.append(Sample(match["name"], dict(LABEL.findall(match["labels"] or "")), float(match["value"])))
    return samples


NAMES = ("ml_feature_drift_detected", "ml_performance", "ml_performance_reference")
HEADLINES = (
    ("flight_delay", "accuracy", "accuracy {:.3f}"),
    ("arrival_delay", "mean_absolute_error", "MAE {:.1f} min"),
)


def describe_progress(elapsed: float, status: Mapping[str, Any], metrics: str | None, told: Sequence[Told]) -> str:
    """One line: where 2013 is, what was replayed, what drifts, how good the models are, who was told what."""
    date = datetime.fromtimestamp(status["event_time"], ZoneInfo(NEW_YORK)).strftime("%a %d %b %Y %H:%M")
    parts = [f"{date}", f"{status['predictions']:,} flights", f"{status['labels']:,} landed"]
    if status["incidents"]:
        parts.append(f"incident: {', '.join(status['incidents'])}")
    if metrics is None:
        parts.append("the exporter does not answer")
    else:
        parts += describe_models(parse_metrics(metrics, NAMES))
    parts.append(", ".join(f"{kind}s {sum(each.kind == kind for each in told)}" for kind in ("page", "ticket")))
    return f"[{int(elapsed) // 60:02}:{int(elapsed) % 60:02}] " + " · ".join(parts)


def describe_models(samples: Sequence[Sample]) -> list[str]:
    """For each model: drifted features of how many, and its headline measure beside the reference's, last day."""
    lines: list[str] = []
    day = [sample for sample in samples if sample.labels.get("window") == WINDOW]
    for model, metric, form in HEADLINES:
        mine = [sample for sample in day if sample.labels.get("model") == model]
        parts = []
        verdicts = [sample for sample in mine if sample.name == "ml_feature_drift_detected"]
        drifted = sorted({sample.labels["feature"] for sample in verdicts if sample.value > 0})
        if verdicts:
            names = f" ({', '.join(drifted[:3])}{', …' if len(drifted) > 3 else ''})" if drifted else ""
            parts.append(f"{len(drifted)} of {len({s.labels['feature'] for s in verdicts})} features drifted{names}")
        for name, word in (("ml_performance", ""), ("ml_performance_reference", "reference ")):
            values = [s for s in mine if s.name == name and s.labels.get("metric") == metric]
            # The newest version speaks: its name sorts last.
            if values:
                newest = max(values, key=lambda sample: sample.labels.get("version", ""))
                parts.append(word + form.format(newest.value))
        if parts:
            lines.append(f"{model}: {', '.join(parts)}")
    return lines


@dataclass(frozen=True, slots=True)
class Happened:
    """An incident as it was: wall clock, Unix seconds; `end` None where it lasted to the demo's end."""

    incident: Incident
    start: float
    end: float | None


def read_incidents(path: Path) -> list[Happened]:
    """What the replay noted of its incidents, in the order of their start."""
    begun: dict[int, Happened] = {}
    if not path.exists():
        return []
    for line in path.read_text().splitlines():
        note = json.loads(line)
        if note["phase"] == "start":
            begun[note["number"]] = Happened(find(note["incident"]), note["wall"], None)
        else:
            known = begun[note["number"]]
            begun[note["number"]] = Happened(known.incident, known.start, note["wall"])
    return sorted(begun.values(), key=lambda each: each.start)


def belongs(told: Told, happened: Happened) -> bool:
    """True if this alert may be news of this incident: about its models, from its start until a while after its end."""
    latest = (happened.end or float("inf")) + AFTERMATH_SECONDS
    return told.model in happened.incident.models and happened.start <= told.at <= latest


def incident_table(incidents: Sequence[Happened], told: Sequence[Told], begun: float) -> Table:
    """What went wrong, when, and after how many seconds whom it woke; `begun` is the demo's start in Unix seconds."""
    title = "Incidents and how they were told"
    table = Table("incident", "lasted", "told by", "as", "model", "after", "over", title=title)
    for each in incidents:
        lasted = f"{each.start - begun:.0f}–{each.end - begun:.0f} s" if each.end else f"{each.start - begun:.0f} s –"
        news = [one for one in told if one.alert in each.incident.alerts and belongs(one, each)]
        pages_first = sorted(news, key=lambda one: (one.kind != "page", one.at))
        first_of: dict[tuple[str, str, str], Told] = {}
        for one in pages_first:
            first_of.setdefault((one.kind, one.alert, one.model), one)
        if not first_of:
            table.add_row(each.incident.name, lasted, "[red]nothing[/]", "", "", "", "")
        for number, one in enumerate(first_of.values()):
            # Alertmanager says nothing of the end of what is muted by then, such as a ticket beside a page.
            over = f"{one.resolved_at - begun:.0f} s" if one.resolved_at else "not told"
            head = (each.incident.name, lasted) if number == 0 else ("", "")
            table.add_row(*head, one.alert, one.kind, one.model, f"{one.at - each.start:.0f} s", over)
    return table


def other_pages(incidents: Sequence[Happened], told: Sequence[Told]) -> list[Told]:
    """Pages that no incident explains: what the flights of 2013 did by themselves."""
    return [one for one in told if one.kind == "page" and not any(belongs(one, each) for each in incidents)]
