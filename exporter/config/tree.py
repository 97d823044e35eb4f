"""The YAML file as a tree that knows, for every value, where it stands and how it was written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from exporter.bounded_yaml import MAX_DEPTH, TOO_LARGE, BoundedLoader
from exporter.config.environment import expand
from exporter.errors import Problem

Path = tuple[str | int, ...]

MAX_ENTRIES = 50_000
"""Values that a file may hold, also after its aliases are expanded: a small file must not become a huge one."""
_MAX_DIGITS = 18
"""More than any number has that is due in a configuration; Python refuses to read thousands of them."""
_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")
"""No path, no label and no database takes these."""
_NAMED = re.compile(r"(alias|anchor|handle) (['\"]).*\2")


class WrittenFloat(float):
    """A float that remembers how it was written, for keys and classes such as the version `1.10`."""

    text: str = ""


@dataclass(slots=True)
class Entry:
    """One value of the file.

    Attributes:
        path: keys and indexes from the root, where it was written (a default keeps the path of `defaults`).
        line: from 1; for a value under a key the line of the key.
        value: a scalar, or entries by key, or a list of entries.
        written: a scalar as it stands in the file, before `${…}` was filled in, so that no secret is ever shown.
        told: true where its problem is known already: what follows from it is not told again.
    """

    path: Path
    line: int
    value: Any
    written: str = ""
    told: bool = False

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    def get(self, *keys: str) -> "Entry | None":
        """The entry under `keys`, None if there is none."""
        entry: Entry | None = self
        for key in keys:
            if entry is None or not entry.is_mapping:
                return None
            entry = entry.value.get(key)
        return entry

    def plain(self) -> Any:
        """The value without its marks: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain() for entry in self.value]
        return self.value


def dotted(path: Path) -> str:
    """`path` as a person writes it: `models.a.slo[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def merge(base: Entry, over: Entry) -> Entry:
    """`over` laid over `base`: mappings key by key, all else replaced whole."""
    if not (base.is_mapping and over.is_mapping):
        return over
    merged = dict(base.value)
    for key, entry in over.value.items():
        merged[key] = merge(merged[key], entry) if key in merged else entry
    return Entry(over.path, over.line, merged)


def locate(root: Entry, location: Path) -> tuple[Entry, tuple[str | int, ...]]:
    """The deepest entry on the way along `location`, and what of it was not found at its end.

    Parts that are in no mapping on the way (names that pydantic puts in for members of a union) are skipped.
    """
    entry, missing = root, []
    for part in location:
        below = None
        if isinstance(entry.value, dict):
            below = entry.value.get(str(part))
        elif isinstance(entry.value, list) and isinstance(part, int) and part < len(entry.value):
            below = entry.value[part]
        if below is None:
            missing.append(part)
        else:
            entry, missing = below, []
    return entry, tuple(missing)


_CORE = "tag:yaml.org,2002:"
_TAGS = frozenset(_CORE + kind for kind in ("null", "bool", "int", "float", "str", "map", "seq", "merge"))


class _Loader(BoundedLoader):
    """With the few plain types of YAML 1.2: `no`, `12:30` and `2024-01-01` are text, `007` too."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+0123456789."),
    ),
    ("merge", r"^<<$", ["<"]),
):
    _Loader.add_implicit_resolver(f"{_CORE}{_tag}", re.compile(_pattern), _first)


