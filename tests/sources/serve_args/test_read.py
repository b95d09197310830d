"""A `vllm serve` command line becomes the flags of a check, with vLLM's own meanings."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.flags import SPECULATIVE_PARTS
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.release import NEWEST, release_of
from vllm_costmeter.core.settings.table import SETTINGS
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS
from vllm_costmeter.sources.serve_args.given import BACKENDS, SPREAD, UNMODELLED, GivenFlags
from vllm_costmeter.sources.serve_args.read import read_command
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table


def flags(*words: str, release: str = "0.33.0") -> GivenFlags:
    return read_command(["MODEL", *words], release_of(release)).flags


def engine_args(*words: str) -> EngineArgs:
    """The plan these flags ask for."""
    return flags(*words).engine_args()


def test_no_flag_is_the_empty_plan() -> None:
    """Every default stays vLLM's to fill in."""
    assert engine_args() == EngineArgs()
    assert read_command(["MODEL"], NEWEST).models == ("MODEL",)


@pytest.mark.parametrize(
    "words", [["-tp", "2"], ["--tensor-parallel-size=2"], ["--tensor_parallel_size", "2"], ["--tensor", "2"]]
)
def test_every_spelling_is_the_same_flag(words: list[str]) -> None:
    """Short, with underscores, abbreviated."""
    assert engine_args(*words) == EngineArgs(layout=ParallelConfig(tensor_parallel_size=2))


def test_every_flag_that_is_looked_for_is_one_of_vllms() -> None:
    """A name that no release has would be looked for in vain."""
    of_vllm = {
        dest for name in flag_table().releases for dest in flag_table().at(release_of(name).number).by_dest
    }
    ours = {*(flag.field for flag in MEMORY_FLAGS), *SPECULATIVE_PARTS, *UNMODELLED, *SPREAD, *BACKENDS}
    assert ours - of_vllm == set()
    assert {"revision", "hf_token", "device_ids", "nnodes", "config"} - of_vllm == set()


def test_every_memory_flag_reaches_its_field_of_the_plan() -> None:
    """The table's names are the plan's fields, so no flag is read and then lost."""
    fields = set(EngineArgs.__dataclass_fields__) | set(ParallelConfig.__dataclass_fields__)
    assert {flag.field for flag in MEMORY_FLAGS} <= fields
    derived = (
        "layout cudagraph_mode cuda_graphs_in_budget chunked_local_hybrid encodes_alone kv_cache_interleave_size "
        "video_frames second_runner first_runner_flags"
    )
    assert fields - {flag.field for flag in MEMORY_FLAGS} == set(derived.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), None),
        (("--device-ids", "2,3"), (2, 3)),
        (("--device-ids=GPU-ab, GPU-cd",), ("GPU-ab", "GPU-cd")),
        (("--device-ids", "2", "--distributed-executor-backend", "ray"), None),
    ],
)
def test_device_ids_are_read_as_vllm_reads_them(
    words: tuple[str, ...], expected: tuple[int | str, ...] | None
) -> None:
    """Places or UUIDs with commas between; Ray places its workers without them."""
    assert flags(*words).local_gpus() == expected


@pytest.mark.parametrize("text", ["auto", "AUTO", "-1"])
def test_auto_is_a_length(text: str) -> None:
    """vLLM's stand-in for the longest that fits."""
    assert engine_args("--max-model-len", text).max_model_len == -1


def test_switches_have_opposites_and_lists_become_tuples() -> None:
    """`--no-enable-prefix-caching` is not the same as silence."""
    assert engine_args("--no-enable-prefix-caching").enable_prefix_caching is False
    assert engine_args("--enforce-eager").enforce_eager is True
    assert engine_args("--cudagraph-capture-sizes", "1", "2", "4").cudagraph_capture_sizes == (1, 2, 4)


