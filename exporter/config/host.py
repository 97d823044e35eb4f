"""`host:`: what is read of the machine, and which processes belong to which model."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from exporter.config.consistency import Fault
from exporter.config.likeness import suggest
from exporter.config.section import Section
from exporter.config.values import Duration, FilePath, Name, Names, Text
from exporter.host.plan import HostPlan, Prices, ProcessGroup, Roots
from exporter.host.registry import COLLECTORS


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return value


Pattern = Annotated[Text, AfterValidator(_pattern)]
_CONDITIONS = ("executable", "command_line", "cgroup", "container", "pid_file")


class RootsSection(Section):
    """Where the kernel's files are seen."""

    proc: FilePath = Field(
        default="/proc",
        validate_default=True,
        description="Where the machine's `/proc` is seen; in a container that watches its host often `/host/proc`.",
        examples=["/host/proc"],
    )
    sys: FilePath = Field(
        default="/sys",
        validate_default=True,
        description="Where the machine's `/sys` is seen.",
        examples=["/host/sys"],
    )
    root: FilePath = Field(
        default="/",
        validate_default=True,
        description="Where the machine's file systems are seen.",
        examples=["/host/root"],
    )


class CpuSection(Section):
    """Processors."""

    per_core: bool = Field(
        default=False, description="Tells times core by core instead of all together.", examples=[False]
    )


class ProcessSection(Section):
    """Processes that are shown as one: those that every condition given here fits."""

    name: Name = Field(description="How they are called: the label `process`.", examples=["scorer"])
    model: Text = Field(default="", description="The model that they serve.", examples=["flight_delay"])
    executable: Text | None = Field(
        default=None, description="The program's name, without its folder.", examples=["gunicorn"]
    )
    command_line: Pattern | None = Field(
        default=None,
        description="Regular expression that occurs in the command line, words joined by blanks.",
        examples=["serve --model flight_delay"],
    )
    cgroup: Pattern | None = Field(
        default=None,
        description="Regular expression that occurs in the path of the control group, such as a systemd unit's.",
        examples=["flight-delay[.]service"],
    )
    container: Text | None = Field(
        default=None, description="Beginning of the container's id.", examples=["4f1c2d9ab03e"]
    )
    pid_file: FilePath | None = Field(
        default=None,
        description="File that holds a process id; the process and its children.",
        examples=["/run/scorer.pid"],
    )


class HostSection(Section):
    """The machine."""

    collectors: Names | None = Field(
        default=None,
        description=f"Parts that are read: {', '.join(f'`{name}`' for name in COLLECTORS)}. "
        "Default: all, each where the machine has what it reads; `[]` reads nothing.",
        examples=[["cpu", "memory", "filesystem"]],
    )
    exclude: Names = Field(default_factory=list, description="Parts that are not read.", examples=[["temperature"]])
    roots: RootsSection = Field(
        default_factory=RootsSection,
        description="Where the kernel's files are seen, where not in their usual places.",
        examples=[{"proc": "/host/proc", "sys": "/host/sys", "root": "/host/root"}],
    )
    cpu: CpuSection = Field(default_factory=CpuSection, description="Processors.", examples=[{"per_core": False}])
    processes: list[ProcessSection] = Field(
        default_factory=list,
        description="Processes that are watched, and the models that they serve.",
        examples=[[{"name": "scorer", "model": "flight_delay", "executable": "gunicorn"}]],
    )
    leak_window: Duration = Field(
        default=6 * 3600, description="Time over which growth of a process's memory is judged.", examples=["6h"]
    )
    name: Text = Field(
        default="",
        description="How this machine is called in the `replicas` of models and in Prometheus' label `instance` "
        "(without the port). Default: its name in the network.",
        examples=["10.0.0.5"],
    )
    trouble_window: Duration = Field(
        default=300,
        description="Time over which it is judged whether something is wrong with the machine that could explain what "
        "is wrong with its models.",
        examples=["5m"],
    )


def host_faults(host: HostSection, models: "set[str]") -> Iterator[Fault]:
    """All that does not go together in `host`, with the names of the models."""
    for key, names in (("collectors", host.collectors or ()), ("exclude", host.exclude)):
        for at, name in enumerate(names):
            if name not in COLLECTORS:
                yield (key, at), f"`{name}` is no collector; {suggest(name, tuple(COLLECTORS))}"
    for key in RootsSection.model_fields:
        path: Path = getattr(host.roots, key)
        if key in host.roots.model_fields_set and not path.is_dir():
            yield ("roots", key), f"there is no folder {path}; mount it there, or take the line out"
    seen: set[str] = set()
    for at, process in enumerate(host.processes):
        if process.name in seen:
            yield ("processes", at, "name"), f"there are two processes {process.name}; give each its own name"
        seen.add(process.name)
        if process.model and process.model not in models:
            yield (
                ("processes", at, "model"),
                f"there is no model {process.model}; {suggest(process.model, sorted(models))}",
            )
        if all(getattr(process, condition) is None for condition in _CONDITIONS):
            yield ("processes", at), f"does not say how they are known; add one of {', '.join(_CONDITIONS)}"


def host_plan(host: HostSection, prices: Prices | None = None) -> HostPlan:
    """What is read of the machine, and what it costs."""
    asked = COLLECTORS if host.collectors is None else host.collectors
    return HostPlan(
        collectors=tuple(name for name in COLLECTORS if name in asked and name not in host.exclude),
        roots=Roots(host.roots.proc, host.roots.sys, host.roots.root),
        per_core=host.cpu.per_core,
        processes=tuple(
            ProcessGroup(
                each.name,
                each.model,
                each.executable,
                each.command_line,
                each.cgroup,
                each.container,
                each.pid_file,
            )
            for each in host.processes
        ),
        leak_window=float(host.leak_window),
        prices=prices,
        name=host.name,
        trouble_window=float(host.trouble_window),
    )
