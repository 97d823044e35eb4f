"""What a loaded plan holds, and what cannot be read at all."""

from pathlib import Path

import pytest
import yaml

from exporter import bounded_yaml
from exporter.config import load
from exporter.engine.plan import FeatureOverride, ModelPlan, Retention
from exporter.errors import ConfigError
from exporter.metrics.evaluation import Objective, Thresholds

FOLDER = Path(__file__).parents[2] / "config"


def models(name: str, environment: dict[str, str] | None = None) -> dict[str, ModelPlan]:
    return {model.name: model for model in load(FOLDER / name, environment or {}).models}


def problems(path: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(path, environment or {})
    return [str(problem).replace(str(path), "FILE") for problem in raised.value.problems]


def written(path: Path, text: str | bytes) -> Path:
    file = path / "ml-exporter.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_every_key_of_the_sample_reaches_the_plan() -> None:
    plan = load(FOLDER / "good-full.yml", {})
    (model,) = plan.models
    assert (plan.server.host, plan.server.port) == ("127.0.0.1", 9877)
    assert plan.state_dir == FOLDER / "state"
    assert plan.cycle == 15.0
    assert len(plan.sources_digest) == 16
    assert (model.name, model.task, model.owner, model.tier) == ("flight_delay", "binary", "flights-team", "critical")
    assert model.positive_class == "1"
    assert model.windows == {"1h": 3600, "24h": 86400, "7d": 604800}
    assert model.references == {"": FOLDER / "refs/flight_delay.mlref"}
    assert model.retention == Retention(2 * 86400, 14 * 86400, 120 * 86400)
    assert model.slice_values == {"origin": 20, "carrier": 20, "replica": 2}
    assert model.replicas == {"scorer-0": "10.0.0.5"}
    assert model.objectives == (
        Objective("availability", 0.999),
        Objective("latency", 0.99, 0.25),
        Objective("freshness", 0.99, freshness_seconds=3600),
        Objective("quality", 0.8, quality=True),
    )
    assert model.thresholds == Thresholds(features={"distance": 0.1}, performance={"accuracy": (0.8, None)})
    assert model.feature_overrides == {
        "distance": FeatureOverride("numeric", (0.0, 6000.0)),
        "temp": FeatureOverride(edges=(-40.0, 0.0, 15.0, 50.0)),
        "carrier": FeatureOverride("category", categories=("AA", "UA")),
    }
    columns = model.predictions.columns
    assert (columns.latency, columns.latency_unit, columns.replica) == ("latency_ms", "ms", "host")
    assert columns.features == {"distance": "distance", "carrier": "carrier", "temp": "inputs.temp"}


def test_label_logs_time_is_the_label_time() -> None:
    labels = models("good-full.yml")["flight_delay"].labels
    assert labels is not None
    assert labels.stream is not None
    columns = labels.stream.columns
    assert (columns.id, columns.label, columns.label_time, columns.time) == ("request_id", "late", "landed_at", None)
    assert (labels.wait, labels.default, labels.conflict) == (30 * 86400, None, "last")


def test_reference_data_has_the_predictions_roles_unless_told_otherwise() -> None:
    stream = models("good-full.yml")["flight_delay"].reference_stream
    assert stream is not None
    columns = stream.columns
    assert (columns.time, columns.latency) == (None, None)
    assert (columns.prediction, columns.score, columns.label) == ("late", "probability", "arrived_late")


def test_names_stay_as_they_were_written() -> None:
    """YAML's numbers, dates and truth values are names where a name is due."""
    both = models("good-multiclass.yml")
    assert both["animal"].classes == ("no", "1.10", "007", "2024-01-01")
    assert both["animal"].predictions.columns.scores["1.10"] == "p_1"
    assert both["animal"].predictions.columns.slices == {
        "region": ("geo.region",),
        "tier": ("tier",),
        "both": ("geo.region", "tier"),
    }
    assert both["animal"].labels is not None
    assert both["animal"].labels.stream is None


def test_environment_fills_in_and_has_defaults() -> None:
    assert models("good-multiclass.yml")["animal-next"].owner == "zoo"
    assert models("good-multiclass.yml", {"TEAM": "vets"})["animal-next"].owner == "vets"


def test_defaults_are_merged_under_every_model() -> None:
    both = models("good-defaults.yml")
    delay, arrival = both["delay"], both["arrival"]
    assert (delay.owner, arrival.owner) == ("flights", "arrivals")
    assert (delay.thresholds.drift_effect, delay.thresholds.min_rows) == (0.1, 20)
    assert (arrival.thresholds.drift_effect, arrival.thresholds.min_rows) == (0.1, 10)
    assert delay.predictions.columns.timezone == "America/New_York"
    assert arrival.predictions.columns.timezone == "UTC"
    assert list(delay.windows) == ["1d", "7d", "28d"]
    assert delay.labels is not None
    assert delay.labels.default == "0"
    assert arrival.references == {"": FOLDER / "refs/a.mlref", "1.10": FOLDER / "refs/b.mlref"}


def test_reading_changes_nothing_and_repeats() -> None:
    first, second = load(FOLDER / "good-defaults.yml", {}), load(FOLDER / "good-defaults.yml", {})
    assert first.sources_digest == second.sources_digest
    assert [model.thresholds for model in first.models] == [model.thresholds for model in second.models]


def test_unknown_columns_ask_for_all_known_ones_for_those_alone() -> None:
    minimal = models("good-minimal.yml")["delay"].predictions
    assert minimal.open.keywords["columns"] is None  # type: ignore[attr-defined]
    full = models("good-full.yml")["flight_delay"].predictions
    assert {"inputs", "inputs.temp", "ts", "origin"} <= set(full.open.keywords["columns"])  # type: ignore[attr-defined]


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.yml") == [
        "FILE: there is no such file; write one with `ml-exporter init SAMPLE`, or name another with --config"
    ]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["FILE: is a directory; name the file in it, such as ml-exporter.yml"]


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "")) == [
        "FILE:1: the file is empty; start with `ml-exporter init SAMPLE`, or see docs/configuration.md"
    ]


