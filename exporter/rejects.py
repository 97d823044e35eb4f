"""`ml-exporter rejects`: which rows were set aside lately, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from exporter.batch import Reject
from exporter.engine.plan import Plan
from exporter.errors import ExporterError
from exporter.state.store import read_rejects
from exporter.visible import one_line


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was not counted: of which model and log, where it stands, and why."""

    model: str
    stream: str
    reject: Reject

    def __str__(self) -> str:
        """One line; nothing that a log may hold can move the cursor of a terminal."""
        reject = self.reject
        content = "" if reject.content is None else f"  {reject.content}"
        place = f"{reject.origin}:{reject.row}"
        return one_line(f"{self.model} {self.stream}  {place}  {reject.reason}  {reject.digest}{content}")

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model, "stream": self.stream, **asdict(self.reject)}


def latest_rejects(plan: Plan, only: str | None, most: int) -> Iterator[SetAside]:
    """The latest `most` rows of each model, or of `only` one, newest first; an exporter may be running.

    Raises:
        ExporterError: there is no such model, or a state that is not there or cannot be read.
    """
    models = [model.name for model in plan.models if only in (None, model.name)]
    if not models:
        raise ExporterError(f"no model {only!r} in the configuration; it has {', '.join(m.name for m in plan.models)}")
    for model in models:
        for stream, reject in read_rejects(plan.state_dir / f"{model}.sqlite", most):
            yield SetAside(model, stream, reject)


def render_lines(found: Iterable[SetAside]) -> list[str]:
    """A line for each row, or one that says that there is none."""
    return [str(each) for each in found] or ["no row was set aside"]
