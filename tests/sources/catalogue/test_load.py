"""The catalogue finds GPUs as people and drivers spell them, and prices them from dated, verified rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.catalogue.load import (
    Catalogue,
    default_price,
    find_gpu,
    gpu_for_nvml_name,
    load_catalogue,
    parse_gpu,
)


def user_catalogue(tmp_path: Path, text: str) -> Catalogue:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return Catalogue(file)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("RTX 4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA-GeForce-RTX-4090", "RTX 4090"),
        ("RTX4090-24GB", "RTX 4090"),
        ("H100-80GB-SXM", "H100 SXM"),
        ("H100_SXM5", "H100 SXM"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"),
        ("l40s", "L40S"),
        ("AMD Instinct MI300X", "MI300X"),
    ],
)
def test_a_gpu_is_found_however_it_is_spelt(text: str, name: str) -> None:
    """The names of NVML, Kubernetes labels, clouds and people lead to one GPU."""
    assert find_gpu(text).name == name


@pytest.mark.parametrize("text", ["RTX 4099", "H100-PCIe-40GB", "RTX 4090 12GB", "A101"])
def test_a_gpu_that_is_not_named_exactly_is_never_guessed(text: str) -> None:
    """Another memory or a misspelt number is an error that lists what is near, not a lucky match."""
    with pytest.raises(BadInputError, match=r"unknown GPU .*nearest: "):
        find_gpu(text)


def test_an_ambiguous_family_lists_its_members() -> None:
    """Somebody who writes A100 is told which A100s there are."""
    with pytest.raises(
        BadInputError, match=r"'a100' is ambiguous: A100 40GB PCIe, .*A100 80GB PCIe; give one"
    ):
        find_gpu("a100")


def test_a_count_goes_with_the_gpu() -> None:
    """A count may stand before or after the name."""
    assert [parse_gpu(text)[1] for text in ("H100 SXM:8", "8x H200", "H200 x8", "H200")] == [8, 8, 8, 1]
    assert parse_gpu("8x RTX 4090")[0].name == "RTX 4090"


def test_every_price_says_where_and_when() -> None:
    """Every row of the package's file has a source, a date and a GPU of the catalogue."""
    for price in load_catalogue().prices:
        assert price.source
        assert price.as_of
        assert price.gpu == find_gpu(price.gpu).name


def test_memory_is_what_cuda_shows_and_below_the_nameplate() -> None:
    """No GPU claims more than its nameplate, and the two of the article have the memory seen in logs."""
    for gpu in load_catalogue().gpus:
        if gpu.memory_bytes is not None and gpu.nominal_gb is not None:
            assert gpu.memory_bytes <= gpu.nominal_gb * 2**30, gpu.name
    assert find_gpu("4090").memory_bytes == round(23.64 * 2**30)
    assert find_gpu("H100 SXM").memory_bytes == round(79.19 * 2**30)


def test_the_articles_gpus_come_out_in_base_units() -> None:
    """Bandwidth, dense rates, link and power of the comparison's two GPUs, to its printed digits."""
    small, large = find_gpu("RTX 4090"), find_gpu("H100 SXM")
    assert (small.bandwidth_bytes_per_second, large.bandwidth_bytes_per_second) == (1008e9, 3350e9)
    assert (small.bf16_flops_per_second, small.fp8_flops_per_second) == (165.2e12, 330.3e12)
    assert (large.bf16_flops_per_second, large.fp8_flops_per_second) == (989e12, 1979e12)
    assert (small.tdp_watts, large.tdp_watts) == (450, 700)
    assert (small.link_type, small.link_bytes_per_second) == ("PCIe 4", 32e9)
    assert (large.link_type, large.link_bytes_per_second) == ("NVLink", 450e9)  # 900 GB/s both directions
    assert (small.mig_instances, large.mig_instances) == (0, 7)
    assert (small.ecc, large.ecc) == (False, True)


def test_a_gpu_without_known_memory_asks_for_it() -> None:
    """Where nobody logged what CUDA shows, the nameplate is not taken instead."""
    with pytest.raises(BadInputError, match="--gpu-memory-gib"):
        find_gpu("MI308X").as_gpu(8)


def test_an_accelerator_beyond_cuda_and_rocm_is_known_and_not_judged() -> None:
    """A Gaudi is found, with its facts, and never called a fit."""
    with pytest.raises(NotUnderstoodError, match="not for Intel"):
        find_gpu("Gaudi3").as_gpu()


def test_a_gpu_becomes_the_gpus_of_a_plan() -> None:
    """The placement has the card's memory, count and compute capability, and says it is the catalogue's."""
    gpu = find_gpu("4090").as_gpu(2)
    assert (gpu.name, gpu.count, gpu.source, gpu.compute_capability) == ("RTX 4090", 2, "catalog", (8, 9))


def test_the_default_prices_are_the_articles() -> None:
    """The newest verified on-demand rows of the two GPUs are the article's."""
    prices = [default_price(find_gpu(name)) for name in ("RTX 4090", "H100 SXM")]
    assert [(price.usd_per_gpu_hour, price.as_of) for price in prices if price] == [
        (0.55, "2026-05-25"),
        (3.84, "2026-05-25"),
    ]


def test_a_gpu_with_only_unverified_prices_has_no_default() -> None:
    """An estimate is listed and never charged."""
    assert any(price.gpu == "T4" for price in load_catalogue().prices)
    assert default_price(find_gpu("T4")) is None


