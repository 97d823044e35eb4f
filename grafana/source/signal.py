"""One thing to look at: what it is called, what it means, and the expressions that give it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """One expression.

    Attributes:
        legend: Grafana's legend format; the column's name in a table.
        instant: the value at the end of the time range only.
        format: `time_series`, `table` or `heatmap`.
    """

    expr: str
    legend: str = ""
    instant: bool = False
    format: str = "time_series"


@dataclass(frozen=True, slots=True)
class Signal:
    """What a panel shows.

    Attributes:
        unit: Grafana's unit id.
        description: what it means, and what to do about it.
        unknown: said instead of a value where there is none; not knowing is never shown as ok.
    """

    title: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    decimals: int | None = None
    unknown: str = "unknown: no data"


def lines(*queries: tuple[str, str]) -> tuple[Query, ...]:
    """Queries over time from (legend, expression)."""
    return tuple(Query(expr, legend) for legend, expr in queries)


def values(*queries: tuple[str, str]) -> tuple[Query, ...]:
    """Queries of the present value from (legend, expression)."""
    return tuple(Query(expr, legend, instant=True) for legend, expr in queries)


def otherwise(expr: str, label: str, text: str) -> str:
    """`expr`, or else one line of a table that says why there is none: a table without lines is empty headings."""
    return f'{expr} or label_replace(vector(NaN) unless on () ({expr}), "{label}", "{text}", "", "")'


def columns(*queries: tuple[str, str]) -> tuple[Query, ...]:
    """Queries of a table from (column, expression)."""
    return tuple(Query(expr, column, instant=True, format="table") for column, expr in queries)
