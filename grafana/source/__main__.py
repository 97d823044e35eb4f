"""`python -m grafana.source --write | --check | --demo --out DIR`: the dashboards as JSON files."""

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.source import drift_quality, fleet, infrastructure, model, serving, why
from grafana.source.layout import DEMO, Timing

HOME = Path(__file__).resolve().parent.parent / "dashboards"
BOARDS = {
    "ml-fleet": fleet.build,
    "ml-model": model.build,
    "ml-drift-quality": drift_quality.build,
    "ml-why": why.build,
    "ml-serving": serving.build,
    "ml-infrastructure": infrastructure.build,
}


def render(timing: Timing) -> dict[str, str]:
    """File name → its text; the same for the same code."""
    return {
        f"{uid}.json": json.dumps(build(timing), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        for uid, build in BOARDS.items()
    }


def stale(folder: Path, files: dict[str, str]) -> list[str]:
    """What in `folder` differs from `files`: changed, missing, or left over."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in there.keys() | files.keys() if there.get(name) != files.get(name))


def main(arguments: list[str] | None = None) -> int:
    """Dashboards are written, or compared: 1 where the folder is not what would be written."""
    parser = argparse.ArgumentParser(prog="python -m grafana.source", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the dashboards")
    what.add_argument("--check", action="store_true", help="say which files are not current, and fail if any is not")
    parser.add_argument("--demo", action="store_true", help="last 15 minutes, refreshed every 5 s (needs --out)")
    parser.add_argument("--out", type=Path, default=HOME, help="folder of the files (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.demo and options.out == HOME:
        parser.error("--demo needs --out DIR: the committed dashboards show a day")
    files = render(DEMO if options.demo else Timing())
    if options.check:
        found = stale(options.out, files)
        for name in found:
            sys.stderr.write(f"{options.out / name}: not current; run `python -m grafana.source --write`\n")
        return 1 if found else 0
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (options.out / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
