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
    "sensor": "which of its sensors",
    "nodename": "the machine's name in its network",
    "release": "release of its kernel",
    "machine": "kind of processor, such as x86_64",
    "process": "a group of processes by its name in the configuration; `model` is whom it serves, empty where none",
}
