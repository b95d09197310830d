"""Every spelling of tests/data/gpu_names.txt leads to the GPU, or the list of GPUs, that it means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.catalogue.load import find_gpu, gpu_for_nvml_name, load_catalogue
from vllm_costmeter.sources.gpu.names import name_words

FILE = Path(__file__).parents[2] / "data" / "gpu_names.txt"


def spelt() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each spelling with the names it means."""
    for line in FILE.read_text("utf-8").splitlines():
        names, colon, texts = line.partition(":")
        if colon and not line.startswith("#"):
            meant = tuple(name.strip() for name in names.split(" / ") if name.strip())
            yield from ((text.strip(), meant) for text in texts.split(" | "))


SPELT = list(spelt())


@pytest.mark.parametrize(("text", "meant"), SPELT)
def test_a_spelling_means_what_the_file_says(text: str, meant: tuple[str, ...]) -> None:
    """One GPU, all that it may be, or none: never a guess."""
    assert tuple(gpu.name for gpu in load_catalogue().matching(text)) == meant


def test_the_file_tries_at_least_two_hundred_spellings() -> None:
    """Enough of them, and none twice."""
    assert len({text for text, _ in SPELT}) == len(SPELT) >= 200


def test_what_may_be_several_is_one_line_with_all_of_them() -> None:
    """The line is the user's next step: it names what to choose from."""
    with pytest.raises(BadInputError) as caught:
        find_gpu("RTX 4060 Ti")
    assert (
        str(caught.value) == "'RTX 4060 Ti' is ambiguous: RTX 4060 Ti 8GB, RTX 4060 Ti 16GB; give one of them"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nvidia-h100-80gb", "H100 SXM"),
        ("nvidia-h100-mega-80gb", "H100 SXM"),
        ("nvidia-tesla-a100", "A100 40GB SXM"),
        ("nvidia-tesla-v100", "V100 16GB"),
        ("A100_NVLINK_80GB", "A100 80GB SXM"),
        ("rtx-pro-server-6000", "RTX PRO 6000"),
    ],
)
def test_a_label_that_means_one_gpu_is_that_gpu(text: str, name: str) -> None:
    """Values of node labels are no words of people, who may mean several."""
    assert find_gpu(text).name == name


def test_every_name_driver_name_and_alias_of_the_catalogue_finds_its_gpu() -> None:
    """An alias means one GPU. A driver's name may be of several memory sizes, and then lists its own among them."""
    catalogue = load_catalogue()
    for gpu in catalogue.gpus:
        assert catalogue.matching(gpu.name) == (gpu,)
        for alias in gpu.aliases:
            assert catalogue.matching(alias) == (gpu,), alias
        for name in gpu.driver_names:
            found = catalogue.matching(name)
            assert found == (gpu,) or name in found[0].driver_names, name


def test_no_alias_chooses_among_gpus_that_share_it() -> None:
    """One rule for `A100`, `H100` and `RTX 4060 Ti`: what is part of several GPUs' names lists them, unless the
    catalogue or a driver calls one of them just so."""
    gpus = load_catalogue().gpus
    full = {gpu.name: [name_words(text) for text in (gpu.name, *gpu.driver_names)] for gpu in gpus}
    for gpu in gpus:
        for alias in gpu.aliases:
            words = name_words(alias)
            shared = any(words <= other for name in full if name != gpu.name for other in full[name])
            assert not shared or words in full[gpu.name], alias


def test_a_driver_that_calls_two_sizes_alike_is_told_apart_by_memory() -> None:
    """NVML says "RTX 4060 Ti" of 8 and of 16 GB, and "RTX 4090" of a board with twice its memory."""
    name = "NVIDIA GeForce RTX 4060 Ti"
    found = [gpu_for_nvml_name(name, gib << 30) for gib in (8, 16)]
    assert [gpu.name for gpu in found if gpu] == ["RTX 4060 Ti 8GB", "RTX 4060 Ti 16GB"]
    usual = gpu_for_nvml_name("NVIDIA GeForce RTX 4090")
    assert usual is not None
    assert usual.name == "RTX 4090"


def test_order_joins_and_decoration_do_not_matter() -> None:
    """The rule itself, on names that no catalogue knows yet."""
    assert (
        name_words("NVIDIA GeForce RTX 7070 Ti SUPER") == name_words("7070tisuper") == {"7070", "ti", "super"}
    )
    assert name_words("X900-SXM7-96GB") == name_words("X900 96G SXM") == {"x900", "sxm", "96gb"}
