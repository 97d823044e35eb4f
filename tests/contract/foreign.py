"""Metrics of other programs that the bundle's rules read: names and labels, as those programs' sources say them.

A rule that reads a name which is not here, or matches it by a label which is not here, fails the contract tests. The
histograms and summaries of others stand here by their parts.
"""

Catalogue = dict[str, set[str]]


def named(names: str, labels: str = "", *, prefix: str = "") -> Catalogue:
    """Each of `names`, behind the prefix, with `labels`, both parted by blanks."""
    return {f"{prefix}{name}": {*labels.split()} for name in names.split()}


def histogram(name: str, labels: str) -> Catalogue:
    return named(f"{name}_bucket", f"{labels} le") | named(f"{name}_sum {name}_count", labels)


PROMETHEUS = (
    named("up")
    | named("ALERTS", "alertname alertstate severity model owner tier window")
    | named("prometheus_rule_group_last_evaluation_timestamp_seconds", "rule_group")
    | named("prometheus_notifications_errors_total", "alertmanager")
    | named("prometheus_notifications_alertmanagers_discovered")
    | named("alertmanager_notifications_failed_total", "integration")
)

# knative/serving: pkg/queue; knative.dev/docs/serving/services/service-metrics
_REVISION = "configuration_name container_name namespace_name pod_name response_code response_code_class revision_name service_name"
KNATIVE = named("revision_request_count", _REVISION) | histogram("revision_request_latencies", _REVISION)

# kserve/kserve: python/kserve/kserve/metrics.py
KSERVE = histogram("request_predict_seconds", "model_name")

# SeldonIO/seldon-core: executor/api/metric (1), scheduler/pkg/metrics/agent.go (2)
SELDON = histogram(
    "seldon_api_executor_server_requests_seconds",
    "code deployment_name method predictor_name predictor_version service",
) | named(
    "seldon_model_infer_total seldon_model_infer_seconds_total",
    "server server_replica model model_internal method_type code",
)

# bentoml/BentoML: docs/source/build-with-bentoml/observability/metrics.rst
_BENTO = "endpoint runner_name service_name service_version"
BENTOML = (
    named("bentoml_service_request_total", f"{_BENTO} http_response_code")
    | named("bentoml_service_request_in_progress", _BENTO)
    | histogram("bentoml_service_request_duration_seconds", f"{_BENTO} http_response_code")
)

# ray-project/ray: doc/source/serve/monitoring.md, python/ray/serve/_private/replica.py
_REPLICA = "application deployment replica route"
RAY_SERVE = (
    named(
        "ray_serve_deployment_request_counter_total ray_serve_deployment_request_counter"
        " ray_serve_deployment_error_counter_total ray_serve_deployment_error_counter",
        _REPLICA,
    )
    | histogram("ray_serve_deployment_processing_latency_ms", _REPLICA)
    | named("ray_serve_replica_processing_queries", _REPLICA)
    | named("ray_serve_deployment_queued_queries", "application deployment route")
)

# triton-inference-server/server: docs/user_guide/metrics.md; `reason` since 24.04
TRITON = (
    named(
        "nv_inference_request_success nv_inference_request_duration_us nv_inference_queue_duration_us"
        " nv_inference_pending_request_count",
        "model version",
    )
    | named("nv_inference_request_failure", "model version reason")
    | named("nv_inference_request_summary_us", "model version quantile")
    | named(
        "nv_gpu_utilization nv_gpu_memory_used_bytes nv_gpu_memory_total_bytes nv_gpu_power_usage nv_gpu_power_limit"
        " nv_energy_consumption",
        "gpu_uuid",
    )
    | named("nv_cpu_utilization nv_cpu_memory_total_bytes nv_cpu_memory_used_bytes")
)

# pytorch/serve: docs/metrics.md, ts/configs/metrics.yaml
TORCHSERVE = named(
    "ts_inference_requests_total ts_inference_latency_microseconds ts_queue_latency_microseconds",
    "model_name model_version hostname",
) | named("Requests2XX Requests5XX", "Level Hostname")

