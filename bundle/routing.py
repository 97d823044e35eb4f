"""alertmanager.yml from the values: who hears of what, in which bundles, and what keeps quiet meanwhile."""

from collections.abc import Mapping
from typing import Any

import yaml

from bundle.values import Email, Owner, Receiver, Values

Tree = dict[str, Any]

INHIBITIONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Nobody watches the model (its exporter is down): what was last known of it is no news.",
        ('alertname="MLModelUnwatched"',),
        ('alertname!="MLModelUnwatched"', 'model!=""'),
    ),
    (
        "The prediction log cannot be read: that no prediction comes follows from it.",
        ('alertname="MLExporterSourceDown"', 'source="predictions"'),
        (
            'alertname=~"MLPredictionsStale|MLFreshnessSLOBurn|MLTrafficDrop|MLSliceTraffic|MLLabelsMissing|MLModelBlind"',
        ),
    ),
    (
        "The label log cannot be read: that labels are missing follows from it.",
        ('alertname="MLExporterSourceDown"', 'source="labels"'),
        ('alertname=~"MLLabelsMissing|MLModelBlind"',),
    ),
    (
        "Labels are missing: that they are too few to see a fall follows from it.",
        ('alertname="MLLabelsMissing"',),
        ('alertname="MLModelBlind"',),
    ),
    (
        "No prediction comes at all: less traffic and fewer labels follow from it.",
        ('alertname="MLPredictionsStale"',),
        ('alertname=~"MLTrafficDrop|MLSliceTraffic|MLLabelsMissing|MLModelBlind"',),
    ),
    (
        "Predictions are missing for longer than was promised: that none was read of late says the same.",
        ('alertname="MLFreshnessSLOBurn"',),
        ('alertname=~"MLPredictionsStale|MLTrafficDrop|MLSliceTraffic"',),
    ),
    (
        "A run that was due did not come: that predictions are old or few follows from it.",
        ('alertname="MLBatchRunMissed"',),
        ('alertname=~"MLPredictionsStale|MLTrafficDrop|MLLabelsMissing|MLModelBlind"',),
    ),
    (
        "The newest run failed: what the one before gave, and how long this one took, is no news.",
        ('alertname="MLBatchRunFailed"',),
        ('alertname=~"MLBatchPartialOutput|MLBatchRunSlow"',),
    ),
    (
        "A run takes too long: that the next one begins beside it follows from it.",
        ('alertname="MLBatchRunSlow"',),
        ('alertname="MLBatchRunOverlapping"',),
    ),
    (
        "A run gave too few rows: that there are fewer predictions follows from it.",
        ('alertname="MLBatchPartialOutput"',),
        ('alertname="MLTrafficDrop"',),
    ),
    (
        "The machine is down: that nothing comes from it follows from it.",
        ('alertname="MLHostDown"',),
        (
            'alertname=~"MLProcessDown|ML[A-Z][a-z]+SLOBurn|MLPredictionsStale|MLTrafficDrop|MLServing.*|MLBatchRunMissed"',
        ),
    ),
    (
        "A machine in trouble explains why predictions fail or are slow: it is told in their stead.",
        ('alertname="MLInfrastructureHarm"',),
        ('alertname=~"MLAvailabilitySLOBurn|MLLatencySLOBurn|MLServingErrors|MLServingLatency"',),
    ),
    (
        "The model's process does not run: that no prediction comes follows from it.",
        ('alertname="MLProcessDown"',),
        ('alertname=~"MLFreshnessSLOBurn|MLPredictionsStale|MLTrafficDrop|MLProcessRestarting"',),
    ),
    (
        "Memory is out: that it was short, and that processes were replaced, is no news.",
        ('alertname="MLHostOutOfMemory"',),
        ('alertname=~"MLHostMemoryShort|MLProcessRestarting"',),
    ),
    (
        "The data are broken: of course they look different.",
        ('alertname="MLFeatureQuality"',),
        ('alertname=~"MLFeatureDrift|MLPredictionDrift"',),
    ),
    (
        "The truth is known by now and says the same: what was expected is no news, nor that it costs of a budget.",
        ('alertname="MLPerformanceDegraded"',),
        ('alertname=~"MLEstimatedPerformanceDegraded|MLQualitySLOBurn"',),
    ),
    (
        "Somebody is already up for this model; tickets of it can wait.",
        ('severity="critical"', 'model!=""'),
        ('severity=~"warning|info"', 'model!=""'),
    ),
)
"""What is known, what mutes, what is muted: always of one and the same model."""


