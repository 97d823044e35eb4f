"""Sources with holes: `<<name>>` in a YAML file is filled from the values.

What may stand in a hole: a name of the values (`range.rate`), sums of durations with whole factors
(`hold.drift + 2*step`, for rule tests), and `seconds(…)` of either, for comparisons with a number.

Lines between `# each NAME: a b, c d` and `# end` are written once for each of the list, with `<<NAME>>` for all of it,
`<<NAME.0>>` and `<<NAME.1>>` for its words, which may stand inside other holes: `<<range.slo_<<NAME>>>>`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bundle.duration import Duration
from bundle.values import Values
from exporter.errors import ConfigError, Problem

Value = str | float | Duration

_EACH = re.compile(r"\s*# each (\w+): (.+)\n?")
_END = re.compile(r"\s*# end\n?")
_HOLE = re.compile(r"<<(.+?)>>")
_SECONDS = re.compile(r"seconds\((.+)\)")
_TERM = re.compile(r"\s*([+-]?)\s*(?:(\d+)\s*\*\s*)?([A-Za-z_][\w.]*)\s*")


@dataclass(frozen=True, slots=True)
class Names:
    """What can stand in a hole; `used` collects what did."""

    values: Mapping[str, Value]
    used: set[str] = field(default_factory=set)

    def fill(self, text: str, where: str) -> str:
        """`text` with all its holes filled.

        Raises:
            ConfigError: a hole that the values cannot fill, by file and line; all of them at once.
        """
        problems: list[Problem] = []
        filled = ""
        for line, written in _repeated(text):

            def replace(match: re.Match[str], line: int = line) -> str:
                try:
                    return self._evaluate(match[1])
                except ValueError as error:
                    problems.append(Problem(f"{where}:{line}", f"<<{match[1]}>>: {error}"))
                    return ""

            filled += _HOLE.sub(replace, written)
        if problems:
            raise ConfigError(problems)
        return filled

    def _evaluate(self, text: str) -> str:
        seconds = _SECONDS.fullmatch(text)
        if seconds:
            return str(self._sum(seconds[1]).seconds)
        if text in self.values:
            return self._write(self._look_up(text))
        return str(self._sum(text))

    def _sum(self, text: str) -> Duration:
        total, position = 0, 0
        while position < len(text):
            term = _TERM.match(text, position)
            if term is None or (position > 0 and not term[1]):
                raise ValueError("names, whole factors, + and - are all that is understood")
            value = self._look_up(term[3])
            if not isinstance(value, Duration):
                raise ValueError(f"{term[3]} is no duration")  # noqa: TRY004 - the source is wrong, not the code
            total += (-1 if term[1] == "-" else 1) * int(term[2] or 1) * value.seconds
            position = term.end()
        return Duration(total)

    def _look_up(self, name: str) -> Value:
        if name not in self.values:
            raise ValueError(f"the values have no {name}")
        self.used.add(name)
        return self.values[name]

    @staticmethod
    def _write(value: Value) -> str:
        return f"{value:.10g}" if isinstance(value, float) else str(value)


def _repeated(text: str) -> Iterator[tuple[int, str]]:
    """Lines by their number, those between `# each` and `# end` once for each of its list."""
    lines = list(enumerate(text.splitlines(keepends=True), start=1))
    while lines:
        begin = _EACH.fullmatch(lines[0][1])
        if begin is None:
            yield lines.pop(0)
            continue
        end = next((place for place, (_, line) in enumerate(lines) if _END.fullmatch(line)), len(lines))
        for item in begin[2].split(","):
            for number, line in lines[1:end]:
                yield number, _with(line, begin[1], item.strip())
        lines = lines[end + 1 :]


def _with(line: str, name: str, item: str) -> str:
    for place, word in enumerate(item.split()):
        line = line.replace(f"<<{name}.{place}>>", word)
    return line.replace(f"<<{name}>>", item)


def names_of(values: Values) -> Names:
    """Every name that a source may use.

    `windows.drift` is a regular expression of the windows, `window.drift` the first of them and `longest.drift` the
    length of the longest. `day` is a day at any speed.
    """
    flat: dict[str, Value] = {
        "links.grafana": values.links.grafana.rstrip("/"),
        "links.runbooks": values.links.runbooks.rstrip("/"),
        "links.runbook_suffix": values.links.runbook_suffix,
        "scrape_interval": values.prometheus.scrape_interval,
        "evaluation_interval": values.prometheus.evaluation_interval,
        "job": values.prometheus.job,
        "exporters": _targets(values.prometheus.exporters),
        "prometheus": _targets(values.prometheus.prometheus),
        "alertmanagers": _targets(values.prometheus.alertmanagers),
        "models": values.models,
        "host_of_instance": values.host_of_instance,
        "page_metrics": values.page_metrics,
        "blind_tiers": values.blind_tiers,
        "gpu_throttle_reasons": values.gpu_throttle_reasons,
        "infrastructure_symptoms": values.infrastructure_symptoms,
        "page_tiers": values.page_tiers,
        "step": values.step,
        "day": Duration(86_400),
    }
    for question, windows in values.windows.items():
        flat[f"windows.{question}"] = "|".join(windows)
        flat[f"window.{question}"] = windows[0]
        flat[f"longest.{question}"] = max(Duration.parse(window) for window in windows)
    for section in ("range", "hold", "keep", "event", "threshold", "severity"):
        flat.update({f"{section}.{name}": value for name, value in getattr(values, section).items()})
    return Names(flat)


def _targets(addresses: list[str]) -> str:
    return "[" + ", ".join(f'"{address}"' for address in addresses) + "]"
