"""Nothing secret in logs, pages, metrics, messages or the state: every secret is a canary, every output is searched."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load
from exporter.errors import ConfigError
from tests.e2e.patience import PATIENCE_SECONDS
from tests.e2e.secured import PASSWORD, USER, Site
from tests.e2e.test_alerting import free_port, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("security")]

CANARY = "kanarie"
"""Part of every secret, in a case that no word of ours has."""
ENVIRONMENT = {"ML_TEST_PASSWORD": f"{CANARY}-in-environment", "ML_TEST_OTHER": f"{CANARY}-not-used"}


def postgres(**keys: Any) -> dict[str, Any]:
    """A source that fails: nobody listens there."""
    source = {"type": "postgres", "table": "predictions", "host": "127.0.0.1", "port": free_port(), "user": "reader"}
    return source | {"watermark": "at", "id": "id"} | keys


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A model that works and three whose sources cannot be reached, each with its secret given in another way."""
    site = Site(tmp_path_factory.mktemp("secrets"))
    site.authority.sign("server", addresses=("127.0.0.1",))
    site.protect()
    secret = site.folder / f"{CANARY}-named"
    secret.write_text(f"{CANARY}-in-file\n")
    columns = site.config["models"]["m"]["predictions"]["columns"]
    for name, keys in {
        "dsn": {"dsn": f"postgresql://reader:{CANARY}-in-dsn@127.0.0.1:{free_port()}/x?sslmode=disable"},
        "environment": {"password": "${ML_TEST_PASSWORD}"},
        "file": {"password_file": secret.name},
    }.items():
        source = postgres(**keys)
        site.config["models"][name] = {"task": "binary", "predictions": {"source": source, "columns": columns}}
    now = time.time()
    good = [{"ts": now - 600, "id": f"{CANARY}-id-{i}", "late": i % 2, "p": 0.75, "x": i} for i in range(500)]
    bad = [{**good[0], "id": f"{CANARY}-bad-{i}", "late": f"{CANARY}-class", "p": f"{CANARY}-score"} for i in range(9)]
    site.log([*good, *bad])
    with (site.folder / "logs" / "a.jsonl").open("a") as file:
        file.write(f'{{"ts": "{CANARY}-broken\n' + f'"{CANARY}-text"\n')
    try:
        site.start(ENVIRONMENT, fmt="json")
        yield site
    finally:
        site.stop()


def holding(outputs: dict[str, str | bytes]) -> list[str]:
    """Outputs with a canary in them."""
    found = {name: text.encode() if isinstance(text, str) else text for name, text in outputs.items()}
    assert all(found.values()), "an empty output proves nothing"
    return [name for name, text in found.items() if CANARY.encode() in text.lower()]


def test_no_page_no_metric_and_no_log_tells_a_secret(site: Site) -> None:
    """Sources fail, passwords are guessed, reloads fail, all at the level debug."""
    until(lambda: site.output().count("source") > 3, PATIENCE_SECONDS, "failing sources are told")
    guess = f"{USER}:{CANARY}-guess"
    assert site.curl(f"/metrics?token={CANARY}-query", user=guess)[0] == 401
    assert site.curl(f"/{CANARY}-path", "--header", f"Cookie: {CANARY}-cookie")[0] == 404
    pages = {
        path: "".join(map(str, site.curl(path)))
        for path in ("/", "/metrics", "/api/v1/status", "/-/ready", "/-/healthy", "/-/reload")
    }
    openmetrics = site.curl("/metrics", "--header", "Accept: application/openmetrics-text;version=1.0.0")
    pages["openmetrics"] = "".join(map(str, openmetrics))
    assert pages["/api/v1/status"].count('"bad"') > 3, "the three models cannot be reached"

    (site.folder / "ml-exporter.yml").write_text(f"cycle: '{CANARY[0]}'\nmodels: {{m: {{password: {CANARY}-text}}}}\n")
    pages["failed reload"] = "".join(map(str, site.curl("/-/reload", "--request", "POST")))
    pages["page after a failed reload"] = "".join(map(str, site.curl("/")))
    site.write_config()
    pages["log"] = site.output()
    assert holding(pages) == []

    key = (site.folder / "server.key").read_text().splitlines()[1]
    hashed = yaml.safe_load((site.folder / "web.yml").read_text())["basic_auth_users"][USER]
    assert [name for name, text in pages.items() if key in text or hashed in text or PASSWORD in text] == []


def test_no_command_tells_a_secret(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    told = {}
    for command in (("check",), ("evaluate",), ("rejects", "--model", "m")):
        done = site.command(*command)
        told[" ".join(command)] = done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert holding(told) == []


def test_the_state_holds_no_row_and_no_id(site: Site) -> None:
    files = [file for file in (site.folder / "state").rglob("*") if file.is_file() and file.stat().st_size]
    assert {file.name.partition(".")[0] for file in files} >= {"m"}
    assert holding({file.name: file.read_bytes() for file in files}) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"password": [f"{CANARY}-list"]},
        {"password": {f"{CANARY}-key": f"{CANARY}-value"}},
        {"dsn": [f"postgresql://u:{CANARY}-dsn@h/x"]},
        {"passwort": f"{CANARY}-misspelt"},
        {"password": f"{CANARY}-text", "password_file": "x"},
        {"password_file": f"{CANARY}-itself"},
        {"port": "${ML_TEST_PASSWORD}"},
        {"type": "${ML_TEST_PASSWORD}"},
        {"password": "${ML_TEST_NOT_SET}", "port": 99999999},
    ],
    ids=str,
)
def test_no_mistake_in_a_configuration_tells_a_secret(tmp_path: Path, keys: dict[str, Any]) -> None:
    config = yaml.safe_dump(
        {
            "models": {
                "m": {
                    "task": "binary",
                    "predictions": {"source": postgres() | keys, "columns": {"time": "t", "prediction": "y"}},
                }
            }
        }
    )
    (tmp_path / "ml-exporter.yml").write_text(config)
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "ml-exporter.yml", ENVIRONMENT)
    # The key that is misplaced is no secret; what is said of its value could be.
    assert f"{CANARY}-" not in str(raised.value).replace(f"{CANARY}-key", "")
    assert len(raised.value.problems) <= 2