def routing(values: Values) -> Tree:
    """alertmanager.yml as a tree, its keys in the order of a reader's interest."""
    timing = values.alertmanager
    receivers: list[Tree] = [{"name": "nobody"}]
    branches: list[Tree] = []
    for kind, severity, repeat in (
        ("page", 'severity="critical"', timing.repeat_page),
        ("ticket", 'severity="warning"', timing.repeat_ticket),
    ):
        receivers.append(_receiver(kind, getattr(values.receivers, kind)))
        owners = {name: _of(owner, kind) for name, owner in values.owners.items()}
        receivers += [_receiver(f"{kind}-{name}", own) for name, own in owners.items() if own is not None]
        branches.append(
            {
                "receiver": kind,
                "matchers": [severity],
                "repeat_interval": str(repeat),
                "routes": [
                    # Troubles of the exporter itself, and of machines without models, belong to none: one message each.
                    {"receiver": kind, "matchers": ['model=""'], "group_by": ["alertname", "job", "instance", "host"]},
                    *(
                        {"receiver": f"{kind}-{name}", "matchers": [f'owner="{name}"']}
                        for name, own in owners.items()
                        if own is not None
                    ),
                ],
            }
        )
    receivers.append(_receiver("watchdog", values.receivers.watchdog))
    watchdog = {
        "receiver": "watchdog",
        "matchers": ['alertname="MLWatchdog"'],
        "group_wait": "0s",
        "group_interval": str(timing.repeat_watchdog),
        "repeat_interval": str(timing.repeat_watchdog),
    }
    unseen = {"receiver": "nobody", "matchers": ['severity=~"info|none"']}
    return {
        "global": {"resolve_timeout": str(timing.resolve_timeout)},
        "templates": ["templates/*.tmpl"],
        "route": {
            "receiver": "ticket",
            "group_by": ["model"],
            "group_wait": str(timing.group_wait),
            "group_interval": str(timing.group_interval),
            "repeat_interval": str(timing.repeat_ticket),
            "routes": [watchdog, unseen, *branches],
        },
        "inhibit_rules": [
            {"source_matchers": list(source), "target_matchers": list(target), "equal": ["model"]}
            for _, source, target in INHIBITIONS
        ],
        "receivers": receivers,
    }


def render_routing(values: Values) -> str:
    """alertmanager.yml as text, each inhibition under the reason for it."""
    tree = routing(values)
    rules = [
        f"  # {why}\n" + _indent(_dump([rule]))
        for (why, _, _), rule in zip(INHIBITIONS, tree.pop("inhibit_rules"), strict=True)
    ]
    receivers = {"receivers": tree.pop("receivers")}
    return "\n".join([_dump(tree), "inhibit_rules:\n" + "".join(rules), _dump(receivers)])


def _of(owner: Owner, kind: str) -> Receiver | None:
    return owner.page if kind == "page" else owner.ticket


def _receiver(name: str, to: Receiver) -> Tree:
    tree: Tree = {"name": name}
    if to.slack:
        tree["slack_configs"] = [
            {
                "api_url_file": str(to.slack.api_url_file),
                "channel": to.slack.channel,
                "send_resolved": True,
                "color": '{{ template "ml.color" . }}',
                "title": '{{ template "ml.title" . }}',
                "title_link": '{{ template "ml.link" . }}',
                "text": '{{ template "ml.slack" . }}',
                "fallback": '{{ template "ml.title" . }}',
            }
        ]
    if to.pagerduty:
        tree["pagerduty_configs"] = [
            {
                "routing_key_file": str(to.pagerduty.routing_key_file),
                "send_resolved": True,
                "severity": '{{ or .CommonLabels.severity "warning" }}',
                "component": "{{ .GroupLabels.model }}",
                "group": "{{ .CommonLabels.owner }}",
                "client": "ml-exporter",
                "client_url": '{{ template "ml.link" . }}',
                "description": '{{ template "ml.title" . }}',
                "details": {
                    "what": '{{ template "ml.text" . }}',
                    "firing": "{{ len .Alerts.Firing }}",
                    "resolved": "{{ len .Alerts.Resolved }}",
                },
            }
        ]
    if to.email:
        tree["email_configs"] = [_email(to.email)]
    if to.webhook:
        webhook: Tree = {"url": to.webhook.url, "send_resolved": True}
        if to.webhook.token_file:
            webhook["http_config"] = {"authorization": {"credentials_file": str(to.webhook.token_file)}}
        tree["webhook_configs"] = [webhook]
    return tree


def _email(to: Email) -> Tree:
    tree: Tree = {
        "to": to.to,
        "from": to.sender,
        "smarthost": to.smarthost,
        "require_tls": to.require_tls,
        "send_resolved": True,
        "headers": {"Subject": '{{ template "ml.title" . }}'},
        "text": '{{ template "ml.text" . }}',
        "html": '{{ template "ml.html" . }}',
    }
    if to.username is not None:
        tree["auth_username"] = to.username
    if to.password_file is not None:
        tree["auth_password_file"] = str(to.password_file)
    return tree


def _dump(tree: Mapping[str, Any] | list[Any]) -> str:
    text: str = yaml.safe_dump(tree, sort_keys=False, width=120, allow_unicode=True)
    return text


def _indent(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
