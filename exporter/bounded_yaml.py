"""YAML of strangers: safe types only, and no more of a file is built than a configuration may hold."""

from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 100_000
TOO_LARGE = "its aliases or its nesting make it too large"


class BoundedLoader(yaml.SafeLoader):
    """Raises a MarkedYAMLError at the node that is one too many or too deep.

    Aliases add no node here: whoever follows them counts for himself.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node with all below it."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=TOO_LARGE, problem_mark=self.get_mark())
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_bounded(path: Path) -> bytes | None:
    """What is in the file; None where it is larger than any configuration. Raises OSError."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    return content if len(content) <= MAX_BYTES else None
