"""`make fuzz`: every target under atheris (libFuzzer: coverage tells which changes lead somewhere new) for a while.

A finding is written to tests/fuzz/found/ as `<target>-<digest>`; commit it together with the fix: the default suite
runs all of them. The corpus that grows lies in .cache/fuzz/ and is gone on with the next time.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = Path(".cache/fuzz")
SLOWEST_SECONDS = 20
MEMORY_MB = 3000
LONGEST_INPUT = 16_384
INSTRUMENTED = ["exporter.sources", "exporter.profile", "exporter.batch"]


def fuzz_one(target: str, options: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 -- an extra

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 -- imported so that it is instrumented

    run = TARGETS[target]
    atheris.Setup([sys.argv[0], *options], run)
    atheris.Fuzz()


def fuzz(target: str, seconds: int) -> tuple[str, bool]:
    """One line of what came of the target, and whether nothing was found."""
    from tests.fuzz.mutation import TOKENS, seeds  # noqa: PLC0415 -- only in this process

    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    (HERE / "found").mkdir(exist_ok=True)
    for number, seed in enumerate(
        (*seeds()[target], *(path.read_bytes() for path in (HERE / "found").glob(f"{target}-*")))
    ):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = corpus.with_suffix(".words")
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in TOKENS))
    options = [
        str(corpus), f"-max_total_time={seconds}", f"-dict={words}", f"-max_len={LONGEST_INPUT}", "-print_final_stats=1",
        f"-timeout={SLOWEST_SECONDS}", f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={HERE / 'found'}/{target}-",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "tests.fuzz", "--only", target, *options]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    (CORPUS / f"{target}.log").write_text(ended.stdout + ended.stderr)
    said = _statistics(ended.stderr)
    line = (
        f"{target:>10}: {said['number_of_executed_units']:>9} executions, {said['inputs']:>5} inputs that reach new code, "
        f"{said['cov']:>5} edges, slowest {said['slowest_unit_time_sec']} s, peak {said['peak_rss_mb']} MB"
    )
    return (line, True) if ended.returncode == 0 else (f"{line}; FOUND, see {CORPUS / target}.log", False)


def _statistics(log: str) -> Mapping[str, str]:
    said = dict.fromkeys(("number_of_executed_units", "slowest_unit_time_sec", "peak_rss_mb", "cov", "inputs"), "?")
    said |= dict(re.findall(r"stat::(\w+):\s+(\d+)", log))
    progress = re.findall(r"cov: (\d+) .*?corp: (\d+)/", log)
    if progress:
        said |= {"cov": progress[-1][0], "inputs": progress[-1][1]}
    return said


def tell(line: str) -> None:
    """The line is on standard output at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Fuzzes all targets, or those that are named, two at a time; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzzes the readers.")
    parser.add_argument("targets", nargs="*", help="default: all")
    parser.add_argument("--seconds", type=int, default=600, help="of all targets together, each as long as the others")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    if sys.argv[1:2] == ["--only"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
    known = parser.parse_args()
    from tests.fuzz.mutation import seeds  # noqa: PLC0415 -- not in the process that atheris instruments

    targets = known.targets or sorted(seeds())
    each = max(1, known.seconds * known.jobs // len(targets))
    tell(f"{len(targets)} targets, {each} s each, {known.jobs} at a time")
    clean = True
    with ThreadPoolExecutor(known.jobs) as pool:
        for line, well in pool.map(lambda target: fuzz(target, each), targets):
            tell(line)
            clean &= well
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