# vllm-project/vllm: vllm/v1/metrics/loggers.py
_ENGINE = "model_name engine"
VLLM = (
    named("vllm:request_success_total", f"{_ENGINE} finished_reason")
    | named(
        "vllm:num_requests_waiting vllm:num_requests_running vllm:kv_cache_usage_perc vllm:gpu_cache_usage_perc"
        " vllm:num_preemptions_total vllm:prompt_tokens_total vllm:generation_tokens_total"
        " vllm:prefix_cache_hits_total vllm:prefix_cache_queries_total",
        _ENGINE,
    )
    | histogram("vllm:e2e_request_latency_seconds", _ENGINE)
    | histogram("vllm:request_queue_time_seconds", _ENGINE)
    | histogram("vllm:time_to_first_token_seconds", _ENGINE)
    | histogram("vllm:inter_token_latency_seconds", _ENGINE)
    | histogram("vllm:time_per_output_token_seconds", _ENGINE)
)

# SeldonIO/MLServer: mlserver/handlers/dataplane.py
MLSERVER = named(
    "model_infer_request_success_total model_infer_request_failure_total"
    " model_infer_request_duration_sum model_infer_request_duration_count",
    "model version",
)

# mlflow/mlflow: mlflow/server/prometheus_exporter.py, by prometheus_flask_exporter
MLFLOW = named("mlflow_http_request_total", "method status") | histogram(
    "mlflow_http_request_duration_seconds", "method status mlflow_version"
)

# prometheus/node_exporter 1.5: collector/*_linux.go; compared with a running one
NODE = (
    named("node_cpu_seconds_total", "cpu mode")
    | named(
        "node_load1 node_load5 node_load15 node_boot_time_seconds"
        " node_pressure_cpu_waiting_seconds_total node_pressure_memory_waiting_seconds_total"
        " node_pressure_memory_stalled_seconds_total node_pressure_io_waiting_seconds_total"
        " node_pressure_io_stalled_seconds_total"
        " node_memory_MemFree_bytes node_memory_Cached_bytes node_memory_Buffers_bytes node_memory_Dirty_bytes"
        " node_memory_MemAvailable_bytes node_memory_MemTotal_bytes node_memory_SwapFree_bytes node_memory_SwapTotal_bytes"
        " node_vmstat_pswpin node_vmstat_pswpout node_vmstat_pgmajfault node_vmstat_oom_kill"
        " node_filefd_allocated node_filefd_maximum"
    )
    | named("node_uname_info", "nodename release machine sysname version domainname")
    | named(
        "node_filesystem_avail_bytes node_filesystem_size_bytes node_filesystem_files node_filesystem_files_free"
        " node_filesystem_readonly",
        "device mountpoint fstype",
    )
    | named(
        "node_disk_io_time_seconds_total node_disk_io_time_weighted_seconds_total node_disk_read_bytes_total"
        " node_disk_written_bytes_total node_disk_read_time_seconds_total node_disk_write_time_seconds_total"
        " node_disk_reads_completed_total node_disk_writes_completed_total"
        " node_network_receive_bytes_total node_network_transmit_bytes_total node_network_receive_errs_total"
        " node_network_transmit_errs_total node_network_receive_drop_total node_network_transmit_drop_total",
        "device",
    )
    | named("node_hwmon_temp_celsius", "chip sensor")
    | named("node_thermal_zone_temp", "type zone")
)

# google/cadvisor: docs/storage/prometheus.md; the labels are the kubelet's, or a lone cAdvisor's (`id`, `name`)
CADVISOR = (
    named("machine_cpu_cores machine_memory_bytes", "machine_id system_uuid boot_id")
    | named("container_cpu_usage_seconds_total", "id name image container pod namespace cpu")
    | named(
        "container_memory_working_set_bytes container_memory_swap container_spec_memory_limit_bytes"
        " container_spec_cpu_quota container_spec_cpu_period container_cpu_cfs_periods_total"
        " container_cpu_cfs_throttled_periods_total container_oom_events_total",
        "id name image container pod namespace",
    )
    | named(
        "container_fs_reads_bytes_total container_fs_writes_bytes_total", "id name image container pod namespace device"
    )
)

