"""File → plan, or everything that is wrong with the file at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.bounded_yaml import MAX_BYTES, read_bounded
from exporter.config.consistency import model_faults
from exporter.config.host import host_faults
from exporter.config.model import ModelSection
from exporter.config.planning import make_plan
from exporter.config.settings import MODEL_NAME, Settings
from exporter.config.tree import Entry, Reading, dotted, locate, merge
from exporter.config.wording import problems_of
from exporter.engine.plan import Plan
from exporter.errors import ConfigError, Problem


def load(path: Path, environment: Mapping[str, str] | None = None) -> Plan:
    """The plan that the file at `path` describes; nothing else is changed by reading it.

    Args:
        path: the YAML file; relative paths in it start at its directory.
        environment: what `${NAME}` is looked up in; default: the process's.

    Raises:
        ConfigError: it cannot be used; holds all its problems, in the file's order.
    """
    content = _content(path)
    reading = Reading(str(path), os.environ if environment is None else environment)
    root = reading.read(_text(content, path))
    if root is None:
        raise ConfigError(reading.problems)
    check = _Check(str(path), path.parent, list(reading.problems))
    settings = check.settings(root)
    if settings is None or check.problems:
        raise ConfigError(_in_order(check.problems, str(path)))
    return make_plan(settings, content)


@dataclass(slots=True)
class _Check:
    """Validation of one file; gathers problems."""

    file: str
    directory: Path
    problems: list[Problem] = field(default_factory=list)

    def settings(self, root: Entry) -> Settings | None:
        if not root.is_mapping:
            self._tell(root, "must be a mapping with keys such as `models`; see docs/configuration.md")
            return None
        models = self._models(root)
        # Models are validated one by one, so that a fault in one hides nothing of another: here they are left out.
        others = {key: entry.plain() for key, entry in root.value.items() if key != "models"}
        try:
            settings = Settings.model_validate({**others, "models": {}}, context=self._context)
        except ValidationError as error:
            rest = Entry(root.path, root.line, {key: entry for key, entry in root.value.items() if key != "models"})
            self.problems += problems_of(error, Settings, rest, self.file)
            return None
        web = settings.server.web_config_file
        if web is not None and not web.is_file():
            entry, _ = locate(root, ("server", "web_config_file"))
            self._tell(entry, f"there is no file {web}; create it, or take the line out to serve plain HTTP")
        # Of all that are named, also of those with a fault of their own: that is told by itself.
        named = root.value.get("models")
        for at, message in host_faults(settings.host, set(named.value) if named and named.is_mapping else set()):
            self._tell(locate(root, ("host", *at))[0], message)
        return settings.model_copy(update={"models": models})

    @property
    def _context(self) -> dict[str, Any]:
        return {"directory": self.directory}

    def _models(self, root: Entry) -> dict[str, ModelSection]:
        models = root.value.get("models")
        if models is None or models.value in (None, {}):
            if models is None or not models.told:
                self._tell(
                    models or root,
                    "there is no model; add one under `models:`, or let `ml-exporter init SAMPLE` write it",
                )
            return {}
        if not models.is_mapping:
            self._tell(
                models, "must be a mapping of names to models, such as `models: {flight_delay: {task: binary, …}}`"
            )
            return {}
        defaults = root.value.get("defaults")
        found = {}
        for name, entry in models.value.items():
            try:
                MODEL_NAME.validate_python(name)
            except ValidationError:
                self._tell(
                    entry,
                    f"`{name}` is not a good name; "
                    "use letters, digits, `_`, `-` and `.`, at most 64, such as flight_delay",
                )
            merged = merge(defaults, entry) if defaults is not None and defaults.is_mapping else entry
            if not merged.is_mapping:
                self._tell(entry, "must be a mapping with keys such as task, predictions, labels")
                continue
            model = self._model(merged)
            if model is not None:
                found[name] = model
        return found

    def _model(self, entry: Entry) -> ModelSection | None:
        try:
            model = ModelSection.model_validate(entry.plain(), context=self._context)
        except ValidationError as error:
            known = {str(each) for each in self.problems}
            # What `defaults` say wrong is wrong in every model, but told once.
            self.problems += [
                each for each in problems_of(error, ModelSection, entry, self.file) if str(each) not in known
            ]
            return None
        for at, message in model_faults(model):
            where, rest = locate(entry, at)
            if not where.told:
                # A default that does not fit is told by its own key, at the line that it would stand under.
                keys = rest if where.is_mapping else ()
                self._tell(Entry((*where.path, *keys), where.line, None), message)
        return model

    def _tell(self, entry: Entry, message: str) -> None:
        where = f"{self.file}:{entry.line}"
        problem = Problem(f"{where}: {dotted(entry.path)}" if entry.path else where, message)
        if problem not in self.problems:
            self.problems.append(problem)


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ConfigError([Problem(str(path), "is a directory; name the file in it, such as ml-exporter.yml")])
        content = read_bounded(path)
    except FileNotFoundError:
        fix = "there is no such file; write one with `ml-exporter init SAMPLE`, or name another with --config"
        raise ConfigError([Problem(str(path), fix)]) from None
    except OSError as error:
        fix = f"cannot be read: {error.strerror}; check its permissions"
        raise ConfigError([Problem(str(path), fix)]) from error
    if content is None:
        raise ConfigError(
            [Problem(str(path), f"has more than {MAX_BYTES >> 20} MiB: no configuration is so large; is it a log?")]
        )
    return content


def _text(content: bytes, path: Path) -> str:
    """`content` as text without a byte order mark.

    Raises:
        ConfigError: it is not UTF-8, or holds characters that YAML does not allow.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise ConfigError(
            [Problem(f"{path}:{line}", f"is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8")]
        ) from error
    for number, row in enumerate(text.split("\n"), start=1):
        odd = next((each for each in row if (each < " " and each not in "\t\r") or each == "\x7f"), None)
        if odd is not None:
            raise ConfigError(
                [Problem(f"{path}:{number}", f"holds the control character 0x{ord(odd):02x}; take it out")]
            )
    return text


def _in_order(problems: list[Problem], file: str) -> list[Problem]:
    """By line, as a person mends them."""
    unique = list(dict.fromkeys(problems))

    def line(problem: Problem) -> int:
        number = problem.where.removeprefix(f"{file}:").split(":", 1)[0]
        return int(number) if number.isdigit() else 0

    return sorted(unique, key=line)
