"""Every label of a metric of the machine and what it says: names are node_exporter's and DCGM's own."""

from collections.abc import Mapping

LABELS: Mapping[str, str] = {
    "cpu": 'number of the core; "" is all of them together',
    "mode": "what processors did: user, nice, system, idle, iowait (idle while a disk worked), irq, softirq, "
    "steal (taken by other machines of the host)",
    "nodename": "the machine's name in its network",
    "release": "release of its kernel",
    "machine": "kind of processor, such as x86_64",
    "process": "name of a group of processes in the configuration",
    "model": 'name of the model that the processes serve, as in the configuration; "" for none',
    "bound": "`lower` or `upper` end of an interval",
}