def test_bad_utf_8_names_the_line(tmp_path: Path) -> None:
    assert problems(written(tmp_path, b"models:\n  a: \xff\n")) == [
        "FILE:2: is not UTF-8 (byte 0xff); save the file as UTF-8"
    ]


def test_control_characters_name_the_line(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "models:\n  a: \x00\n")) == [
        "FILE:2: holds the control character 0x00; take it out"
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(tmp_path: Path) -> None:
    text = (FOLDER / "good-minimal.yml").read_bytes().replace(b"\n", b"\r\n")
    assert load(written(tmp_path, b"\xef\xbb\xbf" + text), {}).models[0].name == "delay"


def test_aliases_cannot_blow_a_file_up(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (problem,) = problems(written(tmp_path, "\n".join(lines)))
    assert "its aliases or its nesting make it too large" in problem


def test_an_alias_that_holds_itself_is_told(tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, "models: &a\n  b: *a\n"))
    assert problem.startswith("FILE:1: is not YAML: an alias that holds itself")


def test_brackets_without_end_are_told(tmp_path: Path) -> None:
    assert len(problems(written(tmp_path, "models: " + "[" * 100_000))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "models: [" + "1," * 400_000 + "]",
        "models: " + "{a: " * 100_000,
        "models: [" + ",".join(f"&a{n} x" for n in range(30_000)) + "]",
    ],
    ids=["wide", "deep", "anchors"],
)
def test_a_file_that_is_too_large_is_left_at_once(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more values are read than a configuration may have."""
    monkeypatch.setattr(bounded_yaml, "MAX_NODES", 2000)
    compose, composed = yaml.SafeLoader.compose_node, []
    monkeypatch.setattr(yaml.SafeLoader, "compose_node", lambda *args: composed.append(1) or compose(*args))
    (problem,) = problems(written(tmp_path, text))
    assert "its aliases or its nesting make it too large" in problem
    assert len(composed) <= 2000


def test_no_more_of_a_file_is_read_than_a_configuration_may_have() -> None:
    """A device or a log of any size."""
    (problem,) = problems(Path("/dev/zero"))
    assert problem == "FILE: has more than 1 MiB: no configuration is so large; is it a log?"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cycle: " + "9" * 5000, "FILE:1: cycle: is a number of 5000 digits; quote it if text is meant"),
        ("cycle: " + "9" * 400, "FILE:1: cycle: is a number of 400 digits; quote it if text is meant"),
        (r'state_dir: "a\0b"', "FILE:1: state_dir: holds NUL or half of a surrogate pair; take it out"),
        (r'state_dir: "\uD800"', "FILE:1: state_dir: holds NUL or half of a surrogate pair; take it out"),
        (r'"\uD800": 1', "FILE:1: a key holds NUL or half of a surrogate pair; take it out"),
        (
            "state_dir: ~no-one/x",
            "FILE:1: state_dir: `~no-one/x` is in a home directory that cannot be found; write the path without `~`",
        ),
    ],
    ids=["digits", "fewer digits", "nul", "surrogate", "key", "home"],
)
def test_a_value_that_nothing_can_hold_is_told(tmp_path: Path, line: str, expected: str) -> None:
    text = (FOLDER / "good-minimal.yml").read_text()
    assert problems(written(tmp_path, f"{line}\n{text}")) == [expected]


@pytest.mark.parametrize(
    "value", ["*hunter2", "!hunter2", "!hunter2!x y", "[hunter2]", "{hunter2: 1}", "[&hunter2 a, &hunter2 b]"]
)
def test_a_password_that_yaml_reads_as_something_else_is_not_repeated(tmp_path: Path, value: str) -> None:
    text = (FOLDER / "good-minimal.yml").read_text() + f"    owner: {value}\n"
    told = problems(written(tmp_path, text))
    assert len(told) == 1
    assert "hunter2" not in told[0]


def test_no_value_from_the_environment_is_shown(tmp_path: Path) -> None:
    text = "server: {listen: '${SECRET}'}\ncycle: ${SECRET}\nmodels:\n  a: {task: '${SECRET}'}\n"
    told = "\n".join(problems(written(tmp_path, text), {"SECRET": "hunter2"}))
    assert "hunter2" not in told
    assert "`${SECRET}`" in told


def test_two_dollars_are_one(tmp_path: Path) -> None:
    text = (FOLDER / "good-minimal.yml").read_text().replace("task:", "owner: $${x}\n    task:")
    assert load(written(tmp_path, text), {}).models[0].owner == "${x}"


def test_a_number_from_the_environment_is_a_number(tmp_path: Path) -> None:
    text = (FOLDER / "good-minimal.yml").read_text() + "    series_budget: ${BUDGET}\n"
    assert load(written(tmp_path, text), {"BUDGET": "700"}).models[0].series_budget == 700


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "/etc/x", "a\\\\b", ".hidden", "x" * 65, "-c", "a b", "ü"])
def test_a_models_name_is_a_file_name_and_nothing_more(tmp_path: Path, name: str) -> None:
    """It is part of a path in the state directory."""
    text = (FOLDER / "good-minimal.yml").read_text()
    model = next(iter(models("good-minimal.yml")))
    (problem,) = problems(written(tmp_path, text.replace(f"  {model}:", f'  "{name}":', 1)))
    assert "is not a good name; use letters, digits" in problem


def test_a_time_of_the_label_log_that_has_the_name_of_the_predictions_time_is_none_of_the_reference_data(
    tmp_path: Path,
) -> None:
    """Both logs call theirs `ts`: in the reference data `ts` is when the prediction was made."""
    text = """
models:
  churn:
    task: binary
    predictions: {source: {type: files, path: p.jsonl}, columns: {time: ts, id: id, score: p}}
    labels: {source: {type: files, path: l.jsonl}, columns: {id: id, label: y, time: ts}}
    reference: churn.mlref
    reference_data: {source: {type: files, path: v.jsonl}}
"""
    stream = load(written(tmp_path, text), {}).models[0].reference_stream
    assert stream is not None
    assert (stream.columns.time, stream.columns.label, stream.columns.label_time) == ("ts", "y", None)


def test_replicas_are_a_dimension_where_their_machines_are_named(tmp_path: Path) -> None:
    """Else the log's column is taken for no feature, and nothing more."""
    file = tmp_path / "c.yml"
    text = """
models:
  flights:
    task: binary
    predictions:
      source: {type: files, path: log.jsonl}
      columns: {time: ts, prediction: late, replica: pod}
    slices: [origin]
"""
    file.write_text(text)
    (plain,) = load(file).models
    file.write_text(f"{text}    replicas: {{a: 10.0.0.5, b: 10.0.0.6, c: 10.0.0.6}}\n")
    (named,) = load(file).models
    assert dict(plain.slice_values) == {"origin": 20}
    assert dict(named.slice_values) == {"origin": 20, "replica": 3}
    assert named.predictions.columns.slices == {"origin": ("origin",), "replica": ("pod",)}
    assert dict(named.replicas) == {"a": "10.0.0.5", "b": "10.0.0.6", "c": "10.0.0.6"}
