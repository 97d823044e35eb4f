"""What ships beside the code: images, compose file, unit, Kubernetes objects, as far as they can be judged without an engine."""

import ast
import configparser
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import exporter
from demo import chain
from demo.cli import app as demo_commands
from demo.ports import Ports
from exporter.config import load as load_config
from exporter.config.settings import parse_listen

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z0-9.-]+)?")
SERVICE_KEYS = {
    *("build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "logging", "network_mode"),
    *("ports", "read_only", "restart", "security_opt", "tmpfs", "user", "volumes"),
}
"""Those of the compose specification that the file uses: another one is a slip, or belongs here."""


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def one_shots():
    """Services that others wait for the end of."""
    return {
        name
        for service in SERVICES.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def waits_for(name):
    """Service → condition, of all that must be so before this one starts, through others too."""
    found = {}
    for other, how in SERVICES[name].get("depends_on", {}).items():
        found |= {other: how["condition"], **waits_for(other)}
    return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Prometheus', Alertmanager's and Grafana's configuration as the container `prepare` writes it."""
    folder = tmp_path_factory.mktemp("bundle")
    load(ROOT / "deploy" / "compose" / "prepare.py").write_bundle(folder, 8640.0)
    return folder


class TestCompose:
    def test_the_services_are_those_of_the_whole_chain(self):
        assert sorted(SERVICES) == ["alertmanager", "exporter", "grafana", "pager", "prepare", "prometheus", "replay"]
        assert {key for key in COMPOSE if not key.startswith("x-")} == {"name", "services", "volumes"}

    @pytest.mark.parametrize("name", SERVICES)
    def test_a_service_is_hardened_pinned_and_watched(self, name):
        service = SERVICES[name]
        assert set(service) <= SERVICE_KEYS
        assert PINNED.fullmatch(service["image"]), service["image"]
        assert re.fullmatch(r"\d+:\d+", service["user"])
        assert not service["user"].startswith("0:")
        assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        if name not in one_shots():
            assert service["healthcheck"]["test"][0] == "CMD"
            assert {"interval", "timeout", "start_period"} <= set(service["healthcheck"])

    @pytest.mark.parametrize("name", SERVICES)
    def test_what_is_mounted_exists(self, name):
        for mount in SERVICES[name].get("volumes", []):
            source, target, *mode = mount.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (ROOT / source).exists(), mount
                assert mode == ["ro"], mount
            else:
                assert source in COMPOSE["volumes"]

    def test_every_volume_is_used(self):
        mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
        assert {mount.split(":")[0] for mount in mounts if not mount.startswith(".")} == set(COMPOSE["volumes"])

    @pytest.mark.parametrize("name", SERVICES)
    def test_ports_are_open_to_this_machine_only(self, name):
        for port in SERVICES[name].get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:\1", port), port

    @pytest.mark.parametrize("name", SERVICES)
    def test_waiting_is_for_services_that_can_be_waited_for(self, name):
        for other, how in SERVICES[name].get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
        mode = SERVICES[name].get("network_mode", "")
        assert not mode or mode.removeprefix("service:") in SERVICES

    def test_nothing_starts_before_what_it_would_call_down(self):
        """An exporter wants logs, a Prometheus its exporter and whom to tell; the replay must not wait for them."""
        prepared = {"prepare": "service_completed_successfully"}
        replaying = prepared | {"replay": "service_healthy"}
        watched = replaying | {"exporter": "service_healthy", "alertmanager": "service_healthy"}
        assert waits_for("replay") == prepared
        assert waits_for("exporter") == replaying
        assert waits_for("alertmanager") == prepared
        assert waits_for("prometheus") == watched
        assert waits_for("grafana") == watched | {"prometheus": "service_healthy"}

    @pytest.mark.parametrize("name", ["pager", "replay", "exporter"])
    def test_what_a_health_check_runs_is_python(self, name):
        test = SERVICES[name]["healthcheck"]["test"]
        assert test[1:3] == ["python", "-c"]
        ast.parse(test[3])

    @pytest.mark.parametrize("name", ["prepare", "pager", "replay", "exporter"])
    def test_our_images_are_built_from_the_dockerfile_under_this_version(self, name):
        service = SERVICES[name]
        assert re.search(rf"^FROM \S+ AS {service['build']['target']}$", DOCKERFILE, re.MULTILINE)
        assert service["image"].endswith(f":{exporter.__version__}")
        assert f"--uid {service['user'].split(':')[0]} " in DOCKERFILE

    def test_scripts_that_containers_run_are_in_the_repository(self):
        for name in ("prepare", "pager"):
            assert (ROOT / SERVICES[name]["command"][0]).is_file()

    def test_the_replay_is_a_command_of_the_demo(self):
        _, module, command, *options = SERVICES["replay"]["command"]
        assert module == "demo"
        answer = CliRunner().invoke(
            demo_commands, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
        )
        assert answer.exit_code == 0
        for option in options[::2]:
            assert option in answer.output

    def test_the_exporters_environment_is_what_its_configuration_asks_for(self):
        text = (ROOT / "demo" / "ml-exporter.yml").read_text()
        given = SERVICES["exporter"]["environment"]
        needed = set(re.findall(r"\$\{([A-Z_]+)\}", text))
        assert needed <= set(given)
        assert set(given) <= set(re.findall(r"\$\{([A-Z_]+)[:}]", text))
        listen = re.search(r"listen: (\S+)", text).group(1)
        for name, value in given.items():
            listen = re.sub(rf"\$\{{{name}(:-[^}}]*)?\}}", value, listen)
        assert parse_listen(re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", listen)) == ("0.0.0.0", 9877)


class TestComposeBundle:
    """The configuration that `prepare` renders passes the tools of those who read it, at its mount points."""

    def test_commands_name_files_that_are_rendered(self, bundle):
        for name in ("prometheus", "alertmanager"):
            [option] = [one for one in SERVICES[name]["command"] if one.startswith("--config.file=/demo/bundle/")]
            assert (bundle / option.removeprefix("--config.file=/demo/bundle/")).is_file()

    def test_prometheus_takes_it(self, bundle):
        done = subprocess.run(
            ["promtool", "check", "config", bundle / "prometheus" / "prometheus.yml"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def test_alertmanager_takes_it(self, bundle):
        done = subprocess.run(
            ["amtool", "check-config", bundle / "alertmanager" / "alertmanager.yml"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def test_rules_and_alerts_are_those_of_make_demo(self, bundle, tmp_path):
        chain.write_bundle(tmp_path, 8640.0, Ports())
        for folder in ("rules", "alerts"):
            files = {path.name: path.read_text() for path in (tmp_path / "prometheus" / folder).iterdir()}
            assert {path.name: path.read_text() for path in (bundle / "prometheus" / folder).iterdir()} == files

    def test_the_exporters_own_health_goes_by_the_wall_clock(self, bundle):
        """At the replay's speed three minutes of no exporter are 4 s, and each start would page."""
        rules = [
            rule
            for path in (bundle / "prometheus" / "alerts").glob("*.yml")
            for group in yaml.safe_load(path.read_text())["groups"]
            for rule in group["rules"]
        ]
        names = {"MLExporterDown", "MLExporterSourceDown", "MLExporterCycleStalled"}
        assert {(rule["alert"], rule["for"]) for rule in rules if rule["alert"] in names} == {
            ("MLExporterDown", "15s"),
            ("MLExporterSourceDown", "20s"),
            ("MLExporterCycleStalled", "4s"),
        }
        [stalled] = [rule["expr"] for rule in rules if rule["alert"] == "MLExporterCycleStalled"]
        assert "20" in re.findall(r"\d+", stalled)

    def test_host_names_are_services_and_ports_theirs(self, bundle):
        config = yaml.safe_load((bundle / "prometheus" / "prometheus.yml").read_text())
        places = [config["alerting"]["alertmanagers"], *(job["static_configs"] for job in config["scrape_configs"])]
        targets = set(re.findall(r"'([\w.]+:\d+)'", str(places)))
        assert targets == {"exporter:9877", "alertmanager:9093", "127.0.0.1:9090"}
        for host, port in (target.split(":") for target in targets - {"127.0.0.1:9090"}):
            assert SERVICES[host]["ports"][0].endswith(f":{port}")

    def test_it_only_says_what_is_not_said_already(self):
        """A value that is the same as the bundle's own must not be repeated, but for the addresses of the pager."""
        own = yaml.safe_load((ROOT / "prometheus" / "values.yml").read_text())
        ours = yaml.safe_load((ROOT / "deploy" / "compose" / "values.yml").read_text())
        assert set(ours) == {"links", "prometheus", "receivers"} <= set(own)

    def test_grafana_finds_its_dashboards_and_its_prometheus(self, bundle):
        environment = SERVICES["grafana"]["environment"]
        assert "demo:/demo:ro" in SERVICES["grafana"]["volumes"]
        provisioning, dashboards = (
            bundle / environment[name].removeprefix("/demo/bundle/")
            for name in ("GF_PATHS_PROVISIONING", "DASHBOARDS_PATH")
        )
        texts = [path.read_text() for path in provisioning.rglob("*.yml")]
        asked = {name for text in texts for name in re.findall(r"\$\{([A-Z_]+)\}", text)}
        assert asked == {"DASHBOARDS_PATH", "PROMETHEUS_URL"}
        assert environment["PROMETHEUS_URL"] == "http://prometheus:9090"
        assert [path.name for path in sorted(dashboards.iterdir())] == [
            "ml-drift-quality.json",
            "ml-fleet.json",
            "ml-infrastructure.json",
            "ml-model.json",
            "ml-serving.json",
            "ml-why.json",
        ]


class TestPrepare:
    @pytest.fixture
    def prepare(self):
        return load(ROOT / "deploy" / "compose" / "prepare.py")

    def test_links_hold_wherever_the_volume_is(self, prepare, tmp_path):
        (tmp_path / "a" / "cache" / "models-1").mkdir(parents=True)
        for _ in range(2):
            prepare.link(tmp_path / "a" / "models", tmp_path / "a" / "cache" / "models-1")
        (tmp_path / "a").rename(tmp_path / "b")
        assert (tmp_path / "b" / "models").resolve() == tmp_path / "b" / "cache" / "models-1"

    def test_a_run_in_use_is_kept(self, prepare, tmp_path, monkeypatch):
        (tmp_path / "run" / "logs").mkdir(parents=True)
        (tmp_path / "run" / "status.json").write_text("{}")
        monkeypatch.setattr(prepare, "exporter_answers", lambda: True)
        assert prepare.main(tmp_path) == 0
        assert (tmp_path / "run" / "status.json").exists()

    def test_an_exporter_on_an_ended_run_is_told(self, prepare, tmp_path, monkeypatch, capsys):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "status.json").write_text("{}")
        os.utime(tmp_path / "run" / "status.json", (0, 0))
        monkeypatch.setattr(prepare, "exporter_answers", lambda: True)
        assert prepare.main(tmp_path) == 1
        assert capsys.readouterr().err == (
            "prepare: the exporter still runs on an older replay: docker compose down, then up\n"
        )
        assert (tmp_path / "run").exists()


class TestDockerfile:
    def test_base_images_are_pinned(self):
        stages = set(re.findall(r" AS (\S+)$", DOCKERFILE, re.MULTILINE))
        [version] = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
        assert re.fullmatch(r"3\.11\.\d+-slim-\w+", version)
        assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) <= {"python:${PYTHON}", *stages}

    def test_what_is_copied_exists_and_reaches_the_engine(self):
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        kept = {line[1:] for line in lines if line.startswith("!")}
        for sources in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE):
            for source in sources.split():
                assert (ROOT / source).exists(), f"{source} is copied but not there"
                folders = {source, *map(str, Path(source).parents)}
                assert folders & kept, f"{source} is copied but .dockerignore hides it"

    def test_the_demo_image_holds_what_the_demo_needs(self, tmp_path):
        """A copy of what its build copies renders the bundle and offers the replay, with nothing of the checkout near."""
        [stage] = re.findall(r"^FROM base AS demo$(.+?)^FROM ", DOCKERFILE, re.MULTILINE | re.DOTALL)
        for source, target in re.findall(r"^COPY (?!--)(\S+) /app/(\S+)$", stage, re.MULTILINE):
            shutil.copytree(ROOT / source, tmp_path / "app" / target)
        [source, target] = re.findall(r"^COPY --from=demo-dashboards (\S+) /app/(\S+)$", stage, re.MULTILINE)[0]
        assert f"python -m grafana.source --write --demo --out {source}\n" in DOCKERFILE
        shutil.copytree(ROOT / "grafana" / "dashboards", tmp_path / "app" / target)
        code = (
            "import sys, runpy, pathlib; "
            "sys.path[:] = [path for path in sys.path if path != %r]; "
            "prepare = runpy.run_path('deploy/compose/prepare.py'); "
            "prepare['chain'].find_spec = lambda _: None; "  # no developer's library is in the image
            "prepare['write_bundle'](pathlib.Path('out'), 8640.0); "
            "import demo.train, demo.replay, demo.cli, demo.receiver, exporter; print(demo.__file__, exporter.__file__)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code % str(ROOT)],
            cwd=tmp_path / "app",
            env={**os.environ, "PYTHONPATH": str(tmp_path / "app")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [f"{tmp_path}/app/{name}/__init__.py" for name in ("demo", "exporter")]
        assert (tmp_path / "app" / "out" / "grafana" / "dashboards" / "ml-model.json").is_file()

    def test_no_stage_that_runs_is_root(self):
        for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]:
            if "ENTRYPOINT" in stage:
                assert "USER 10001:10001" in stage

    def test_the_health_check_is_python(self):
        [text] = re.findall(r"^HEALTHCHECK .*CMD (\[(?:.*\\\n)*.*\])$", DOCKERFILE, re.MULTILINE)
        program, option, code = json.loads(text.replace("\\\n", ""))
        assert (program, option) == ("python", "-c")
        ast.parse(code)


UNIT = ROOT / "deploy" / "systemd" / "ml-exporter.service"


UNIT_KEYS = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        *("Type", "DynamicUser", "User", "ExecStartPre", "ExecStart", "ExecReload", "EnvironmentFile", "UMask"),
        *("WorkingDirectory", "ConfigurationDirectory", "StateDirectory", "StateDirectoryMode"),
        *("Restart", "RestartSec", "TimeoutStopSec", "MemoryHigh", "MemoryMax", "NoNewPrivileges"),
        *("CapabilityBoundingSet", "AmbientCapabilities", "LockPersonality", "MemoryDenyWriteExecute"),
        *("PrivateDevices", "PrivateTmp", "PrivateUsers", "ProtectClock", "ProtectControlGroups", "ProtectHome"),
        *("ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc"),
        *("ProtectSystem", "RemoveIPC", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime"),
        *("RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"),
    },
    "Install": {"WantedBy"},
}
"""Keys that systemd 252 (Debian 12) knows; `systemd-analyze verify` is not everywhere."""


@pytest.fixture(scope="module")
def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(UNIT.read_text())
    return parser


class TestUnit:
    def test_sections_and_keys_are_systemds(self, unit):
        assert {name: set(unit[name]) for name in unit.sections()} == UNIT_KEYS

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("Type", "exec"),
            ("DynamicUser", "yes"),
            ("StateDirectory", "ml-exporter"),
            ("Restart", "on-failure"),
            ("ExecReload", "/bin/kill -HUP $MAINPID"),
            ("NoNewPrivileges", "yes"),
            ("ProtectSystem", "strict"),
            ("PrivateTmp", "yes"),
            ("CapabilityBoundingSet", ""),
            ("MemoryDenyWriteExecute", "yes"),
        ],
    )
    def test_it_is_confined_and_restarted(self, unit, key, value):
        assert unit["Service"][key] == value

    def test_it_runs_and_checks_the_same_configuration(self, unit):
        commands = [unit["Service"][key].split() for key in ("ExecStartPre", "ExecStart")]
        assert [command[:2] for command in commands] == [
            ["/opt/ml-exporter/bin/ml-exporter", "check"],
            ["/opt/ml-exporter/bin/ml-exporter", "run"],
        ]
        # A log that cannot be read for now keeps no exporter from starting: it tries again and says so on /metrics.
        assert commands[0][2:] == ["--no-sources", *commands[1][2:]]


@pytest.fixture(scope="module")
def objects():
    """Kind → object, of all files that kustomization.yaml names but the rules'."""
    folder = ROOT / "deploy" / "kubernetes"
    files = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert sorted(files) == sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    found = [one for name in files for one in yaml.safe_load_all((folder / name).read_text())]
    found = [one for one in found if one["kind"] != "PrometheusRule"]
    assert len({one["kind"] for one in found}) == len(found)
    return {one["kind"]: one for one in found}


@pytest.fixture(scope="module")
def rules():
    return load(ROOT / "deploy" / "kubernetes" / "rules.py")


@pytest.fixture(scope="module")
def pod(objects):
    return objects["StatefulSet"]["spec"]["template"]


@pytest.fixture(scope="module")
def container(pod):
    [container] = pod["spec"]["containers"]
    return container


class TestKubernetes:
    def test_the_objects(self, objects):
        assert set(objects) == {"ConfigMap", "Service", "ServiceAccount", "ServiceMonitor", "StatefulSet"}
        assert {one["metadata"]["name"] for one in objects.values()} == {"ml-exporter"}

    def test_selectors_find_their_objects(self, objects, pod):
        labels = pod["metadata"]["labels"]
        assert objects["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
        assert objects["Service"]["spec"]["selector"] == labels
        wanted = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
        assert wanted <= objects["Service"]["metadata"]["labels"].items()

    def test_ports_go_by_one_name(self, objects, container):
        config = yaml.safe_load(objects["ConfigMap"]["data"]["ml-exporter.yml"])
        [port] = container["ports"]
        assert parse_listen(config["server"]["listen"]) == ("0.0.0.0", port["containerPort"])
        assert [one["targetPort"] for one in objects["Service"]["spec"]["ports"]] == [port["name"]]
        assert [one["port"] for one in objects["ServiceMonitor"]["spec"]["endpoints"]] == [port["name"]]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] == port["name"]
            assert container[probe]["httpGet"]["path"] in ("/-/healthy", "/-/ready")

    def test_the_job_has_the_name_that_rules_expect(self, objects):
        label = objects["ServiceMonitor"]["spec"]["jobLabel"]
        job = objects["Service"]["metadata"]["labels"][label]
        assert job == yaml.safe_load((ROOT / "prometheus" / "values.yml").read_text())["prometheus"]["job"]

    def test_mounts_have_volumes_and_state_has_its_own(self, objects, pod, container):
        templates = [one["metadata"]["name"] for one in objects["StatefulSet"]["spec"]["volumeClaimTemplates"]]
        volumes = [one["name"] for one in pod["spec"]["volumes"]]
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        config = yaml.safe_load(objects["ConfigMap"]["data"]["ml-exporter.yml"])
        assert sorted(mounts) == sorted(templates + volumes)
        assert (templates, mounts["state"]) == (["state"], config["state_dir"])
        assert f"{mounts['config']}/ml-exporter.yml" in container["args"]

    def test_the_sample_configuration_is_valid(self, objects, tmp_path):
        path = tmp_path / "ml-exporter.yml"
        path.write_text(objects["ConfigMap"]["data"]["ml-exporter.yml"])
        assert [model.name for model in load_config(path).models] == ["flight_delay"]

    def test_the_container_is_confined(self, pod, container):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert f"--uid {pod['spec']['securityContext']['runAsUser']} " in DOCKERFILE
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["image"] == f"ml-exporter:{exporter.__version__}"

    def test_rules_are_those_of_the_bundle(self, rules):
        assert rules.PATH.read_text() == rules.render(), "run: python deploy/kubernetes/rules.py"

    def test_promtool_takes_the_rules(self, rules, tmp_path):
        objects = list(yaml.safe_load_all(rules.PATH.read_text()))
        assert [one["metadata"]["name"] for one in objects] == ["ml-exporter-rules", "ml-exporter-alerts"]
        paths = [tmp_path / f"{one['metadata']['name']}.yml" for one in objects]
        for path, one in zip(paths, objects, strict=True):
            path.write_text(yaml.safe_dump(one["spec"]))
        done = subprocess.run(["promtool", "check", "rules", *paths], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
