"""All performance metrics, in the order in which they are shown."""

from collections.abc import Mapping

from exporter.metrics.performance.absolute_error_quantiles import ABSOLUTE_ERROR_P90, MEDIAN_ABSOLUTE_ERROR
from exporter.metrics.performance.accuracy import ACCURACY
from exporter.metrics.performance.average_precision import AVERAGE_PRECISION
from exporter.metrics.performance.calibration_error import CALIBRATION_ERROR
from exporter.metrics.performance.f1 import F1
from exporter.metrics.performance.losses import BRIER_SCORE, LOG_LOSS
from exporter.metrics.performance.macro import F1_MACRO, PRECISION_MACRO, RECALL_MACRO
from exporter.metrics.performance.matthews_corrcoef import MATTHEWS_CORRCOEF
from exporter.metrics.performance.mean_absolute_error import MEAN_ABSOLUTE_ERROR
from exporter.metrics.performance.mean_absolute_percentage_error import MEAN_ABSOLUTE_PERCENTAGE_ERROR
from exporter.metrics.performance.mean_error import MEAN_ERROR
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.precision import PRECISION
from exporter.metrics.performance.r2 import R2
from exporter.metrics.performance.recall import RECALL
from exporter.metrics.performance.roc_auc import ROC_AUC, ROC_AUC_OVR
from exporter.metrics.performance.root_mean_squared_error import ROOT_MEAN_SQUARED_ERROR
from exporter.metrics.performance.specificity import SPECIFICITY
from exporter.profile.layout import Task

PERFORMANCE_METRICS = (
    ACCURACY,
    PRECISION,
    RECALL,
    SPECIFICITY,
    F1,
    PRECISION_MACRO,
    RECALL_MACRO,
    F1_MACRO,
    MATTHEWS_CORRCOEF,
    ROC_AUC,
    ROC_AUC_OVR,
    AVERAGE_PRECISION,
    LOG_LOSS,
    BRIER_SCORE,
    CALIBRATION_ERROR,
    MEAN_ABSOLUTE_ERROR,
    ROOT_MEAN_SQUARED_ERROR,
    MEAN_ABSOLUTE_PERCENTAGE_ERROR,
    R2,
    MEAN_ERROR,
    MEDIAN_ABSOLUTE_ERROR,
    ABSOLUTE_ERROR_P90,
)

BY_TASK: Mapping[Task, tuple[PerformanceMetric, ...]] = {
    "binary": tuple(metric for metric in PERFORMANCE_METRICS if "binary" in metric.tasks),
    "multiclass": tuple(metric for metric in PERFORMANCE_METRICS if "multiclass" in metric.tasks),
    "regression": tuple(metric for metric in PERFORMANCE_METRICS if "regression" in metric.tasks),
}