def test_json_flags_are_objects_dotted_or_whole() -> None:
    """`--speculative-config.method ngram` is `--speculative-config '{"method": "ngram"}'`."""
    dotted = engine_args("-sc.method", "ngram", "-sc.num_speculative_tokens=3")
    whole = engine_args("--speculative-config", '{"method": "ngram", "num_speculative_tokens": 3}')
    assert dotted == whole
    assert dotted.speculative_config == {"method": "ngram", "num_speculative_tokens": 3}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gpu-memory-utilization", "1.5"], "--gpu-memory-utilization must be above 0 and at most 1"),
        (["--gpu-memory-utilization", "0"], "--gpu-memory-utilization must be above 0"),
        (["--gpu-memory-utilization", "nan"], "--gpu-memory-utilization must be a number"),
        (["--gpu-memory-utilization", "x"], "--gpu-memory-utilization: must be a number"),
        (["--max-num-seqs", "0"], "--max-num-seqs must be 1 or more, got 0"),
        (["--cpu-offload-gb", "-1"], "--cpu-offload-gb must be 0 or more"),
        (["--limit-mm-per-prompt", "[1]"], "--limit-mm-per-prompt must be a dictionary"),
        (["--limit-mm-per-prompt", '{"image": -1}'], "--limit-mm-per-prompt of 'image' must be"),
        (["--max-model-len", "9" * 4_000], "--max-model-len must be at most"),
    ],
)
def test_a_value_that_vllm_rejects_later_is_bad_input_too(words: list[str], says: str) -> None:
    """vLLM's configuration classes check what its parser lets pass; the flag is named as it is typed."""
    with pytest.raises(BadInputError, match=says) as caught:
        flags(*words)
    assert len(str(caught.value)) < 250


def test_flags_that_do_not_matter_are_accepted() -> None:
    """A whole production command can be checked as it is."""
    given = flags(
        "--host", "0.0.0.0", "--port", "8000", "--served-model-name", "a", "b", "--enable-auto-tool-choice",
        "--no-enable-prompt-embeds", "-n", "1", "--ssl-keyfile=", "--convert", "auto",
    )  # fmt: skip
    assert given == GivenFlags()


def test_flags_whose_effect_is_not_followed_are_named() -> None:
    """Accepted, but never silently; a value that is vLLM's default changes nothing."""
    given = flags("--convert=embed", "--enable-eplb", "-O3", "-ac.flash_attn_version=2")
    names = ("--attention-config", "--convert", "--enable-eplb", "--optimization-level")
    assert given.unmodelled == names
    assert flags("--convert", "auto", "--no-enable-eplb").unmodelled == ()


def test_sizes_of_graphs_are_stated_once() -> None:
    """By a flag or inside --compilation-config, which vLLM does not let contradict each other."""
    inside = flags("-cc", '{"cudagraph_capture_sizes": [1, 2], "max_cudagraph_capture_size": 2}')
    assert inside.memory == {"cudagraph_capture_sizes": [1, 2], "max_cudagraph_capture_size": 2}
    with pytest.raises(BadInputError, match=r"--cudagraph-capture-sizes and .* exclude"):
        flags("-cc.cudagraph_capture_sizes", "[1, 2]", "--cudagraph-capture-sizes", "1")


def test_flags_given_here_override_those_of_a_file() -> None:
    """Only what was given does, a switch turned off included."""
    file = flags(
        "--max-model-len", "4k", "--enforce-eager", "--distributed-executor-backend", "ray", "--enable-dbo"
    )
    here = flags("--max-model-len", "8k", "--no-enforce-eager", "--lora-dtype=float16")
    merged = here.over(file)
    assert merged.memory == {"max_model_len": 8000, "enforce_eager": False}
    assert merged.is_spread
    assert merged.unmodelled == ("--enable-dbo", "--lora-dtype")
    assert not flags("--distributed-executor-backend", "mp").over(file).is_spread


