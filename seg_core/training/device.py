"""The device that a config names, and the precision that is fastest there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from typing import Literal

import torch

from seg_core.common.home import home
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.network import build_model

Precision = Literal["32-true", "bf16-mixed"]


def find_device(name: str) -> tuple[str, int]:
    """Return the kind and number of the device that a config names, such as ``("cuda", 1)``.

    Raises:
        InputError: if this machine has no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu", 0
    kind, _, digits = name.partition(":")
    index = int(digits or 0)
    available = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if index >= available:
        raise InputError(f"This machine has no device {name}; choose auto or cpu.")
    return kind, index


def choose_precision(config: Config) -> Precision:
    """Return the config's precision; ``auto`` is bf16 where the device computes in it and is faster so, else fp32."""
    if config.precision != "auto":
        return config.precision
    kind, _ = find_device(config.device)
    if kind == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        faster = kind == "cpu" and _cpu_has_bf16() and bf16_is_faster()
    return "bf16-mixed" if faster else "32-true"


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@cache
def bf16_is_faster() -> bool:
    """True if a training step in bf16 is faster than in fp32 on this CPU.

    Measured once for each machine, in a few seconds, and kept in ``cache/precision.json`` of the home folder.
    """
    machine = f"{torch.cpu.get_capabilities().get('cpu_name')}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    file = home() / "cache" / "precision.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if machine not in known:
        known[machine] = _measure_precisions()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return bool(known[machine]["bf16"] < known[machine]["fp32"])


def _measure_precisions() -> dict[str, float]:
    """Return the seconds of a training step in fp32 and in bf16."""
    step = _trial_step()
    rounds = [[step(bf16) for bf16 in (False, True)] for _ in range(3)][1:]  # the first round warms up
    return {"fp32": min(fp32 for fp32, _ in rounds), "bf16": min(bf16 for _, bf16 in rounds)}


def _trial_step() -> Callable[[bool], float]:
    """Return a function that trains on four photographs of 256 px, in bf16 or fp32, and returns the seconds of CPU time.

    Elapsed time would include what else the machine does, which at its worst hides the whole gain of bf16.
    """
    model = build_model(Config.of(encoder_weights="random")).to(memory_format=torch.channels_last)
    images = torch.full((4, 3, 256, 256), 0.5).contiguous(memory_format=torch.channels_last)

    def step(bf16: bool) -> float:
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(images)
        logits.float().square().mean().backward()
        return time.process_time() - started

    return step
