"""All metrics that are computed from counts: the one place that names them."""

from exporter.metrics.advice import ADVICE
from exporter.metrics.batch.gauges import BATCH
from exporter.metrics.drift import DRIFT
from exporter.metrics.estimated import ESTIMATED
from exporter.metrics.labels import LABELS_METRICS
from exporter.metrics.onset import ONSET
from exporter.metrics.performance import PERFORMANCE
from exporter.metrics.quality import QUALITY
from exporter.metrics.replicas import REPLICAS
from exporter.metrics.shift import SHIFT
from exporter.metrics.slices import SLICES
from exporter.metrics.spec import BatchMetric, FactMetric, Metric, WindowMetric
from exporter.metrics.traffic import TRAFFIC

METRICS: tuple[Metric, ...] = (
    *TRAFFIC,
    *DRIFT,
    *QUALITY,
    *PERFORMANCE,
    *ESTIMATED,
    *LABELS_METRICS,
    *SHIFT,
    *SLICES,
    *ONSET,
    *REPLICAS,
    *ADVICE,
    *BATCH,
)

WINDOW_METRICS: tuple[WindowMetric, ...] = tuple(metric for metric in METRICS if isinstance(metric, WindowMetric))
FACT_METRICS: tuple[FactMetric, ...] = tuple(metric for metric in METRICS if isinstance(metric, FactMetric))
BATCH_METRICS: tuple[BatchMetric, ...] = tuple(metric for metric in METRICS if isinstance(metric, BatchMetric))
