"""All files of the bundle as text: what is committed, and what a replay runs on."""

from pathlib import Path

from bundle.routing import render_routing
from bundle.template import names_of
from bundle.values import Values
from exporter.errors import ConfigError, Problem

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "prometheus" / "source"
TEMPLATES = ROOT / "alertmanager" / "templates"

_NOTE = "# Written by `python -m bundle --write` from {source} and prometheus/values.yml: change those, not this.\n"


def render(values: Values) -> dict[Path, str]:
    """Every file by its path under the bundle's root, such as `prometheus/alerts/drift.yml`.

    Raises:
        ConfigError: a source with a hole that the values do not fill.
    """
    names = names_of(values)
    files: dict[Path, str] = {}
    problems: list[Problem] = []
    for source in sorted(SOURCES.rglob("*.yml")):
        where = source.relative_to(ROOT)
        try:
            text = names.fill(source.read_text(encoding="utf-8"), str(where))
        except ConfigError as error:
            problems += error.problems
            continue
        files[Path("prometheus") / source.relative_to(SOURCES)] = _NOTE.format(source=where) + text
    if problems:
        raise ConfigError(problems)
    routing = _NOTE.format(source="bundle/routing.py") + render_routing(values)
    files[Path("alertmanager/alertmanager.yml")] = routing
    for template in sorted(TEMPLATES.glob("*.tmpl")):
        files[template.relative_to(ROOT)] = template.read_text(encoding="utf-8")
    return files


def unused(values: Values) -> list[str]:
    """Names of the values that no source uses: knobs that turn nothing."""
    names = names_of(values)
    for source in SOURCES.rglob("*.yml"):
        names.fill(source.read_text(encoding="utf-8"), str(source))
    views = ("windows.", "window.", "longest.")
    used = {name.split(".", 1)[1] for name in names.used if name.startswith(views)}
    return sorted(
        name
        for name in names.values.keys() - names.used
        if not (name.startswith(views) and name.split(".", 1)[1] in used)
    )


def write(files: dict[Path, str], under: Path) -> list[Path]:
    """The files stand under `under`; says which of them changed."""
    changed = stale(files, under)
    for path in changed:
        target = under / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(files[path], encoding="utf-8")
    return changed


def stale(files: dict[Path, str], under: Path) -> list[Path]:
    """Paths whose file under `under` is missing or says something else."""
    return [
        path
        for path, text in files.items()
        if not (under / path).is_file() or (under / path).read_text(encoding="utf-8") != text
    ]
