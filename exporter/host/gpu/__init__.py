"""NVIDIA's GPUs as their driver's library (NVML) tells of them."""

from exporter.host.gpu.collector import GpuCollector
from exporter.host.gpu.families import METRICS

__all__ = ["METRICS", "GpuCollector"]
