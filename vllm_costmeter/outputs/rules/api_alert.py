"""The alert that compares a model's bill with what an API would have charged for the same tokens."""

from __future__ import annotations

from vllm_costmeter.outputs.economics.api_prices import ApiPrices
from vllm_costmeter.outputs.metrics.table import BY_NAME
from vllm_costmeter.outputs.rules.recording import COST, SERVER, TOKENS, priced_by_kind, usd_by_state
from vllm_costmeter.outputs.rules.rule import Alert

API_EQUIVALENT = BY_NAME["costmeter_api_equivalent_usd_total"].name
WHOLE_PROMPT = 'kind=~"prompt|prompt_cached"'
"""A server that tells neither may have read any number of tokens from its cache."""


SAME_PRICE = {"prompt_computed": 'kind=~"prompt_computed|prompt"'}
ENGINE = "cluster, model_name, engine"
"""The labels of what rules on an engine's own metrics record."""


def dearer_than_api(api: ApiPrices) -> Alert:
    """Each server against the provider set on it, or the stated prices; summed over those that can be compared."""
    tokens, usd = priced_by_kind("1h"), usd_by_state("1h")
    metered = _at_prices(api, f"rate({TOKENS}{{KINDS}}[1h])")
    of_engines = _at_prices(api, f'{tokens}{{engine!="", KINDS}}')
    return Alert(
        "CostMeterDearerThanApi",
        f"""\
sum by (model_name) (
  sum by ({SERVER}) (rate({COST}[1h]))
  - (
    sum by ({SERVER}) (rate({API_EQUIVALENT}[1h]))
    or sum by ({SERVER}) (
      {metered}
    ) / 1e6
    and on ({SERVER}) rate({TOKENS}{{{WHOLE_PROMPT}}}[1h])
  )
  or sum by ({ENGINE}) ({usd}{{engine!=""}})
  - (
    sum by ({ENGINE}) (
      {of_engines}
    ) / 1e6
    and on ({ENGINE}) {tokens}{{engine!="", {WHOLE_PROMPT}}}
  )
) > 0
and sum by (model_name) ({tokens}) > 0""",
        "1h",
        "warning",
        "{{ $labels.model_name }}: an API would serve the same tokens for less",
        "The bill of the last hour is above what an API would have charged for its tokens: on each server the provider "
        f"set on it (--costmeter-api-provider), otherwise {api.in_words}.",
        "Check that the API prices apply to the model: set its provider (--costmeter-api-provider), or prices "
        "(`costmeter rules --help`). Then consider more load on fewer replicas, a cheaper GPU "
        "(`costmeter compare`), or the API.",
    )


def _at_prices(api: ApiPrices, tokens: str) -> str:
    """Tokens of each kind times the API's price of a million. `prompt` has the cached ones in it, unknown how many: all
    are charged as input."""
    return "\n      or ".join(
        f"{tokens.replace('KINDS', SAME_PRICE.get(kind, _one(kind)))} * {usd:g}" for kind, usd in api.by_kind
    )


def _one(kind: str) -> str:
    return f'kind="{kind}"'
