"""Who is let in, by curl and by Prometheus; and what a hostile log's values look like at the end of the chain."""

import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics import parser as openmetrics

from tests.e2e.patience import PATIENCE_SECONDS
from tests.e2e.secured import PASSWORD, USER, Authority, Site, host
from tests.e2e.test_alerting import free_port, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("security")]

LONG = "x" * 10_000
VALUES = {
    'quote " here': 'quote " here',
    "back\\slash \\n": "back\\slash \\n",
    "two\nlines": "two\nlines",
    "cr\rhere": "cr<U+000D>here",
    "nul\0here": "nul<U+0000>here",
    "esc\x1b[31mred": "esc<U+001B>[31mred",
    "user\u202egnp.exe": "user<U+202E>gnp.exe",
    "zero\u200bwidth": "zero<U+200B>width",
    "line\u2028end": "line<U+2028>end",
    "<U+202E>": "<U+003C>U+202E>",
    "ü€😀": "ü€😀",
    '"} 1\nml_forged{a="b': '"} 1\nml_forged{a="b',
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "[red]x[/nothing]": "[red]x[/nothing]",
}
"""A category in the log → the label's value that a query returns."""
ROWS = 60
"""Of each: enough to be shown."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Behind TLS and a password, with a log of hostile values."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.authority.sign("server", addresses=("127.0.0.1",))
    site.protect()
    values = [*VALUES, LONG + "1", LONG + "2", "half \ud83d"]
    site.log(
        {"ts": time.time() - 600, "id": f"i{i}", "late": 1, "p": 0.75, "tag": values[i % len(values)]}
        for i in range(ROWS * len(values))
    )
    os.mkfifo(site.folder / "logs" / "pipe.jsonl")
    (site.folder / "logs" / "folder.jsonl").mkdir()
    for beside in ("logs/folder.jsonl/a.jsonl", "logs/a.txt", "outside.jsonl"):
        (site.folder / beside).write_text('{"ts": 0}\n')
    site.config["models"]["m"] |= {
        "slices": ["tag"],
        "reference": "m.mlref",
        "reference_data": {"source": {"type": "files", "path": "logs/*.jsonl"}},
    }
    fitted = site.command("reference", "fit")
    assert fitted.returncode == 0, fitted.stderr
    try:
        site.start()
        yield site
    finally:
        site.stop()


class Prometheus:
    """A server that scrapes the site as each job says, and questions to it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.port = free_port()
        good = {"ca_file": str(site.authority.file)}
        user = {"username": USER, "password": PASSWORD}
        jobs: dict[str, dict[str, Any]] = {
            "good": {"scheme": "https", "tls_config": good, "basic_auth": user},
            "wrong_password": {"scheme": "https", "tls_config": good, "basic_auth": user | {"password": "guess"}},
            "no_password": {"scheme": "https", "tls_config": good},
            "no_authority": {"scheme": "https", "basic_auth": user},
            "no_tls": {"scheme": "http", "basic_auth": user},
        }
        targets = [{"targets": [f"127.0.0.1:{site.port}"]}]
        (folder / "prometheus.yml").write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "1s"},
                    "scrape_configs": [
                        {"job_name": name, "static_configs": targets, **job} for name, job in jobs.items()
                    ],
                }
            )
        )
        site.children.start(
            "prometheus",
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ],
        )

    def query(self, expr: str) -> list[dict[str, Any]]:
        self.site.children.check()
        asked = urllib.parse.urlencode({"query": expr})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{asked}", timeout=30) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except OSError:
            return []
        return found


