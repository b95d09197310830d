"""Public catalogues read, and the user's file written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.catalogue.load import Catalogue
from vllm_costmeter.sources.catalogue.price_feeds import gpuhunt, litellm, skypilot
from vllm_costmeter.sources.catalogue.user_file import api_tables, price_tables, with_block, write_block

DATA = Path(__file__).parents[2] / "data" / "price_feeds"
DAY = "2026-11-22"
CATALOGUE = Catalogue()


def test_skypilot_prices_instances() -> None:
    """Per GPU; the cheapest region; spot apart; a GPU we do not know is named and left out."""
    text = (DATA / "lambda" / "vms.csv").read_text().replace(",A10,", ",Z10,")
    found = skypilot(text, "v8/lambda/vms.csv", None, DAY, CATALOGUE)
    rows = [(row.gpu, row.provider, row.term, row.gpus, row.usd_per_gpu_hour) for row in found.rows]
    assert rows == [
        ("GH200", "lambda", "on-demand", 1, 2.29),
        ("GH200", "lambda", "spot", 1, 1.1),
        ("H100 SXM", "lambda", "on-demand", 8, 3.75),
    ]
    assert found.unknown_gpus == {"Z10"}


def test_gpuhunt_tells_memory_sizes_apart() -> None:
    """An A100 of 80 GB is not one of 40, and an offer without GPUs is none."""
    found = gpuhunt((DATA / "runpod.csv").read_text(), "runpod.csv", None, DAY, CATALOGUE)
    rows = {(row.gpu, row.provider, row.term, row.usd_per_gpu_hour) for row in found.rows}
    assert ("RTX 4090", "runpod", "spot", 0.35) in rows
    assert {gpu for gpu, *_ in rows} == {"RTX 4090", "A100 80GB PCIe"}


@pytest.mark.parametrize(
    ("instance", "gpu"),
    [
        ("gpu_1x_h100_pcie", "H100 PCIe"),
        ("gpu_8x_h100_sxm5", "H100 SXM"),
        ("p5.48xlarge", "H100 SXM"),
        ("Standard_NC40ads_H100_v5", "H100 NVL"),
        ("offer-7", None),
    ],
)
def test_an_h100_is_the_one_that_its_instance_has(instance: str, gpu: str | None) -> None:
    """Feeds call all three alike; where the instance's name does not tell, the price is left out and named."""
    line = f"InstanceType,AcceleratorName,AcceleratorCount,Price\n{instance},H100,1.0,2.0\n"
    found = skypilot(line, "v8/x/vms.csv", None, DAY, CATALOGUE)
    assert [row.gpu for row in found.rows] == ([] if gpu is None else [gpu])
    assert found.unknown_gpus == (set() if gpu else {"H100"})


def test_litellm_prices_a_million_tokens() -> None:
    """Chat models of the asked providers; neither embeddings nor the sample."""
    rows = litellm((DATA / "litellm.json").read_text(), "litellm.json", ["deepinfra"], DAY)
    assert [row.model for row in rows] == ["meta-llama/Llama-3.3-70B-Instruct", "org/New-Model"]
    assert [
        float(usd) for usd in (rows[1].input_usd_per_million, rows[1].output_usd_per_million, rows[1].cached)
    ] == [
        0.5,
        2.0,
        0.05,
    ]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "{}", "[1]"])
def test_another_file_is_said_in_one_line(text: str) -> None:
    """Each reader names what it wanted."""
    with pytest.raises(BadInputError, match="skypilot"):
        skypilot(text, "x/vms.csv", "p", DAY, CATALOGUE)
    with pytest.raises(BadInputError, match="gpuhunt"):
        gpuhunt(text, "x.csv", "p", DAY, CATALOGUE)
    with pytest.raises(BadInputError, match="litellm"):
        litellm(text, "x.json", ["deepinfra"], DAY)


def test_the_provider_of_a_bare_file_is_asked_for() -> None:
    """skypilot's files do not say whose they are."""
    with pytest.raises(BadInputError, match="--provider"):
        skypilot("", "vms.csv", None, DAY, CATALOGUE)


def test_an_update_leaves_your_own_lines_alone(tmp_path: Path) -> None:
    """The block is replaced, twice makes one, and what is written is read back as a catalogue."""
    file = tmp_path / "mine.toml"
    file.write_text('# mine\n[[price]]\ngpu = "RTX 4090"\nusd_per_gpu_hour = 0.21\nas_of = "2026-11"\n')
    found = gpuhunt((DATA / "runpod.csv").read_text(), "runpod.csv", None, DAY, CATALOGUE)
    for _ in range(2):
        write_block(file, "gpuhunt runpod", price_tables(found.rows))
    assert file.read_text().startswith("# mine\n")
    rows = [row for row in Catalogue(file).prices if row.from_user]
    assert len(rows) == 1 + len(found.rows)
    assert {row.usd_per_gpu_hour for row in rows} == {0.21, *(row.usd_per_gpu_hour for row in found.rows)}
    assert list(tmp_path.iterdir()) == [file]


def test_a_broken_file_is_not_made_worse(tmp_path: Path) -> None:
    """What is no TOML with the block is not written."""
    file = tmp_path / "mine.toml"
    file.write_text("[[price]\n")
    with pytest.raises(BadInputError, match="not written"):
        write_block(file, "x", "")
    assert file.read_text() == "[[price]\n"


@given(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=30).filter(
        lambda text: text.strip() != ""
    )
)
def test_any_model_name_is_written_as_toml(name: str) -> None:
    """Quotes, backslashes and control characters do not break the file."""
    rows = litellm((DATA / "litellm.json").read_text(), "litellm.json", ["deepinfra"], DAY)
    text = with_block("", "x", api_tables([type(rows[0])(name, *(getattr(rows[0], key) for key in _REST))]))
    assert len(tomllib.loads(text)["api"]) == 1


_REST = (
    "provider",
    "input_usd_per_million",
    "output_usd_per_million",
    "cached_usd_per_million",
    "as_of",
    "source",
)
