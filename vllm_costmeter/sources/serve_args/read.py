"""A `vllm serve` command line -> its models and flags, read as one release of vLLM reads it.

The plugin's flags are known beside vLLM's own. A flag that only other releases have is read too, and said to be
absent: vLLM stops with "unrecognized arguments". A flag that no release has is bad input.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.release import Release
from vllm_costmeter.sources.serve_args.given import GivenFlags, given_flags
from vllm_costmeter.sources.vllm_cli.parse import ServeArgs, parse_serve_args
from vllm_costmeter.sources.vllm_cli.refusal import OMNI, UnknownWordsError
from vllm_costmeter.sources.vllm_cli.spelling import ReadConfig


@dataclass(frozen=True, slots=True)
class ServeCommand:
    """What one command line asks for."""

    models: tuple[str, ...] = ()
    flags: GivenFlags = GivenFlags()
    gpu: str | None = None
    """As --costmeter-gpu names it."""

    def over(self, other: ServeCommand) -> ServeCommand:
        """The models of both; a flag of this one replaces the other's."""
        gpu = other.gpu if self.gpu is None else self.gpu
        return ServeCommand((*other.models, *self.models), self.flags.over(other.flags), gpu)


def read_command(
    words: Sequence[str],
    release: Release,
    *,
    is_module: bool = False,
    any_models: bool = False,
    read_config: ReadConfig | None = None,
    other_names: Sequence[str] = (),
) -> ServeCommand:
    """Read the words after `vllm serve`; the options are those of `parse_serve_args`.

    `other_names`: flags that are not vLLM's, named where one is nearest to an unknown flag. BadInputError where
    vLLM's parser ends in an error for another reason than the release, NotUnderstoodError for vllm-omni.
    """
    if OMNI in words:
        raise NotUnderstoodError(f"{OMNI}: vllm-omni is another server, whose memory is not modelled")
    parse = partial(
        parse_serve_args,
        words,
        release.number,
        is_module=is_module,
        any_models=any_models,
        read_config=read_config,
    )
    try:
        return _command(parse())
    except UnknownWordsError as error:
        from vllm_costmeter.sources.serve_args.other_flags import other_flags

        others = other_flags(error, release)
        if others is None:
            assumed = release.is_assumed and error.names
            known = f"; {release}, --vllm-version states another" if assumed else ""
            raise BadInputError(f"{error.line(other_names)}{known}") from None
    command = _command(parse(more_flags=others.flags))
    unmodelled = tuple(sorted({*command.flags.unmodelled, *others.unmodelled}))
    return replace(command, flags=replace(command.flags, absent=others.absent, unmodelled=unmodelled))


def _command(args: ServeArgs) -> ServeCommand:
    first = () if args.model is None else (args.model,)
    return ServeCommand((*first, *args.more_models), given_flags(args), args.values.get("costmeter_gpu"))