@pytest.mark.parametrize(
    ("words", "release", "absent"),
    [
        (
            ["--swap-space", "8", "--max-model-len", "4k"],
            "0.19.0",
            ("--swap-space: dropped by vLLM 0.18.0 (last in 0.17.1), 0.19.0 refuses it",),
        ),
        (
            ["--spec-method=mtp", "--max-model-len", "4k"],
            "0.19.0",
            ("--spec-method: new in vLLM 0.22.0, 0.19.0 refuses it",),
        ),
        (
            ["--enable-reasoning", "--max-model-len", "4k", "--rope-theta", "1e6"],
            "0.32.0",
            (
                "--enable-reasoning: dropped before vLLM 0.16.0, 0.32.0 refuses it; use --reasoning-parser alone",
                "--rope-theta: dropped before vLLM 0.16.0, 0.32.0 refuses it; "
                "use --hf-overrides.rope_parameters.rope_theta",
            ),
        ),
        (
            ["--disable-prefix-caching", "--max-model-len", "4k"],
            "0.32.0",
            ("--disable-prefix-caching: new in vLLM 0.33.0, 0.32.0 refuses it",),
        ),
    ],
)
def test_a_flag_of_another_release_is_read_and_said_to_be_absent(
    words: list[str], release: str, absent: tuple[str, ...]
) -> None:
    """Its value is no model, and the other flags still count."""
    command = read_command([*words, "MODEL"], release_of(release))
    assert command.models == ("MODEL",)
    assert command.flags.absent == absent
    assert command.flags.memory["max_model_len"] == 4000


def test_a_release_older_than_the_table_may_have_older_flags() -> None:
    """Not refused, but said: nobody looked at how they change memory."""
    given = flags("--rope-theta", "1e6", release="0.12.0")
    assert (given.absent, given.unmodelled) == ((), ("--rope-theta",))


def test_a_flag_of_no_release_is_bad_input_whatever_else_is_absent() -> None:
    """The nearest names, the caller's own among them; a release that nobody stated is said to be assumed."""
    with pytest.raises(BadInputError, match="--swap-spac: not a flag of vLLM") as caught:
        read_command(["M", "--swap-space", "4", "--swap-spac", "--explan"], NEWEST, other_names=["--explain"])
    assert "--explan: not a flag of vLLM 0.33.0; nearest: --explain" in str(caught.value)
    assert str(caught.value).endswith("; 0.33.0 (assumed), --vllm-version states another")


def test_the_plugins_flags_are_known_beside_vllms() -> None:
    """Each of them, before the model or abbreviated; they take nothing from vLLM's own abbreviations."""
    ours = [word for setting in SETTINGS for word in (setting.flag, "1")]
    words = [*ours, "--plugin", "costmeter", "--costmeter-conf", "c.toml", "MODEL", "--max-num-seqs=4"]
    command = read_command(words, NEWEST)
    assert (command.models, command.gpu) == (("MODEL",), "1")
    assert command.flags == GivenFlags(memory={"max_num_seqs": 4})
    assert engine_args("--gpu", "0.5").gpu_memory_utilization == 0.5


def test_vllm_omni_is_not_understood() -> None:
    """Another server, with flags of its own."""
    with pytest.raises(NotUnderstoodError, match="vllm-omni"):
        read_command(["MODEL", "--omni", "--stage-configs-path", "x"], NEWEST)


def test_a_check_takes_any_number_of_models() -> None:
    """Where vLLM takes one; `--model` names one, too."""
    words = ["A", "B", "--max-num-seqs", "4", "C", "--model", "D"]
    assert read_command(words, NEWEST, any_models=True).models == ("D", "A", "B", "C")
    assert read_command(["--served-model-name", "x"], NEWEST, any_models=True).models == ()
    with pytest.raises(BadInputError, match="vllm serve takes one MODEL"):
        read_command(["A", "B"], NEWEST)


def test_a_file_that_vllm_passes_over_is_said() -> None:
    """It looks for --config as a word of its own."""
    assert flags("--config=serve.yaml").notes == (
        "vLLM does not read serve.yaml: it looks for --config and the file as two words",
    )


def test_keys_that_vllm_loses_are_said() -> None:
    """Dotted keys become one object per spelling, and the last object counts alone."""
    given = flags("--speculative-config.method", "ngram", "-sc.num_speculative_tokens=3")
    assert given.memory["speculative_config"] == {"num_speculative_tokens": 3}
    assert given.notes == (
        "--speculative-config is given more than once: vLLM takes the last, and none of the others' keys",
    )
    assert flags("--max-num-seqs", "4", "--max-num-seqs", "8").notes == ()
