"""Who hears of what: routes, inhibitions and the text of a message, as Alertmanager itself understands them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bundle.render import ROOT, render, write
from bundle.routing import INHIBITIONS
from bundle.values import Values, load

VALUES = ROOT / "prometheus" / "values.yml"
TEMPLATES = ROOT / "alertmanager" / "templates"
GOLDEN = ROOT / "alertmanager" / "tests"

OWNERS = """
receivers:
  page:
    pagerduty: {routing_key_file: /etc/alertmanager/secrets/pagerduty-key}
    webhook: {url: "https://pages.example/hook", token_file: /etc/alertmanager/secrets/token}
  ticket:
    slack: {channel: "#ml", api_url_file: /etc/alertmanager/secrets/slack-url}
    email:
      to: ml@mail.example
      sender: alerts@mail.example
      smarthost: "smtp.mail.example:587"
      username: alerts
      password_file: /etc/alertmanager/secrets/smtp-password
owners:
  flights-team:
    page: {slack: {channel: "#flights-pages", api_url_file: /etc/alertmanager/secrets/slack-url}}
  loans-team:
    ticket: {webhook: {url: "https://loans.example/hook"}}
"""


def run(*command: str | Path) -> str:
    """What `command` printed; an AssertionError with all of it where it failed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def amtool() -> str:
    found = shutil.which("amtool")
    assert found, "amtool is missing: install Debian's package prometheus-alertmanager"
    return found


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Values, Path]:
    """A bundle with every kind of receiver and two owners with receivers of their own."""
    folder = tmp_path_factory.mktemp("owners")
    overlay = folder / "owners.yml"
    overlay.write_text(OWNERS)
    values = load([VALUES, overlay])
    write(render(values), folder)
    return values, folder / "alertmanager" / "alertmanager.yml"


def test_alertmanager_reads_it(amtool: str, owned: tuple[Values, Path]) -> None:
    """amtool finds nothing at fault, neither with what is committed nor with every kind of receiver."""
    assert f"{len(INHIBITIONS)} inhibit rules" in run(
        amtool, "check-config", ROOT / "alertmanager" / "alertmanager.yml"
    )
    assert "6 receivers" in run(amtool, "check-config", owned[1])


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=MLWatchdog severity=none", "watchdog"),
        ("alertname=MLModelUnwatched severity=none model=m", "nobody"),
        ("alertname=MLPerformanceDegraded severity=critical model=m owner=team-a", "page"),
        ("alertname=MLPerformanceDegraded severity=critical model=m owner=flights-team", "page-flights-team"),
        # An owner without receivers of that kind: everybody's.
        ("alertname=MLPerformanceDegraded severity=critical model=m owner=loans-team", "page"),
        ("alertname=MLFeatureDrift severity=warning model=m owner=flights-team", "ticket"),
        ("alertname=MLFeatureDrift severity=warning model=m owner=loans-team", "ticket-loans-team"),
        ("alertname=MLFeatureDrift severity=warning model=m", "ticket"),
        ("alertname=MLExporterDown severity=critical job=ml-exporter instance=a", "page"),
        ("alertname=MLExporterReloadFailed severity=warning job=ml-exporter instance=a", "ticket"),
        # Somebody else's alert in the same Alertmanager is not lost.
        ("alertname=Other severity=odd", "ticket"),
    ],
)
def test_routes(amtool: str, owned: tuple[Values, Path], labels: str, receiver: str) -> None:
    """Severity decides between page and ticket, the owner who gets it."""
    assert run(amtool, "config", "routes", "test", f"--config.file={owned[1]}", *labels.split()).strip() == receiver


def test_one_message_a_model(owned: tuple[Values, Path]) -> None:
    """What breaks together in a model arrives together; the exporter's own troubles stand for themselves."""
    route = yaml.safe_load(owned[1].read_text())["route"]
    assert route["group_by"] == ["model"]
    page = next(branch for branch in route["routes"] if branch["receiver"] == "page")
    assert page["routes"][0] == {
        "receiver": "page",
        "matchers": ['model=""'],
        "group_by": ["alertname", "job", "instance", "host"],
    }


def test_inhibitions_stay_within_a_model(owned: tuple[Values, Path]) -> None:
    """Trouble of one model mutes nothing of another, and no alert can mute itself."""
    rules = yaml.safe_load(owned[1].read_text())["inhibit_rules"]
    assert [rule["equal"] for rule in rules] == [["model"]] * len(INHIBITIONS)
    assert rules[0]["source_matchers"] == ['alertname="MLModelUnwatched"']
    assert 'alertname!="MLModelUnwatched"' in rules[0]["target_matchers"]


def test_secrets_are_files(owned: tuple[Values, Path]) -> None:
    """No receiver holds a secret; each points to a file."""
    receivers = {r["name"]: r for r in yaml.safe_load(owned[1].read_text())["receivers"]}
    page, ticket = receivers["page"], receivers["ticket"]
    assert page["pagerduty_configs"][0]["routing_key_file"] == "/etc/alertmanager/secrets/pagerduty-key"
    assert page["webhook_configs"][0]["http_config"] == {
        "authorization": {"credentials_file": "/etc/alertmanager/secrets/token"}
    }
    assert ticket["slack_configs"][0]["api_url_file"] == "/etc/alertmanager/secrets/slack-url"
    assert ticket["email_configs"][0]["auth_password_file"] == "/etc/alertmanager/secrets/smtp-password"


@pytest.mark.parametrize("case", sorted(path.stem for path in GOLDEN.glob("*.json")))
@pytest.mark.parametrize(
    ("part", "kind"), [("title", "text"), ("text", "text"), ("slack", "text"), ("html", "html"), ("link", "text")]
)
def test_messages(amtool: str, case: str, part: str, kind: str) -> None:
    """A message says what, since when, how bad, and links to dashboard and runbook: word for word."""
    shown = run(
        amtool,
        "template",
        "render",
        f"--template.glob={TEMPLATES}/*.tmpl",
        f"--template.type={kind}",
        f"--template.data={GOLDEN / case}.json",
        f'--template.text={{{{ template "ml.{part}" . }}}}',
    )
    assert (GOLDEN / f"{case}.{part}.txt").read_text() == shown


def test_every_message_has_data() -> None:
    """There is at least a page, a ticket, a resolved one and one of the exporter itself."""
    seen = {
        (data["status"], data["commonLabels"].get("severity"), "model" in data["commonLabels"])
        for data in map(_read, GOLDEN.glob("*.json"))
    }
    assert seen >= {
        ("firing", "critical", True),
        ("firing", "warning", True),
        ("resolved", "critical", True),
        ("firing", "critical", False),
    }


def _read(path: Path) -> dict[str, dict[str, str]]:
    data: dict[str, dict[str, str]] = json.loads(path.read_text())
    return data
