"""Pages keep their word: links lead somewhere, commands exist with those options, examples are valid."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from demo.cli import app as demo_commands
from exporter.cli import cli
from exporter.config import load

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))

# typer brings its own copy of click: its classes are reached through what it returns.
COMMANDS = {
    "ml-exporter": typer.main.get_command(cli),
    "python -m demo": typer.main.get_command(demo_commands),
}
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```(?:{language})\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(text: str) -> Iterator[str]:
    """Targets of links and images that are no addresses on the web."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if not re.match(r"[a-z]+:", target):
            yield target


def commands() -> list[tuple[str, str]]:
    """(page, command) of every command that a page shows, in a block or in a line, with an option or a verb."""
    found = set()
    for page in PAGES:
        text = page.read_text()
        lines = [
            line for block in blocks(text, "sh|bash|console|shell") for line in block.replace("\\\n", " ").splitlines()
        ]
        for line in (*lines, *re.findall(r"`([^`\n]+)`", text)):
            plain = re.sub(r"^\$ ", "", line.strip())
            plain = re.sub(r"^(?:[A-Z_]+=\S+ |sudo |exec |\S*/bin/(?=python))+", "", plain)
            if re.match(r"(ml-exporter|python -m demo|make) [a-z-]", plain):
                found.add((str(page.relative_to(ROOT)), plain))
    return sorted(found)


SHOWN = commands()


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links name a file or a folder of the repository, and a heading that is in it."""
    wrong = []
    for link in links(page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            wrong.append(link)
    assert wrong == []


def test_commands_are_found() -> None:
    """The test below has something to look at."""
    assert {line.split()[0] for _, line in SHOWN} >= {"ml-exporter", "make"}
    assert len(SHOWN) > 20


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_commands_parse(page: str, line: str) -> None:
    """Each command that a page shows exists, with these options and so many arguments."""
    words = [word for word in shlex.split(line, comments=True) if word not in {"…", "..."}]
    if words[0] == "make":
        verbs = [word for word in words[1:] if "=" not in word]
        assert set(verbs) <= TARGETS, page
        return
    program = "ml-exporter" if words[0] == "ml-exporter" else "python -m demo"
    rest = words[len(program.split()) :]
    for stop in ("|", ">", "&&", ";", "&"):
        rest = rest[: rest.index(stop)] if stop in rest else rest
    parse(COMMANDS[program], program, rest)


def parse(command: Any, name: str, arguments: list[str]) -> None:
    """The command takes these arguments; `ml-exporter reference fit` alone, in a sentence, need not have all of them."""
    if hasattr(command, "commands"):
        if not arguments or arguments[0] == "--help":
            return
        assert arguments[0] in command.commands, f"{name} has no command {arguments[0]}"
        parse(command.commands[arguments[0]], f"{name} {arguments[0]}", arguments[1:])
    else:
        command.make_context(name, arguments, resilient_parsing=not arguments).close()


def test_parsing_can_fail() -> None:
    """Commands and options that do not exist are told."""
    with pytest.raises(AssertionError):
        parse(COMMANDS["ml-exporter"], "ml-exporter", ["serve"])
    with pytest.raises(Exception, match="No such option"):
        parse(COMMANDS["ml-exporter"], "ml-exporter", ["run", "--speed", "2"])


@EVERY_PAGE
def test_alerts_that_a_page_names_exist(page: Path) -> None:
    rules = "".join(path.read_text() for path in (ROOT / "prometheus" / "alerts").glob("*.yml"))
    alerts = set(re.findall(r"alert: (\w+)", rules))
    assert alerts
    # `MLXxx` and the like stand for any of them.
    assert set(re.findall(r"\bML[A-Z][a-z]+[A-Z]\w+", page.read_text())) - alerts == set()


@EVERY_PAGE
def test_examples_of_the_configuration_are_valid(page: Path, tmp_path: Path) -> None:
    """What a page shows as ml-exporter.yml can be copied."""
    for number, block in enumerate(blocks(page.read_text(), "yaml|yml")):
        if isinstance(shown := yaml.safe_load(block), dict) and "models" in shown:
            path = tmp_path / f"{number}.yml"
            path.write_text(block)
            values = dict.fromkeys(re.findall(r"\$\{(\w+)", block), "value")
            assert len(load(path, values).models) == len(shown["models"])


def test_every_page_is_reached_from_the_readme() -> None:
    """Nobody finds a page that nothing links to; a folder's link reaches its pages."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        for link in links(page.read_text()):
            name = link.partition("#")[0]
            target = (page.parent / name).resolve() if name else page
            waiting += sorted(target.glob("*.md")) if target.is_dir() else [target] if target.suffix == ".md" else []
    own = {page for page in PAGES if page.parent in (ROOT, ROOT / "docs", ROOT / "prometheus" / "runbooks")}
    assert sorted(str(page.relative_to(ROOT)) for page in own - reached) == ["CHANGELOG.md"]
