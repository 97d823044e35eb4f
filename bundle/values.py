"""The values file: every selector, threshold, duration, severity, link and receiver of the bundle, in one place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bundle.duration import Duration
from exporter.errors import ConfigError, Problem


def _duration(value: object) -> object:
    return Duration.parse(value) if isinstance(value, str) else value


Time = Annotated[Duration, BeforeValidator(_duration)]
Windows = Annotated[list[str], Field(min_length=1)]


class Section(BaseModel):
    """A part of the values file; keys it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Links(Section):
    """Where alerts point to."""

    grafana: str
    runbooks: str
    runbook_suffix: str = ""


class Prometheus(Section):
    """What is scraped, how often, and under which name."""

    scrape_interval: Time
    evaluation_interval: Time
    job: str
    exporters: list[str]
    prometheus: list[str]
    alertmanagers: list[str]


class Slack(Section):
    """A Slack channel; the webhook's URL is a secret and stands in a file."""

    channel: str
    api_url_file: Path


class PagerDuty(Section):
    """A PagerDuty service; its integration key is a secret and stands in a file."""

    routing_key_file: Path


class Email(Section):
    """A mailbox; the password is a secret and stands in a file."""

    to: str
    sender: str
    smarthost: str
    username: str | None = None
    password_file: Path | None = None
    require_tls: bool = True


class Webhook(Section):
    """Anything that takes Alertmanager's JSON; a bearer token is a secret and stands in a file."""

    url: str
    token_file: Path | None = None


class Receiver(Section):
    """Whom to tell: any of the four, or nobody."""

    slack: Slack | None = None
    pagerduty: PagerDuty | None = None
    email: Email | None = None
    webhook: Webhook | None = None


class Receivers(Section):
    """Who hears of pages, of tickets, and the heartbeat."""

    page: Receiver
    ticket: Receiver
    watchdog: Receiver


class Owner(Section):
    """An owner's own receivers; what is left out goes to everybody's."""

    page: Receiver | None = None
    ticket: Receiver | None = None


class Alertmanager(Section):
    """How alerts become messages."""

    group_wait: Time
    group_interval: Time
    repeat_page: Time
    repeat_ticket: Time
    repeat_watchdog: Time
    resolve_timeout: Time


Severity = Literal["critical", "warning", "info", "none"]


class Values(Section):
    """A whole values file.

    Attributes:
        models: label matchers of the models that are watched.
        host_of_instance: regular expression over the whole label `instance`; its first parentheses hold the machine.
        windows: which of the configured windows each question is asked of; the first stands for all in rule tests.
        range, hold, keep: processing time (`[…]` of counters, `for`, `keep_firing_for`): divided by the replay's speed.
        event: event time, as the rows tell it: the same at any speed.
        threshold: everything that is compared with.
        severity: by alert; what is left out is a ticket.
        step: distance of samples and evaluations in rule tests.
    """

    links: Links
    prometheus: Prometheus
    models: str
    host_of_instance: str
    page_metrics: str
    blind_tiers: str
    gpu_throttle_reasons: str
    infrastructure_symptoms: str
    page_tiers: str
    windows: dict[str, Windows]
    range: dict[str, Time]
    hold: dict[str, Time]
    keep: dict[str, Time]
    event: dict[str, Time]
    threshold: dict[str, float]
    severity: dict[str, Severity]
    alertmanager: Alertmanager
    receivers: Receivers
    owners: dict[str, Owner] = {}
    step: Time

    def at_speed(self, speed: float) -> "Values":
        """These values where processing time runs `speed` times as fast as event time's author meant it.

        A range keeps four scrapes, so that rates exist and one late scrape does not empty them; `for` and its like keep
        two evaluations, so that one odd value never fires. Event time, thresholds and window names stay.
        """
        tick = Duration(2)
        scrape = self.prometheus.scrape_interval.divided(speed, tick)
        evaluate = self.prometheus.evaluation_interval.divided(speed, tick)
        four_scrapes, two_evaluations = Duration(4 * scrape.seconds), Duration(2 * evaluate.seconds)
        manager = self.alertmanager
        return self.model_copy(
            update={
                "prometheus": self.prometheus.model_copy(
                    update={"scrape_interval": scrape, "evaluation_interval": evaluate}
                ),
                "range": {name: value.divided(speed, four_scrapes) for name, value in self.range.items()},
                "hold": {name: value.divided(speed, two_evaluations) for name, value in self.hold.items()},
                "keep": {name: value.divided(speed, two_evaluations) for name, value in self.keep.items()},
                "alertmanager": manager.model_copy(
                    update={
                        # What mutes must be there before what is muted goes out, and groups of rules take turns.
                        "group_wait": manager.group_wait.divided(speed, two_evaluations),
                        "group_interval": manager.group_interval.divided(speed, tick),
                        # A reminder is for people, and they read at the usual speed.
                    }
                ),
                "step": self.step.divided(speed, evaluate),
            }
        )


def load(files: Sequence[Path], settings: Sequence[str] = (), *, speed: float = 1.0) -> Values:
    """The values of `files`, later ones over earlier ones, then of `settings` (`dotted.key=yaml`), at `speed`.

    Raises:
        ConfigError: a file that cannot be read, or is no values file; holds all problems at once.
    """
    merged: dict[str, Any] = {}
    where = ", ".join(str(file) for file in files)
    for file in files:
        merged = _merge(merged, _read(file))
    for setting in settings:
        merged = _merge(merged, _nested(setting))
    try:
        values = Values.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(
            [Problem(f"{where}: {'.'.join(map(str, e['loc']))}", e["msg"]) for e in error.errors()]
        ) from error
    if speed < 1:
        raise ConfigError([Problem("--speed", f"{speed} is under 1: a replay is never slower than life")])
    return values.at_speed(speed)


def _read(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([Problem(str(file), f"cannot be read: {error}")]) from error
    if not isinstance(data, dict):
        raise ConfigError([Problem(str(file), "a mapping is due at the top: copy prometheus/values.yml")])
    return data


def _nested(setting: str) -> dict[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigError([Problem("--set", f"{setting!r}: write it as key.of.the.values=value")])
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError([Problem("--set", f"{setting!r}: the value is no YAML: {error}")]) from error
    for part in reversed(key.split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
