"""Labels that the machine's metrics have beside those of models: their names are node_exporter's and DCGM's own."""

from collections.abc import Mapping

LABELS: Mapping[str, str] = {
    "cpu": 'number of the core; "" is all of them together',
    "mode": "what processors did: user, nice, system, idle, iowait (idle while a disk worked), irq, softirq, "
    "steal (taken by other machines of the host)",
    "device": "disk, network interface, or what is mounted",
    "mountpoint": "where the file system is mounted",
    "fstype": "kind of file system",
    "chip": "what a sensor belongs to",
    "sensor": "which of its sensors; of a GPU `gpu` or `memory`",
    "nodename": "the machine's name in its network",
    "release": "release of its kernel",
    "machine": "kind of processor, such as x86_64",
    "process": "a group of processes by its name in the configuration; `model` is whom it serves, empty where none",
    "gpu": "number of the GPU, as its driver counts",
    "UUID": "name of the GPU for good",
    "GPU_I_ID": 'number of a MIG instance; "" for the GPU as a whole',
    "GPU_I_PROFILE": 'kind of a MIG instance, such as `1g.10gb`; "" for the GPU as a whole',
    "modelName": "product name of the GPU",
    "driver_version": "version of the GPUs' driver",
    "clock": "`graphics`, `sm`, `memory` or `video`",
    "type": "kind of error",
    "xid": "number of an error of NVIDIA's driver",
    "resource": "what is paid for: `cpu_core_hour`, `memory_gb_hour`, `gpu_hour`, `energy_kwh`",
    "currency": "currency of a price, as in the configuration",
}
