"""The commands as processes: exit codes, and mistakes of a user told in one line each, never as a traceback."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import exporter
from exporter.batch import Reject
from exporter.state.store import StateLock, Store
from tests import fleet

ROOT = Path(__file__).parents[2]
SMALL = """\
server: {listen: "127.0.0.1:0"}
models:
  a:
    task: binary
    predictions:
      source: {type: files, path: "a.jsonl"}
      columns: {time: ts, id: id, prediction: p}
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`ml-exporter` with these arguments, in `folder`, not on a terminal."""
    command = [sys.executable, "-c", "from exporter.cli import main; main()", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def line_of(done: subprocess.CompletedProcess[str]) -> str:
    """The only line on standard error."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with a valid configuration of one model, whose log is empty."""
    (tmp_path / "ml-exporter.yml").write_text(SMALL)
    (tmp_path / "a.jsonl").touch()
    return tmp_path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three small models with their references, fitted by the command."""
    folder = tmp_path_factory.mktemp("fleet")
    fleet.write(folder)
    done = run(folder, "reference", "fit")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines() if not line.startswith("  ")] == [
        "spam v2",
        "spam",
        "leaf",
        "price",
    ]
    return folder


# What goes well


def test_version(tmp_path: Path) -> None:
    done = run(tmp_path, "version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{exporter.__version__}\n", "")


def test_check_without_sources(small: Path) -> None:
    """Only the file is looked at."""
    (small / "a.jsonl").unlink()
    done = run(small, "check", "--no-sources")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ml-exporter.yml: valid, 1 model\n", "")


def test_check_of_good_logs(fitted: Path) -> None:
    done = run(fitted, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("problem")] == []


def test_check_exits_1_where_there_is_a_problem(small: Path) -> None:
    """The configuration is valid, the log does not fit it."""
    (small / "a.jsonl").write_text('{"when": 1, "id": "x", "p": 1}\n')
    done = run(small, "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert any(line.startswith("problem") and "`ts`" in line for line in done.stdout.splitlines()), done.stdout


def test_init_writes_what_check_accepts(fitted: Path, tmp_path: Path) -> None:
    """From the logs alone, into a file that must not be there yet."""
    output = tmp_path / "made.yml"
    logs = [str(fitted / "logs" / name) for name in ("spam-1.jsonl", "spam_labels.jsonl")]
    done = run(tmp_path, "init", *logs, "-o", str(output))
    assert (done.returncode, done.stderr) == (0, "")
    assert run(tmp_path, "check", "--no-sources", "-c", str(output)).returncode == 0
    again = run(tmp_path, "init", *logs, "-o", str(output))
    assert (again.returncode, line_of(again)) == (1, f"{output} exists already; remove it or name another file")


def test_evaluate_as_json(fitted: Path) -> None:
    """Standard output is JSON and nothing else."""
    done = run(fitted, "evaluate", "--at-log-end", "--model", "price", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads(done.stdout)
    window = [each for each in found["metrics"] if each["name"] == "ml_window_predictions"]
    assert (found["model"], [each["value"] for each in window]) == ("price", [240.0])
    assert not (fitted / "state").exists()


def test_evaluate_as_tables(fitted: Path) -> None:
    """In a file or a pipe nothing is cut off."""
    done = run(fitted, "evaluate", "--at-log-end", "--model", "price")
    assert done.returncode == 0
    assert "…" not in done.stdout.replace(" … ", "")
    assert "mean_absolute_error" in done.stdout


def test_rejects_as_lines_and_json(small: Path) -> None:
    (small / "state").mkdir()
    with closing(Store(small / "state" / "a.sqlite")) as store, store.transaction():
        store.put_rejects(
            "predictions", [Reject("a.jsonl", 7, "bad_time", "00ff"), Reject("a.jsonl", 9, "future", "1")]
        )
    done = run(small, "rejects")
    told = ["a predictions  a.jsonl:9  future  1", "a predictions  a.jsonl:7  bad_time  00ff"]
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, told, "")
    (latest,) = json.loads(run(small, "rejects", "--most", "1", "--json").stdout)
    place = {"model": "a", "stream": "predictions", "origin": "a.jsonl", "row": 9}
    assert latest == {**place, "reason": "future", "digest": "1", "content": None}


def test_reference_show(fitted: Path) -> None:
    done = run(fitted, "reference", "show", "refs/price.mlref", "--json")
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["rows"], [each["feature"] for each in shown["features"]]) == (
        0,
        7200,
        ["area", "rooms", "town"],
    )
    assert "town" in run(fitted, "reference", "show", "refs/price.mlref").stdout


# What goes wrong

BAD_FILES = {
    "no_file": (None, "ml-exporter.yml: there is no such file"),
    "no_yaml": ("models: [", "ml-exporter.yml:"),
    "no_mapping": ("- a\n", "ml-exporter.yml:1"),
    "unknown_key": (SMALL.replace("task:", "tusk:"), "ml-exporter.yml:4: models.a.tusk"),
}


@pytest.mark.parametrize(
    ("command", "case"),
    [*(("check", case) for case in BAD_FILES), *((each, "no_file") for each in ("run", "evaluate", "reference fit"))],
)
def test_a_bad_configuration(tmp_path: Path, command: str, case: str) -> None:
    """Exit code 2, each problem in a line that begins with the file, from every command that reads it."""
    text, told = BAD_FILES[case]
    if text is not None:
        (tmp_path / "ml-exporter.yml").write_text(text)
    done = run(tmp_path, *command.split())
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(told)
    assert [line for line in lines if not line.startswith("ml-exporter.yml:")] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("evaluate --model b", "no model 'b' in the configuration; it has a"),
        ("reference fit --model b", "no model 'b' in the configuration; it has a"),
        ("rejects --model b", "no model 'b' in the configuration; it has a"),
        (
            "rejects",
            "state/a.sqlite: there is no state yet; start `ml-exporter run` with this configuration first",
        ),
        (
            "reference fit",
            "no model has `reference_data`: add `reference_data: {source: …}` and `reference: NAME.mlref` to one",
        ),
        (
            "reference show none.mlref",
            "none.mlref: No such file or directory; make it with `ml-exporter reference fit`",
        ),
        ("reference show a.jsonl", "a.jsonl: not a reference file; make one with `ml-exporter reference fit`"),
        (
            "init a.jsonl -o none/b.yml",
            "none/b.yml: No such file or directory; make the folder writable or name another",
        ),
    ],
)
def test_what_a_user_gets_wrong(small: Path, arguments: str, told: str) -> None:
    """Exit code 1 and one line: where, what, what to do."""
    (small / "a.jsonl").write_text(
        "".join(f'{{"ts": {n}, "id": "x{n}", "p": {n % 2}}}\n' for n in range(1767225600, 1767225700))
    )
    done = run(small, *arguments.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert line_of(done).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("serve", "No such command 'serve'"), ("run --speed 2", "No such option: --speed"), ("init", "Missing argument")],
)
def test_usage_errors(tmp_path: Path, arguments: str, told: str) -> None:
    done = run(tmp_path, *arguments.split())
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert told in done.stderr


def test_no_command_shows_the_commands(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 2
    assert "reference" in done.stdout + done.stderr
    assert run(tmp_path, "--help").returncode == 0


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_run_on_a_taken_port(small: Path, taken: int) -> None:
    """Told before anything is read; the state directory is free again."""
    (small / "ml-exporter.yml").write_text(SMALL.replace("127.0.0.1:0", f"127.0.0.1:{taken}"))
    done = run(small, "run")
    assert done.returncode == 1
    assert line_of(done) == (
        f"server.listen: 127.0.0.1:{taken} is taken by another program; stop it or set another port in server.listen"
    )
    StateLock(small / "state").release()


def test_run_on_a_state_directory_in_use(small: Path) -> None:
    lock = StateLock(small / "state")
    done = run(small, "run")
    lock.release()
    assert (done.returncode, done.stdout) == (1, "")
    assert line_of(done).endswith(
        "state: in use by another ml-exporter; stop it or give this one a state_dir of its own"
    )


def test_run_on_a_state_directory_that_is_a_file(small: Path) -> None:
    (small / "state").touch()
    done = run(small, "run")
    assert (done.returncode, "make it writable or name another" in line_of(done)) == (1, True)


def test_run_on_a_damaged_state(small: Path) -> None:
    (small / "state").mkdir()
    (small / "state" / "a.sqlite").write_bytes(b"not a database, and long enough to look like one" * 100)
    done = run(small, "run")
    assert (done.returncode, "the file is damaged" in line_of(done)) == (1, True)


def test_run_on_a_damaged_reference(small: Path) -> None:
    (small / "ml-exporter.yml").write_text(f"{SMALL}    reference: a.jsonl\n")
    done = run(small, "run")
    assert done.returncode == 1
    assert line_of(done).endswith("a.jsonl: not a reference file; make one with `ml-exporter reference fit`")


def test_run_with_a_missing_web_config(small: Path) -> None:
    """A file that the server needs, named by the configuration."""
    (small / "ml-exporter.yml").write_text(SMALL.replace('0"}', '0", web_config_file: none.yml}'))
    done = run(small, "run")
    assert done.returncode == 2
    assert "none.yml" in line_of(done)


def test_output_that_nobody_reads(fitted: Path) -> None:
    """`ml-exporter … | head -1` ends quietly."""
    script = f"{sys.executable} -c 'from exporter.cli import main; main()' evaluate --json | head -1"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=fitted,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")


def test_no_place_for_temporary_files(small: Path) -> None:
    """What the system refuses beyond the program's own files is one line too."""
    script = (
        "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/none']; from exporter.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "evaluate"],
        cwd=small,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, line_of(done)) == (1, "No usable temporary directory found in ['/none']")