# ncabatoff/process-exporter: collector/process_collector.go
PROCESS_EXPORTER = (
    named("namedprocess_namegroup_cpu_seconds_total", "groupname mode")
    | named("namedprocess_namegroup_memory_bytes", "groupname memtype")
    | named(
        "namedprocess_namegroup_num_procs namedprocess_namegroup_num_threads namedprocess_namegroup_worst_fd_ratio"
        " namedprocess_namegroup_oldest_start_time_seconds namedprocess_namegroup_read_bytes_total"
        " namedprocess_namegroup_write_bytes_total",
        "groupname",
    )
)

# NVIDIA/dcgm-exporter: etc/default-counters.csv, docs.nvidia.com/datacenter/dcgm
_DCGM = "gpu UUID pci_bus_id device modelName Hostname GPU_I_ID GPU_I_PROFILE container namespace pod DCGM_FI_DRIVER_VERSION"
DCGM = named(
    "DEV_GPU_UTIL DEV_MEM_COPY_UTIL DEV_FB_USED DEV_FB_FREE DEV_FB_RESERVED DEV_GPU_TEMP DEV_MEMORY_TEMP"
    " DEV_POWER_USAGE DEV_POWER_MGMT_LIMIT DEV_TOTAL_ENERGY_CONSUMPTION DEV_SM_CLOCK DEV_MEM_CLOCK DEV_XID_ERRORS"
    " DEV_POWER_VIOLATION DEV_THERMAL_VIOLATION DEV_ECC_SBE_AGG_TOTAL DEV_ECC_DBE_AGG_TOTAL"
    " DEV_ECC_SBE_VOL_TOTAL DEV_ECC_DBE_VOL_TOTAL PROF_GR_ENGINE_ACTIVE",
    _DCGM,
    prefix="DCGM_FI_",
) | named("DCGM_EXP_XID_ERRORS_COUNT", f"{_DCGM} xid window_size_in_ms")

# utkuozdemir/nvidia_gpu_exporter: docs/METRICS.md, internal/integration/testdata
NVIDIA_GPU = (
    named(
        "utilization_gpu_ratio utilization_memory_ratio memory_used_bytes memory_total_bytes power_draw_watts"
        " enforced_power_limit_watts energy_joules_total temperature_gpu temperature_memory"
        " clocks_current_sm_clock_hz clocks_current_memory_clock_hz clocks_event_reasons_sw_power_cap"
        " clocks_event_reasons_hw_slowdown clocks_event_reasons_sw_thermal_slowdown"
        " clocks_event_reasons_hw_thermal_slowdown clocks_event_reasons_hw_power_brake_slowdown"
        " ecc_errors_corrected_aggregate_total ecc_errors_uncorrected_aggregate_total"
        " pcie_throughput_rx_bytes_per_second pcie_throughput_tx_bytes_per_second",
        "uuid",
        prefix="nvidia_smi_",
    )
    | named("nvidia_smi_xid_errors_total", "uuid xid")
    | named("nvidia_smi_compute_app_used_memory_bytes", "uuid pid process_name")
    | named(
        "nvidia_smi_gpu_info",
        "uuid name index driver_version cuda_version vbios_version pci_bus_id serial compute_cap pci_sub_device_id"
        " driver_model_current driver_model_pending",
    )
)

FOREIGN: Catalogue = {}
for _catalogue in (
    PROMETHEUS,
    KNATIVE,
    KSERVE,
    SELDON,
    BENTOML,
    RAY_SERVE,
    TRITON,
    TORCHSERVE,
    VLLM,
    MLSERVER,
    MLFLOW,
    NODE,
    CADVISOR,
    PROCESS_EXPORTER,
    DCGM,
    NVIDIA_GPU,
):
    FOREIGN |= _catalogue
"""metric of somebody else → its labels, those aside that a scrape adds"""
