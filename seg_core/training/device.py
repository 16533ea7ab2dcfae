"""What a training computes on and in: the device that a config names, and the precision that is fastest there."""

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
    """The kind and number of the device that a config names, such as ``("cuda", 1)``.

    Raises:
        InputError: if this machine has no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu", 0
    kind, _, digits = name.partition(":")
    index = int(digits or 0)
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if index >= there:
        raise InputError(f"This machine has no device {name}; choose auto or cpu.")
    return kind, index


def choose_precision(config: Config) -> Precision:
    """The precision that ``auto`` stands for on the config's device: bf16 where it computes in it and is faster so, else fp32."""
    if config.precision != "auto":
        return config.precision
    kind, _ = find_device(config.device)
    if kind == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        faster = kind == "cpu" and _computes_in_bf16() and bf16_pays()
    return "bf16-mixed" if faster else "32-true"


def _computes_in_bf16() -> bool:
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@cache
def bf16_pays() -> bool:
    """Whether a step in bf16 is faster than one in fp32 here: measured once for a machine, in a few seconds, and kept."""
    able = torch.cpu.get_capabilities()
    machine = f"{able.get('cpu_name')}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    file = home() / "cache" / "precision.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if machine not in known:
        step = _trial()
        turns = [[step(half) for half in (False, True)] for _ in range(3)][1:]  # the first one prepares
        known[machine] = {"fp32": min(fp32 for fp32, _ in turns), "bf16": min(bf16 for _, bf16 in turns)}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return bool(known[machine]["bf16"] < known[machine]["fp32"])


def _trial() -> Callable[[bool], float]:
    """Takes a step on four photographs of 256 px, in bf16 or not, and gives the seconds that the processor worked for it.

    Not those that went by: what else the machine does would count, and at its worst hides all that bf16 gains.
    """
    model = build_model(Config.of(encoder_weights="random")).to(memory_format=torch.channels_last)
    images = torch.full((4, 3, 256, 256), 0.5).contiguous(memory_format=torch.channels_last)

    def step(half: bool) -> float:
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = model(images)
        logits.float().square().mean().backward()
        return time.process_time() - started

    return step
