"""All kinds of sources, one row each, and the type by which a configuration names one of them."""

from typing import Annotated, Final

from pydantic import Field

from exporter.sources.files import FilesConfig
from exporter.sources.postgres import PostgresConfig
from exporter.sources.sqlite import SqliteConfig

SOURCES: Final = (FilesConfig, PostgresConfig, SqliteConfig)
"""The configuration class of every source."""

SourceConfig = Annotated[FilesConfig | PostgresConfig | SqliteConfig, Field(discriminator="type")]
"""A source's configuration, told apart by its `type`."""
