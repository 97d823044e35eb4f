"""The whole file."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from exporter.config.cost import CostSection
from exporter.config.host import HostSection
from exporter.config.model import ModelSection
from exporter.config.section import Section
from exporter.config.values import FilePath, FineDuration, Name, Text

_PORTS = 65536


def parse_listen(value: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9877`, `:9877` (all addresses) or `[::1]:9877`.

    Raises:
        ValueError: it is no address with a port.
    """
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) >= _PORTS or (":" in host and not bracketed):
        raise ValueError("is not an address with a port; write it like 127.0.0.1:9877, or :9877 for all addresses")
    if bracketed:
        return host[1:-1], int(port)
    return host or "0.0.0.0", int(port)  # noqa: S104 - only where the user writes an address without a host


def _listen(value: str) -> str:
    parse_listen(value)
    return value


class ServerSection(Section):
    """Where /metrics is served."""

    listen: Annotated[Text, AfterValidator(_listen)] = Field(
        default="127.0.0.1:9877",
        description="Address and port; `:9877` listens on all addresses.",
        examples=["127.0.0.1:9877"],
    )
    web_config_file: FilePath | None = Field(
        default=None, description="TLS and basic auth, as a Prometheus web-config file.", examples=["web.yml"]
    )
    remote_reload: bool = Field(
        default=False, description="Lets other machines call `/-/reload` and `/-/quit`.", examples=[False]
    )


class RejectsSection(Section):
    """Rows that are not counted."""

    keep_rows: bool = Field(
        default=False,
        description="Keeps the content of rejected rows in the state directory, to look into. "
        "Off: place, reason and hash only.",
        examples=[False],
    )


class Settings(Section):
    """All keys of the file."""

    server: ServerSection = Field(
        default_factory=ServerSection, description="Where /metrics is served.", examples=[{"listen": "127.0.0.1:9877"}]
    )
    state_dir: FilePath = Field(
        default="./state",
        validate_default=True,
        description="Folder for counts and cursors: what survives a restart.",
        examples=["./state"],
    )
    cycle: FineDuration = Field(
        default=15.0, description="Time from one reading of the logs to the next.", examples=["15s"]
    )
    rejects: RejectsSection = Field(
        default_factory=RejectsSection,
        description="What is kept of rows that are not counted.",
        examples=[{"keep_rows": False}],
    )
    host: HostSection = Field(
        default_factory=HostSection,
        description="What is read of the machine at each scrape. Without this key: its numbers, and no processes.",
        examples=[{"exclude": ["temperature"]}],
    )
    cost: CostSection | None = Field(
        default=None,
        description="What resources cost: makes money of what models use. Without it there are no costs.",
        examples=[{"currency": "EUR", "cpu_core_hour": 0.031}],
    )
    defaults: dict[str, Any] = Field(
        default_factory=dict,
        description="Anything a model may say, for all models; what a model says itself goes first, key by key.",
        examples=[{"owner": "flights-team"}],
    )
    models: dict[Name, ModelSection] = Field(
        description="Name of the model, as it is shown on /metrics → the model.", examples=[{}]
    )


MODEL_NAME: TypeAdapter[str] = TypeAdapter(Name)
