"""The YAML as typed models: a file becomes a plan, or a list of everything that is wrong with it."""

from exporter.config.loading import load

__all__ = ["load"]
