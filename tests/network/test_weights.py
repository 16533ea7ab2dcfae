"""Sources of the ImageNet weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch

from seg_core.errors import InputError
from seg_core.network import build_model, weights
from tests.helpers import tiny_config


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Path]]:
    """Both places for weights, empty; nothing can be downloaded; ``good`` is a file with the right hash."""
    hub, package = tmp_path / "hub", tmp_path / "package"
    content = b"the weights"
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(hub))
    spec = SimpleNamespace(submodule_search_locations=[str(package)])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec if name == weights.PACKAGE else None)

    def offline(*args: object, **options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    weights._weights_file.cache_clear()
    (hub / "checkpoints").mkdir(parents=True)
    (package / "weights").mkdir(parents=True)
    good = tmp_path / "good.pth"
    good.write_bytes(content)
    name = "mobilenet_v2-b0353104.pth"
    yield {"hub": hub / "checkpoints" / name, "package": package / "weights" / name, "good": good}
    weights._weights_file.cache_clear()


@pytest.mark.parametrize("place", ["hub", "package"])
def test_weights_are_found_in_the_hub_cache_and_in_the_package(place: str, places: dict[str, Path]) -> None:
    places[place].write_bytes(places["good"].read_bytes())
    assert weights._weights_file() == places[place]


def test_a_file_with_another_hash_is_passed_over(places: dict[str, Path]) -> None:
    places["hub"].write_bytes(b"something else")
    places["package"].write_bytes(places["good"].read_bytes())
    assert weights._weights_file() == places["package"]


@pytest.mark.parametrize("damaged", [[], ["hub"], ["hub", "package"]])
def test_without_weights_and_network_the_message_says_what_to_do(damaged: list[str], places: dict[str, Path]) -> None:
    for place in damaged:
        places[place].write_bytes(b"something else")
    with pytest.raises(
        InputError, match=r"could not be downloaded.*no network.*put mobilenet_v2-b0353104\.pth into .*random encoder weights"
    ) as refused:
        build_model(tiny_config(encoder_weights="imagenet"))
    assert "\n" not in str(refused.value)
    build_model(tiny_config(encoder_weights="imagenet"), load_encoder_weights=False)
    build_model(tiny_config(encoder_weights="random"))


def test_weights_are_downloaded_where_they_are_missing_and_their_hash_is_asked_for(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, target: str, hash_prefix: str, progress: bool) -> None:
        assert url == "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth"
        assert hash_prefix == weights.SHA256
        Path(target).write_bytes(places["good"].read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert weights._weights_file() == places["hub"]


def test_a_folder_that_cannot_be_written_is_bad_input_too(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(places["good"] / "below-a-file"))
    with pytest.raises(InputError, match="could not be downloaded"):
        weights.imagenet_state()


def test_the_imagenet_weights_are_torchvisions_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **options: object) -> None:
        raise URLError("tests download nothing")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    try:
        expected = weights.imagenet_state()
    except InputError as error:
        pytest.skip(str(error))
    encoder = build_model(tiny_config(encoder_weights="imagenet")).encoder.state_dict()
    assert {name for name in expected if not name.startswith("classifier")} == set(encoder)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in encoder.items())