@pytest.fixture(scope="module")
def prometheus(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Prometheus:
    """Stopped with the site's other children."""
    return Prometheus(site, tmp_path_factory.mktemp("prometheus"))


def test_curl_is_let_in_with_the_authority_and_the_password_alone(site: Site) -> None:
    assert site.curl("/metrics")[0] == 200
    assert site.curl("/metrics", user=f"{USER}:wrong")[0] == 401
    assert site.curl("/metrics", user=f"nobody:{PASSWORD}")[0] == 401
    for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/status", "/nothing"):
        status, headers, body = site.curl(path, user=None)
        assert (status, body) == (401, "Unauthorized\n")
        assert 'www-authenticate: basic realm="ml-exporter"' in headers.lower()


def test_curl_without_authority_or_tls_or_with_an_old_one_gets_nothing(site: Site) -> None:
    """60: the certificate is not to be trusted; 35: no common version; 52 and 56: plain HTTP is cut off."""
    site_tls, site.client_tls = site.client_tls, ()
    try:
        assert site.curl("/metrics") == (0, "", "curl ended with 60")
    finally:
        site.client_tls = site_tls
    assert site.curl("/metrics", "--tls-max", "1.1") == (0, "", "curl ended with 35")
    plain = site.curl("/metrics", url=f"http://127.0.0.1:{site.port}")
    assert plain in {(0, "", "curl ended with 52"), (0, "", "curl ended with 56")}
    assert site.curl("/metrics")[0] == 200


def test_prometheus_is_let_in_with_the_authority_and_the_password_alone(prometheus: Prometheus) -> None:
    def up() -> dict[str, str]:
        return {each["metric"]["job"]: each["value"][1] for each in prometheus.query("up")}

    until(lambda: len(up()) == 5, PATIENCE_SECONDS, "every job was tried")
    until(lambda: up()["good"] == "1", PATIENCE_SECONDS, "the good one is up")
    assert up() == {"good": "1", "wrong_password": "0", "no_password": "0", "no_authority": "0", "no_tls": "0"}


def test_values_of_a_hostile_log_arrive_whole_or_visible(site: Site, prometheus: Prometheus) -> None:
    """Log → /metrics → Prometheus' own parser → query: each value one series, none forged, none lost."""
    asked = 'ml_slice_predictions_total{job="good", dimension="tag"}'
    until(lambda: len(prometheus.query(asked)) == len(VALUES) + 2, PATIENCE_SECONDS, "every value has its series")
    found = {each["metric"]["value"]: float(each["value"][1]) for each in prometheus.query(asked)}
    cut = sorted(value for value in found if value.startswith("xxx"))
    assert {value: found[value] for value in VALUES.values()} == dict.fromkeys(VALUES.values(), float(ROWS))
    assert [found[value] for value in cut] == [ROWS, ROWS]
    assert all(re.fullmatch("x{239}…[0-9a-f]{16}", value) for value in cut)
    assert prometheus.query('{__name__="ml_forged"}') == []
    rejected = 'ml_exporter_rows_rejected_total{job="good", reason="unreadable"}'
    assert [float(each["value"][1]) for each in prometheus.query(rejected)] == [ROWS], "half of a pair is no text"


def test_files_that_no_glob_names_are_not_read_and_none_is_served(site: Site) -> None:
    """Also not what is no regular file: a pipe would hold up the reader for ever."""
    rows = re.search(r'ml_exporter_rows_total\{model="m",source="predictions"\} (\d+)', site.curl("/metrics")[2])
    assert rows is not None
    assert int(rows[1]) == ROWS * (len(VALUES) + 3)
    for path in (
        "/web.yml",
        "/../web.yml",
        "/logs/a.jsonl",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/static/../web.yml",
    ):
        assert site.curl(path, "--path-as-is")[0] == 404


def test_promtool_and_the_openmetrics_parser_take_what_a_hostile_log_made(site: Site) -> None:
    text = site.curl("/metrics")[2]
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    body = site.curl("/metrics", "--header", "Accept: application/openmetrics-text;version=1.0.0")[2]
    families = {family.name: family for family in openmetrics.text_string_to_metric_families(body)}
    values = {sample.labels["value"] for sample in families["ml_slice_predictions"].samples}
    assert set(VALUES.values()) < values


def test_a_hostile_log_does_nothing_to_terminals(site: Site) -> None:
    for command in (("evaluate",), ("rejects",), ("check",)):
        done = site.command(*command)
        assert (command, done.returncode, done.stderr) == (command, 0, "")
        assert not set(done.stdout + done.stderr) & set("\x1b\x00\r\u202e\u200b\u2028")


def test_reload_is_refused_from_elsewhere(tmp_path: Path) -> None:
    """Of all who know the password only programs on this machine may act, whatever they say they are."""
    with host() as own:
        site = Site(tmp_path, listen="0.0.0.0", on=own)
        site.authority.sign("server", addresses=("127.0.0.1", own.address))
        site.protect()
        there = f"https://{own.address}:{site.port}"
        post = ("--request", "POST")
        try:
            site.start()
            for path in ("/-/reload", "/-/quit"):
                for forged in (
                    (),
                    ("--header", "X-Forwarded-For: 127.0.0.1"),
                    ("--header", f"Host: localhost:{site.port}"),
                ):
                    status, _, body = site.curl(path, *post, *forged, url=there)
                    assert (status, "server.remote_reload: true" in body) == (403, True)
                assert site.curl(path, *post, "--header", "Origin: https://evil.example")[0] == 403
                assert site.curl(path, *post, "--header", "Host: evil.example")[0] == 403
                assert site.curl(path, *post, user=None)[0] == 401
                assert site.curl(path)[0] == 405
            assert site.curl("/metrics", url=there)[0] == 200
            assert site.curl("/-/reload", *post)[::2] == (200, "Reloaded.\n")
        finally:
            site.stop()


def test_a_client_certificate_can_be_asked_for_and_all_files_change_without_restart(tmp_path: Path) -> None:
    """The web-config file, the certificate and the authority of the clients: Prometheus' programs do the same."""
    site = Site(tmp_path)
    site.authority.sign("server", addresses=("127.0.0.1",))
    site.protect()
    try:
        site.start()
        assert site.curl("/-/healthy")[0] == 200
        clients = Authority(tmp_path, "clients")
        clients.sign("client")
        site.protect(client_ca_file="clients.crt", client_auth_type="RequireAndVerifyClientCert")
        until(lambda: site.curl("/-/healthy")[0] == 0, PATIENCE_SECONDS, "a certificate is asked for")
        with_client = ("--cert", tmp_path / "client.crt", "--key", tmp_path / "client.key")
        assert site.curl("/-/healthy", *with_client)[0] == 200
        Authority(tmp_path, "strangers").sign("client")
        assert site.curl("/-/healthy", *with_client)[0] == 0
        site.protect()
        until(lambda: site.curl("/-/healthy")[0] == 200, PATIENCE_SECONDS, "none is asked for any more")

        site.authority = Authority(tmp_path, "ca2")
        site.authority.sign("server", addresses=("127.0.0.1",))
        site.client_tls = ("--cacert", site.authority.file)
        until(lambda: site.curl("/-/healthy")[0] == 200, PATIENCE_SECONDS, "the new certificate is shown")
    finally:
        site.stop()
