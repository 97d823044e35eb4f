"""What only ml-exporter tells of machines, without a recorded rule, by the machine's name."""

from grafana.source.knobs import HOST, HOST_OF_INSTANCE


def named(expr: str) -> str:
    """`expr` with the label `host`."""
    return f'label_replace({expr}, "host", "$1", "instance", "{HOST_OF_INSTANCE}")'


def chosen(expr: str) -> str:
    """`expr` with the label `host`, of the chosen machines."""
    return f"{named(expr)} and on (host) group by (host) (ml:host_info{{{HOST}}} or ml:gpu_info{{{HOST}}})"