def test_drivers_names_lead_to_gpus_and_slices_do_not() -> None:
    """A MIG slice is not its whole GPU: it has no GPU of its own here."""
    gpu = gpu_for_nvml_name("NVIDIA A100-SXM4-80GB")
    assert gpu is not None
    assert gpu.name == "A100 80GB SXM"
    assert gpu_for_nvml_name("NVIDIA A100-SXM4-80GB MIG 1g.10gb") is None
    assert gpu_for_nvml_name("NVIDIA Something New") is None


def test_a_users_price_goes_before_ours_even_when_older(tmp_path: Path) -> None:
    """Who writes a price down means it."""
    mine = user_catalogue(
        tmp_path, '[[price]]\ngpu = "4090"\nprovider = "cellar"\nusd_per_gpu_hour = 0.2\nas_of = "2020"\n'
    )
    price = mine.default_price(mine.find("RTX 4090"))
    assert price is not None
    assert (price.provider, price.usd_per_gpu_hour, price.from_user) == ("cellar", 0.2, True)


def test_a_users_facts_replace_only_what_they_give(tmp_path: Path) -> None:
    """One corrected fact leaves the card's others, its names and its count of rows as they were."""
    mine = user_catalogue(tmp_path, '[[card]]\nname = "rtx 4090"\nmemory_gib = 23.5\n')
    gpu = mine.find("4090")
    assert (gpu.name, gpu.memory_bytes) == ("RTX 4090", round(23.5 * 2**30))
    assert gpu.bandwidth_bytes_per_second == 1008e9
    assert gpu.provenance["memory_bytes"].source.endswith("mine.toml")
    assert len(mine.gpus) == len(load_catalogue().gpus)


def test_a_users_own_gpu_is_found_and_priced(tmp_path: Path) -> None:
    """A GPU that we have never heard of works as ours do."""
    mine = user_catalogue(
        tmp_path,
        '[[card]]\nname = "X1"\naliases = ["xone"]\ndriver_names = ["NVIDIA X1"]\nmemory_gib = 100\n'
        '[[price]]\ngpu = "xone"\nusd_per_gpu_hour = 1\nas_of = 2026-01-02\n',
    )
    gpu = mine.for_driver_name("NVIDIA X1")
    assert gpu is not None
    assert gpu.as_gpu(1).memory_bytes == 100 * 2**30
    price = mine.default_price(gpu)
    assert price is not None
    assert (price.gpu, price.as_of) == ("X1", "2026-01-02")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[card]]\nname = "X"\nmemory_gb = 3', "unknown key 'memory_gb'; nearest: memory_gib"),
        ("[[card]]\nmemory_gib = 3", "'name' is missing"),
        ('[[card]]\nname = "X"\nmemory_gib = "3"', "memory_gib must be a number"),
        ('[[card]]\nname = "X"\nmemory_gib = -3', "memory_gib must be between"),
        ('[[card]]\nname = "X"\nmemory_gib = nan', "memory_gib must be a number"),
        ('[[card]]\nname = "X"\nmemory_gib = 0', "memory_gib must be above 0"),
        ('[[card]]\nname = "X"\ncompute_capability = "nine"', "compute_capability must be like"),
        ('[[card]]\nname = "X"\naliases = "Y"', "aliases must be a list of names"),
        ('[[card]]\nname = "X"\nvendor = "3dfx"', 'vendor must be "nvidia", "amd" or "intel"'),
        (
            '[[card]]\nname = "X"\nmemory_gib = { value = 3, sauce = "me" }',
            "unknown key 'sauce'; nearest: source",
        ),
        ('[card]\nname = "X"', r"write \[\[card\]\]"),
        ('[[cards]]\nname = "X"', "unknown key 'cards'; nearest: card"),
        ("not toml", "is not valid TOML"),
        ('[[price]]\ngpu = "4090"\nusd_per_gpu_hour = 1', "'as_of' is missing"),
        ('[[price]]\ngpu = "4090"\nusd_per_gpu_hour = 1\nas_of = "May"', "as_of must be a date"),
        ('[[price]]\ngpu = "4090"\nusd_per_gpu_hour = 1\nas_of = "2026-13"', "as_of must be a date"),
        ('[[price]]\ngpu = "4090"\nusd_per_gpu_hour = -1\nas_of = "2026"', "usd_per_gpu_hour must be"),
        (
            '[[price]]\ngpu = "4090"\nusd_per_gpu_hour = 1\nas_of = "2026"\nterm = "hourly"',
            "term must be one of",
        ),
        ('[[price]]\ngpu = "4099"\nusd_per_gpu_hour = 1\nas_of = "2026"', "unknown GPU '4099'"),
    ],
)
def test_a_bad_row_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    """The line names the file, the key and what it must be; a misspelt key, the nearest."""
    mine = user_catalogue(tmp_path, text)
    with pytest.raises(BadInputError, match=says) as caught:
        _ = mine.gpus, mine.prices
    assert "\n" not in str(caught.value)


def test_a_missing_users_file_is_said(tmp_path: Path) -> None:
    """A path in COSTMETER_CATALOGUE that does not exist is an error, not a catalogue without it."""
    catalogue = load_catalogue({"COSTMETER_CATALOGUE": str(tmp_path / "absent.toml")})
    with pytest.raises(BadInputError, match=r"absent\.toml: does not exist"):
        catalogue.find("4090")


def test_a_fact_that_its_own_source_contradicts_is_marked() -> None:
    """Who reads "says 8000" beside 7,700 must see the question mark."""
    facts = [
        (gpu.name, name, origin) for gpu in Catalogue(None).gpus for name, origin in gpu.provenance.items()
    ]
    assert [fact for fact in facts if " says " in fact[2].source and fact[2].verified] == []
    assert not find_gpu("B200 SXM").is_verified("bandwidth_bytes_per_second")
