"""The page at `/`: for a person who opened the port in a browser. No script, no asset, light and dark."""

import base64
import hashlib
from datetime import UTC, datetime
from html import escape

from exporter.exposition.status import CollectorStatus, ModelStatus, SourceStatus, State, Status
from exporter.visible import visible

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--back:#fff;--card:#f6f8fa;--link:#0b5fc4;
--ok:#1a7f37;--bad:#c21f2c;--unknown:#6b7480;--blind:#6f4c9b}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa5b4;--line:#323a46;--back:#12161c;--card:#1a2028;
--link:#6cb0ff;--ok:#4cc26a;--bad:#ff7b80;--unknown:#9aa5b4;--blind:#b79bdc}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1.5rem 1rem 3rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
a{color:var(--link)}p{margin:.25rem 0}.soft{color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:1rem 0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.75rem;margin:1rem 0}
dl div{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem}
dt{color:var(--soft);font-size:.85rem}dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500;font-size:.85rem}td.number{font-variant-numeric:tabular-nums}
.state{font-weight:600;white-space:nowrap}.ok{color:var(--ok)}.bad{color:var(--bad)}.unknown{color:var(--unknown)}
.blind{color:var(--blind)}
.box{border:1px solid var(--bad);border-radius:6px;padding:.5rem .75rem;margin:1rem 0;overflow-wrap:anywhere}
ul{margin:0;padding:0;list-style:none}
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""Lets the page have its own style and nothing else."""

_SIGNS: dict[State, str] = {"ok": "●", "bad": "▲", "unknown": "○", "blind": "◌"}
"""Told by shape and word too, not by colour alone."""
_REASONS_SHOWN = 6
"""All of them are in the JSON and on the dashboards."""
_LINKS = (
    ("metrics", "/metrics"),
    ("api/v1/status", "status as JSON"),
    ("-/healthy", "alive"),
    ("-/ready", "ready"),
)


def page(status: Status) -> str:
    """The whole page."""
    links = "".join(f'<a href="{target}">{_text(text)}</a>' for target, text in _LINKS)
    failed = ""
    if status.config_error:
        failed = f'<div class="box"><b class="bad">The last reload failed</b>: {_text(status.config_error)}</div>'
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ml-exporter</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>"
        '<h1>ml-exporter</h1><p class="soft">Tells whether a model is still right, since when, why, and what to do.</p>'
        f"<nav>{links}</nav>{failed}{_facts(status)}{_models(status)}{_machine(status)}</main></body></html>\n"
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _facts(status: Status) -> str:
    last = "none yet"
    if status.last_cycle_at is not None:
        last = f"{_moment(status.last_cycle_at)} ({span(status.now - status.last_cycle_at)} ago)"
        if status.cycle_seconds is not None:
            last += f", took {span(status.cycle_seconds)}"
    facts = {
        "Version": status.version,
        "Up for": span(status.now - status.started_at),
        "Last cycle": last,
        "Configuration": status.config_digest[:12] or "unknown",
    }
    cells = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(fact)}</dd></div>" for name, fact in facts.items())
    return f"<dl>{cells}</dl>"


def _models(status: Status) -> str:
    if not status.models:
        return "<h2>Models</h2><p>None configured.</p>"
    rows = "".join(map(_model, status.models))
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Model", "State", "Why", "Sources", "Series"))
    return (
        f'<h2>Models</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _machine(status: Status) -> str:
    """The collectors, those in trouble first; nothing where none is configured."""
    if not status.collectors:
        return ""
    ordered = sorted(status.collectors, key=lambda each: each.state == "ok")
    return f"<h2>Machine</h2>{_list(map(_collector, ordered))}"


def _collector(collector: CollectorStatus) -> str:
    took = "" if collector.seconds is None else f", took {_took(collector.seconds)}"
    message = f' <span class="bad">{_text(collector.message)}</span>' if collector.message else ""
    return f'{_state(collector.state)} {_text(collector.collector)}<span class="soft">{took}</span>{message}'


def _took(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if 0 <= seconds < 1e-3 else span(seconds)  # noqa: PLR2004 - a millisecond


def _model(model: ModelStatus) -> str:
    about = " · ".join(part for part in (model.task, model.owner, model.tier) if part)
    versions = f"version {', '.join(model.versions)}" if model.versions else ""
    lines = "".join(f'<div class="soft">{_text(line)}</div>' for line in (about, versions) if line)
    return (
        f"<tr><td><b>{_text(model.model)}</b>{lines}</td><td>{_state(model.state)}</td>"
        f"<td>{_list(map(_text, _first(model.reasons)))}</td><td>{_list(map(_source, model.sources))}</td>"
        f'<td class="number">{model.series:,}</td></tr>'
    )


def _source(source: SourceStatus) -> str:
    lag = "" if source.lag_seconds is None else f", {span(source.lag_seconds)} behind"
    message = f'<div class="bad">{_text(source.message)}</div>' if source.message else ""
    return (
        f'{_state(source.state)} {_text(source.source)}<span class="soft">{lag}</span>'
        f'<div class="soft">{_text(source.description)}</div>{message}'
    )


def _first(reasons: tuple[str, ...]) -> list[str]:
    more = len(reasons) - _REASONS_SHOWN
    return [*reasons[:_REASONS_SHOWN], *([f"and {more} more"] if more > 0 else [])]


def _list(items: "map[str]") -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def _state(state: State) -> str:
    return f'<span class="state {state}">{_SIGNS[state]} {state}</span>'


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(seconds: float) -> str:
    """A duration for the eye: its two largest units, milliseconds below a second."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
