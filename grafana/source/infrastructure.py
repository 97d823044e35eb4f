"""Infrastructure: machines, processes and GPUs under the models: what is wrong there, and what it costs."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation, troubles
from grafana.source.layout import Place, Row, Timing, board
from grafana.source.panels import Steps, override, several, shades, tile, timeline, trend
from grafana.source.signals import collectors, container, cost, gpu, host, process
from grafana.source.tables import NOTHING, VERDICT, Column, grid, texts
from grafana.source.troubles import FULL, WAITING

PLAIN = [(None, "text")]
SOME = [(None, "text"), (1, knobs.WARNING)]
TWO = (knobs.NOW, knobs.SERIES[1])
THREE = (knobs.NOW, knobs.SERIES[3], knobs.SERIES[1])
NUMBER = {"decimals": 0, "mappings": NOTHING}


def _share(name: str, width: int, steps: Steps | None = None) -> Column:
    return Column(
        name, unit="percentunit", decimals=0, width=width, mappings=NOTHING, kind="text", thresholds=steps or PLAIN
    )


def _dashes(query: str) -> dashboard.DashboardFieldConfigSourceOverrides:
    return override(
        "byFrameRefID", query, {"custom.lineStyle": {"fill": "dash", "dash": [6, 5]}, "custom.lineWidth": 1}
    )


def _bound(query: str) -> dashboard.DashboardFieldConfigSourceOverrides:
    """An end of an interval: thin, and in the tooltip alone."""
    return override(
        "byFrameRefID",
        query,
        {
            "custom.lineStyle": {"fill": "dash", "dash": [6, 5]},
            "custom.lineWidth": 1,
            "color": {"mode": "fixed", "fixedColor": knobs.REFERENCE},
            "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
        },
    )


def _machines() -> list[Column]:
    return [
        Column("State", kind="state", width=96),
        Column("Machine", label="host", link=navigation.to_machine(), link_title="This machine alone"),
        Column("Models", decimals=0, width=75, mappings=NOTHING),
        Column("Cores", decimals=0, width=70, mappings=NOTHING),
        _share("CPU", 75),
        _share("Waits", 75, WAITING),
        _share("Memory", 85, FULL),
        _share("Swap", 75, FULL),
        _share("Disk full", 90, FULL),
        _share("Disk busy", 90, FULL),
        _share("GPU", 75),
        Column("Up for", unit="dtdurations", decimals=0, width=140),
    ]


def _processes() -> list[Column]:
    return [
        Column("Leak", kind="state", mappings=VERDICT, width=105),
        Column("Process", label="process"),
        Column(
            "Model", label="model", link=navigation.to_model_named(navigation.WHY), link_title="Why: open the model"
        ),
        Column("Machine", label="host"),
        Column("Runs", decimals=0, width=60, kind="text", thresholds=[(None, knobs.BAD), (1, "text")]),
        Column("CPU", decimals=2, width=65),
        Column("Memory", unit="bytes", decimals=1, width=95, mappings=NOTHING),
        _share("Of limit", 80, FULL),
        Column("Grows", unit="bytes", decimals=1, width=95),
        Column("From", unit="bytes", decimals=1, width=95),
        Column("To", unit="bytes", decimals=1, width=95),
        Column("Limit in", unit="dtdurations", decimals=0, width=120),
        Column("Swap", unit="bytes", decimals=0, width=70),
        Column("Threads", decimals=0, width=78),
        _share("Files", 65, FULL),
        Column("Restarts", decimals=0, width=82),
        Column("Up for", unit="dtdurations", decimals=0, width=120),
    ]


def _gpus() -> list[Column]:
    return [
        Column("Machine", label="host", width=140, link=navigation.to_machine(), link_title="This machine alone"),
        Column("GPU", label="gpu", width=60),
        Column("MIG", label="GPU_I_ID", width=60),
        Column("Model of GPU", label="modelName"),
        Column("Answers", width=85, kind="text", mappings=texts({"1": ("✓ yes", "text"), "0": ("✕ no", knobs.BAD)})),
        _share("Computes", 90),
        _share("Full", 70, FULL),
        Column("Memory", unit="bytes", decimals=0, width=90),
        Column("Power", unit="watt", decimals=0, width=80),
        Column("Limit", unit="watt", decimals=0, width=80),
        Column(
            "Warm", unit="celsius", decimals=0, width=80, kind="text", thresholds=[(None, "text"), (85, knobs.WARNING)]
        ),
        *(
            Column(name, decimals=0, width=75, kind="text", thresholds=[(None, "text"), (1e-9, knobs.BAD)])
            for name in ("Slowed", "XID", "ECC")
        ),
    ]


def _costs() -> list[Column]:
    wasted = [(None, "text"), (0.5, knobs.WARNING)]
    return [
        Column("Model", label="model", link=navigation.to_model_named(navigation.SERVING), link_title="Serving"),
        Column("Currency", label="currency", width=85),
        Column("An hour", decimals=2, width=95, mappings=NOTHING),
        Column("1,000 predictions", decimals=4, width=150),
        Column("A correct one", width=125),
        _share("Wasted", 85, wasted),
        _share("Idle", 75, wasted),
    ]


def _now() -> Row:
    return Row(
        1,
        "",
        [
            Place(2, tile(host.MACHINES, PLAIN), 3, 3),
            Place(3, tile(host.IN_TROUBLE, SOME), 3, 3),
            Place(4, tile(host.MODELS_HIT, SOME), 3, 3),
            Place(5, tile(host.CPU_MOST, PLAIN), 3, 3),
            Place(6, tile(host.WAITS_MOST, WAITING), 3, 3),
            Place(7, tile(host.MEMORY_MOST, FULL), 3, 3),
            Place(8, tile(host.DISK_MOST, FULL), 3, 3),
            Place(9, tile(host.GPU_MOST, PLAIN), 3, 3),
            Place(11, troubles.now(), 24, 5),
            Place(12, troubles.over_time(), 24, 7),
            Place(
                13,
                grid(host.TABLE, _machines(), sort=[("State", True), ("Machine", False)]),
                24,
                6,
            ),
        ],
    )


def _processor() -> Row:
    return Row(
        20,
        "Processors and memory",
        [
            Place(21, trend(host.CPU, color=several(), minimum=0, maximum=1), 6, 8),
            Place(22, trend(host.PRESSURE, colours=THREE, minimum=0, soft_most=0.2), 6, 8),
            Place(23, trend(host.MEMORY, colours=TWO, minimum=0, maximum=1), 6, 8),
            Place(24, trend(host.PAGING, colours=THREE, minimum=0, soft_most=1), 6, 8),
            Place(25, trend(host.LOAD, color=several(), minimum=0, soft_most=1), 8, 7),
            Place(26, trend(host.CPU_LOST, colours=TWO, minimum=0, soft_most=0.1), 8, 7),
            Place(27, trend(host.KILLS, color=shades(knobs.BAD), minimum=0, soft_most=1), 8, 7),
        ],
    )


def _process() -> Row:
    return Row(
        30,
        "Processes of models",
        [
            Place(
                31,
                grid(process.TABLE, _processes(), sort=[("Leak", True), ("Memory", True)]),
                24,
                7,
            ),
            Place(32, trend(process.CPU, color=several(), minimum=0), 6, 8),
            Place(33, trend(process.MEMORY, color=several(), minimum=0), 6, 8),
            Place(
                34, trend(process.GROWTH, color=several(), soft_most=1000, overrides=[_bound("B"), _bound("C")]), 6, 8
            ),
            Place(35, trend(process.STORAGE, colours=TWO, minimum=0), 6, 8),
        ],
    )


def _disks() -> Row:
    return Row(
        40,
        "Disks and network",
        [
            Place(41, trend(host.FILES, color=several(), minimum=0, maximum=1, overrides=[_dashes("B")]), 8, 8),
            Place(42, trend(host.DISKS_BUSY, color=several(), minimum=0, maximum=1), 8, 8),
            Place(43, trend(host.DISKS_TIME, colours=TWO, minimum=0), 8, 8),
            Place(44, trend(host.DISKS_BYTES, colours=TWO, minimum=0), 8, 7),
            Place(45, trend(host.NETWORK, colours=TWO, minimum=0), 8, 7),
            Place(46, trend(host.ERRORS, color=shades(knobs.BAD), minimum=0, soft_most=1), 8, 7),
        ],
    )


def _limits() -> Row:
    return Row(
        50,
        "Limits of containers, open files, temperature, clock",
        [
            Place(51, trend(container.THROTTLED, colours=TWO, minimum=0, maximum=1), 6, 8),
            Place(52, trend(container.OF_LIMIT, colours=(*THREE, knobs.SERIES[2]), minimum=0, soft_most=1), 6, 8),
            Place(55, trend(container.PRESSURE, color=several(), minimum=0, soft_most=0.1), 12, 8),
            Place(53, trend(host.DESCRIPTORS, color=several(), minimum=0, soft_most=0.1), 6, 7),
            Place(54, trend(host.WARMTH, color=several(), minimum=0), 6, 7),
            Place(56, trend(host.CLOCK, color=several()), 6, 7),
            Place(57, trend(host.PACKETS, colours=TWO, minimum=0), 6, 7),
        ],
        collapsed=True,
    )


def _gpu() -> Row:
    return Row(
        60,
        "GPUs",
        [
            Place(
                61,
                grid(gpu.TABLE, _gpus(), sort=[("Machine", False), ("GPU", False)], hidden=("Value #A", "UUID")),
                24,
                6,
            ),
            Place(62, trend(gpu.COMPUTES, color=several(), minimum=0, maximum=1), 8, 8),
            Place(63, trend(gpu.FULL, color=several(), minimum=0, maximum=1, overrides=[_dashes("B")]), 8, 8),
            Place(64, trend(gpu.POWER, color=several(), minimum=0, overrides=[_dashes("B")]), 8, 8),
            Place(65, timeline(gpu.SLOWED, gpu.SLOWED_LEVELS, silence=False), 12, 8),
            Place(66, trend(gpu.WARMTH, color=several(), minimum=0, soft_most=90), 12, 8),
            Place(67, trend(gpu.ERRORS, color=shades(knobs.BAD), minimum=0, soft_most=1), 8, 7),
            Place(68, trend(gpu.CLOCKS, color=several(), minimum=0, overrides=[_dashes("B")]), 8, 7),
            Place(69, trend(gpu.PCIE, colours=(*TWO, *knobs.SERIES[2:4]), minimum=0), 8, 7),
            Place(59, trend(gpu.WEAR, color=several(), minimum=0, soft_most=1), 24, 6),
        ],
        collapsed=True,
    )


def _cost() -> Row:
    return Row(
        70,
        "Cost",
        [
            Place(71, tile(cost.NOW, PLAIN, names=True), 4, 6),
            Place(72, tile(cost.WASTED, [(None, "text"), (0.5, knobs.WARNING)]), 4, 6),
            Place(73, grid(cost.TABLE, _costs(), sort=[("An hour", True)]), 16, 6),
            Place(74, trend(cost.BY_RESOURCE, color=several(), stacked=True, minimum=0), 8, 8),
            Place(75, trend(cost.WASTE, color=several(), stacked=True, minimum=0), 8, 8),
            Place(76, trend(cost.PER_THOUSAND, color=several(), minimum=0), 8, 8),
            Place(77, trend(cost.MACHINE_PRICE, color=several(), stacked=True, minimum=0), 12, 7),
            Place(78, trend(cost.MACHINES, color=several(), minimum=0, maximum=1), 12, 7),
        ],
        collapsed=True,
    )


def _collectors() -> Row:
    return Row(
        80,
        "Can these numbers be believed?",
        [
            Place(81, timeline(collectors.ANSWERED, silence=False), 12, 8),
            Place(82, trend(collectors.TOOK, color=several(), minimum=0), 12, 8),
        ],
        collapsed=True,
    )


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-infrastructure`."""
    return board(
        uid=navigation.INFRASTRUCTURE,
        title="ML infrastructure",
        description="Machines, processes and GPUs under the models: what is wrong there now, whom it hits, and what it"
        " costs. From ml-exporter, node_exporter, cAdvisor, process-exporter or exporters of GPUs, whichever is there.",
        rows=[_now(), _processor(), _process(), _disks(), _limits(), _gpu(), _cost(), _collectors()],
        variables=[navigation.model_of_machine(), navigation.host()],
        links=[
            navigation.to_fleet(),
            navigation.to_serving(),
            navigation.to_why(),
            navigation.to_model(),
        ],
        timing=timing,
    )