@dataclass(slots=True)
class Reading:
    """Turns the nodes of one file into entries and gathers what is wrong with them.

    Attributes:
        file: as shown in problems.
        environment: what `${NAME}` is looked up in.
    """

    file: str
    environment: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    entries: int = 0

    def read(self, text: str) -> Entry | None:
        """The root of the file; None where it could not be read at all."""
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                self.tell(
                    1, (), "the file is empty; start with `ml-exporter init SAMPLE`, or see docs/configuration.md"
                )
                return None
            return self._entry(loader, node, (), node.start_mark.line + 1, ())
        except yaml.MarkedYAMLError as error:
            self._tell_yaml(error, text)
        except yaml.YAMLError as error:
            self.tell(1, (), f"is not YAML: {_one_line(str(error))}")
        except RecursionError:
            self.tell(1, (), "is nested too deeply to be read; check for stray brackets")
        finally:
            loader.dispose()
        return None

    def tell(self, line: int, path: Path, message: str) -> None:
        where = f"{self.file}:{line}"
        self.problems.append(Problem(f"{where}: {dotted(path)}" if path else where, message))

    def _tell_yaml(self, error: yaml.MarkedYAMLError, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = _one_line(error.problem or error.context or str(error))
        # A password that begins with `*` or `!` and has no quotes is read as an alias or a tag: names are not repeated.
        what = _NAMED.sub(r"\1", what)
        lines = text.splitlines()
        row = lines[line - 1] if line <= len(lines) else ""
        if "\\t" in what or row[: len(row) - len(row.lstrip())].count("\t"):
            fix = "YAML allows no tab before a key; indent with spaces"
        elif "expected a single document" in what or "expected a single document" in str(error.context):
            fix = "one file holds one configuration; take out the `---` line"
        elif "undefined alias" in what or "found duplicate anchor" in what:
            fix = "name the anchor (`&name`) once, before it is used (`*name`); quote text that begins with `*`"
        elif "mapping values are not allowed" in what:
            fix = "put text that holds `: ` in quotes, and check the indentation of this line and the one above"
        elif "could not find expected ':'" in what:
            fix = "a key needs `: ` and its value; check this line and the one above"
        else:
            fix = "check quotes, brackets and the indentation of this line and the one above"
        self.tell(line, (), f"is not YAML: {what}; {fix}")

    def _entry(self, loader: _Loader, node: yaml.Node, path: Path, line: int, above: tuple[yaml.Node, ...]) -> Entry:
        self.entries += 1
        if self.entries > MAX_ENTRIES or len(above) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=TOO_LARGE, problem_mark=node.start_mark)
        if any(node is each for each in above):
            raise yaml.MarkedYAMLError(problem="an alias that holds itself", problem_mark=node.start_mark)
        above = (*above, node)
        if node.tag not in _TAGS:
            self.tell(line, path, "a tag (`!…`) is not supported; leave it out, or quote text that begins with `!`")
            return Entry(path, line, None, told=True)
        if isinstance(node, yaml.MappingNode):
            return Entry(path, line, self._mapping(loader, node, path, above))
        if isinstance(node, yaml.SequenceNode):
            items = [
                self._entry(loader, item, (*path, index), item.start_mark.line + 1, above)
                for index, item in enumerate(node.value)
            ]
            return Entry(path, line, items)
        return self._scalar(loader, node, path, line)

    def _mapping(
        self, loader: _Loader, node: yaml.MappingNode, path: Path, above: tuple[yaml.Node, ...]
    ) -> dict[str, Entry]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.tell(line, path, "a key must be plain text, not a list or a mapping; quote it if text is meant")
                continue
            key = key_node.value
            if _IMPOSSIBLE.search(key):
                self.tell(line, path, "a key holds NUL or half of a surrogate pair; take it out")
                continue
            if key_node.tag == f"{_CORE}merge":
                for entry in self._merged(loader, value_node, path, line, above):
                    merged = {**entry.value, **merged}
                continue
            if key in own:
                first = own[key].line
                self.tell(line, (*path, key), f"this key stands twice (first in line {first}); keep one of them")
                continue
            own[key] = self._entry(loader, value_node, (*path, key), line, above)
        return {**merged, **own}

    def _merged(
        self, loader: _Loader, node: yaml.Node, path: Path, line: int, above: tuple[yaml.Node, ...]
    ) -> Iterator[Entry]:
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            entry = self._entry(loader, each, path, line, above)
            if entry.is_mapping:
                yield entry
            else:
                self.tell(
                    line, (*path, "<<"), "only mappings can be merged in; give an alias of one, such as `<<: *base`"
                )

    def _scalar(self, loader: _Loader, node: yaml.Node, path: Path, line: int) -> Entry:
        written = str(node.value)
        expanded = expand(written, self.environment)
        for what in expanded.problems:
            self.tell(line, path, what)
        if not expanded.problems and _IMPOSSIBLE.search(expanded.text):
            self.tell(line, path, "holds NUL or half of a surrogate pair; take it out")
        elif not expanded.problems:
            return self._typed(loader, node, expanded.text, Entry(path, line, None, written))
        return Entry(path, line, None, written, told=True)

    def _typed(self, loader: _Loader, node: yaml.Node, text: str, entry: Entry) -> Entry:
        """`entry` with its value, of the type that the text is of where it is not in quotes."""
        tag = node.tag
        if text != entry.written and isinstance(node, yaml.ScalarNode) and node.style is None:
            tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # PyYAML's stubs
        kind = tag.removeprefix(_CORE)
        if kind == "bool":
            entry.value = text.lower() == "true"
        elif kind == "int" and len(text) > _MAX_DIGITS:
            self.tell(entry.line, entry.path, f"is a number of {len(text)} digits; quote it if text is meant")
            entry.told = True
        elif kind == "int":
            entry.value = int(text)
        elif kind == "float":
            entry.value = WrittenFloat(text.replace(".inf", "inf").replace(".nan", "nan").lower())
            entry.value.text = text
        elif kind != "null":
            entry.value = text
        return entry


def _one_line(text: str) -> str:
    return " ".join(text.split())
