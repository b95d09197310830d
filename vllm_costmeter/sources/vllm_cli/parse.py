"""Parse the arguments of `vllm serve` as one release does, or raise the error its own parser would print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.vllm_cli.flag_table import Flag, ReleaseFlags, flag_table
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError, UnknownWordsError
from vllm_costmeter.sources.vllm_cli.spelling import ReadConfig, rewritten
from vllm_costmeter.sources.vllm_cli.values import adapters, check_choice, read
from vllm_costmeter.sources.vllm_cli.words import Given, Matcher


@dataclass(frozen=True, slots=True)
class ServeArgs:
    """A command line as a release of vLLM parses it."""

    flags: ReleaseFlags
    """The release that was used; it may differ from the one asked for."""
    model: str | None
    """None: vLLM serves its default model."""
    values: Mapping[str, Any]
    """The given values by vLLM's name for the argument (`max_model_len`); JSON flags as JSON."""
    repeated: tuple[str, ...]
    """Flags given more than once; vLLM uses the last value."""
    deprecated: tuple[str, ...]
    """Flags that vLLM warns about."""
    more_models: tuple[str, ...] = ()
    """With `any_models`: the models after the first."""

    def get(self, dest: str) -> Any:
        """The given value, else vLLM's default as JSON. KeyError if the release has no such argument."""
        return self.values[dest] if dest in self.values else self.flags.by_dest[dest].default


def parse_serve_args(
    words: Sequence[str],
    release: tuple[int, int, int] | None = None,
    *,
    is_module: bool = False,
    any_models: bool = False,
    more_flags: Sequence[Flag] = (),
    read_config: ReadConfig | None = None,
) -> ServeArgs:
    """Parse the words after `vllm serve` as that release does (None: the newest recorded).

    `is_module`: the words follow `python -m vllm.entrypoints.openai.api_server`, which accepts the model only
    as --model. `any_models`: the words name none, one or several models, of which vLLM takes exactly one.
    `more_flags`: flags that plugins add to vLLM's parser. `read_config` returns the keys and
    values of the YAML file given with --config. Raises ServeArgsError for the first error that vLLM would
    report; unrecognized words are reported together.
    """
    flags = flag_table().at(release)
    if more_flags:
        flags = flags.plus(more_flags)
    values: dict[str, Any] = {}
    repeated: list[str] = []
    plain = rewritten(flags, words, read_config, is_module=is_module, needs_model=not any_models)
    matcher = Matcher(flags, plain)
    for given in matcher.given():
        if given.flag.dest in values and given.flag.action != "append":
            repeated.append(given.flag.name)
        _take(flags, given, values)
    more_models = tuple(matcher.left) if any_models else ()
    if len(matcher.left) > len(more_models) or any(word.startswith("-") for word in more_models):
        raise UnknownWordsError(flags, matcher.left)
    model = values.pop("model", None)
    if matcher.model is not None and not is_module:
        model = matcher.model
    deprecated = [flags.by_dest[dest].name for dest in values if flags.by_dest[dest].deprecated]
    return ServeArgs(flags, model, values, tuple(dict.fromkeys(repeated)), tuple(deprecated), more_models)


def _take(flags: ReleaseFlags, given: Given, values: dict[str, Any]) -> None:
    """Apply argparse's action to the words of one flag."""
    flag = given.flag
    if flag.action == "help":
        raise ServeArgsError("help", f"{given.name}: asks vLLM for its help", flag=flag.name)
    if not flag.takes_value:
        values[flag.dest] = given.name not in flag.off
        return
    try:
        read_values = [read(flags, flag, text) for text in given.values]
    except ValueError as error:
        raise ServeArgsError("value", str(error), flag=flag.name) from None
    try:
        for value in read_values:
            check_choice(flags, flag, value)
    except ValueError as error:
        raise ServeArgsError("choice", str(error), flag=flag.name) from None
    if flag.action == "append":
        values[flag.dest] = [*values.get(flag.dest, ()), read_values[0]]
    elif flag.action == "lora":
        try:
            values[flag.dest] = adapters(flags, flag, read_values)
        except ValueError as error:
            raise ServeArgsError("value", str(error), flag=flag.name) from None
    elif flag.nargs in (None, "?"):
        values[flag.dest] = read_values[0] if read_values else flag.const
    else:
        values[flag.dest] = read_values
