"""What only servers of language models tell (vLLM): tokens, and the cache that holds what was read."""

from grafana.source.knobs import MODEL
from grafana.source.signal import Signal, lines

NONE = "Not a language model served by vLLM."


def quantiles(name: str) -> tuple[tuple[str, str], ...]:
    return tuple((part, f"ml:llm_{name}_seconds:{part}_rate5m{{{MODEL}}}") for part in ("p50", "p95", "p99"))


FIRST_TOKEN = Signal(
    title="Time to the first token",
    unit="s",
    description="How long callers wait until the answer begins: queueing and reading of the prompt. Grows with waiting"
    " requests: scale out; without: prompts became longer, or the prefix cache hits less.",
    queries=lines(*quantiles("time_to_first_token")),
    unknown=NONE,
)

NEXT_TOKEN = Signal(
    title="Time between tokens",
    unit="s",
    description="How fast answers go on. Grows with running requests (larger batches) and where requests are put back;"
    " all grow at once: the GPU is slowed, see Infrastructure.",
    queries=lines(*quantiles("time_between_tokens")),
    unknown=NONE,
)

TOKENS = Signal(
    title="Tokens",
    unit="cps",
    description="Tokens a second: read from prompts and written in answers. Costs follow these, not requests.",
    queries=lines(
        ("read", f"ml:llm_prompt_tokens:rate5m{{{MODEL}}}"),
        ("written", f"ml:llm_generation_tokens:rate5m{{{MODEL}}}"),
    ),
    unknown=NONE,
)

CACHE = Signal(
    title="Cache of keys and values",
    unit="percentunit",
    description="How full the fullest engine's cache is, and the share of prompt tokens that need not be read again."
    " Full: requests are put back and begin anew; give it more memory, shorter contexts or another replica.",
    queries=lines(
        ("full", f"ml:llm_kv_cache_usage:ratio{{{MODEL}}}"),
        ("prefix hits", f"ml:llm_prefix_cache_hit:ratio_rate5m{{{MODEL}}}"),
    ),
    unknown=NONE,
)

PREEMPTIONS = Signal(
    title="Requests put back",
    unit="reqps",
    description="Requests a second that lost their place because the cache was full, and are computed again. Above 0"
    " for long: work is done twice; allow fewer requests at once or give more memory.",
    queries=lines(("put back", f"ml:llm_preemptions:rate5m{{{MODEL}}}")),
    unknown=NONE,
)
