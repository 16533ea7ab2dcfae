"""Measure training throughput, beside a plain loop as a user would write it, and beside our model without any data loading.

    python -m benchmarks.training --data ../shared/data/isic2016-256 --originals ../shared/data/isic2016-fullres

Three programs run in turns, each time in a new process: the peer (segmentation_models_pytorch, PIL and torchvision for
each item, DataLoader with 2 workers, fp32), ours (`seg_core.training.loop.train`), and the limit (our steps on one batch
in memory). They share photographs, size, batch and optimizer, and use the GPU where there is one. Prints Markdown. The
machine should be idle. With --whole-run, instead trains a whole run by the recipe `best` and prints its time and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seg_core.config import Config, SplitSpec
from seg_core.data.dataset import open_dataset

SIZE, BATCH = 256, 16
PHOTOS = 160
"""Photographs of the comparison. Every fifth validates, which leaves eight batches an epoch."""
ROUNDS, EPOCHS = 3, 3
VARIANTS = ("fine-tune", "trainable-decoder")
OPENMP = {"OMP_WAIT_POLICY": "passive"}
"""The setting of `python -m seg_core` (seg_core/__main__.py)."""
LIMIT = ["benchmarks.training", "--data", "sample", "--only", "limit"]


def main() -> None:
    """Measure in turns and print a table; or, as a child process, measure one program and print numbers."""
    parser = argparse.ArgumentParser(description="Measure training throughput.")
    parser.add_argument("--data", required=True, help="a dataset of photographs about as large as the network's input")
    parser.add_argument("--originals", help="a dataset of photographs of several megapixels")
    parser.add_argument(
        "--whole-run", action="store_true", help="instead train a run by the recipe `best` and print its time and memory"
    )
    parser.add_argument(
        "--openmp", action="store_true", help="instead compare OpenMP's two ways to wait, alone and beside busy processes"
    )
    parser.add_argument("--only", choices=("peer", "ours", "limit"), help=argparse.SUPPRESS)
    parser.add_argument("--variant", choices=VARIANTS, default=VARIANTS[0], help="variant of the whole run")
    options = parser.parse_args()
    if options.whole_run:
        with tempfile.TemporaryDirectory() as folder:
            os.environ |= {"LESIONLAB_HOME": folder} | OPENMP
            whole_run(options.data, options.variant)
        return
    if options.openmp:
        compare_waiting()
        return
    if options.only:
        measure = {"peer": peer, "ours": ours, "limit": limit}[options.only]
        print(json.dumps(measure(options.data, options.variant)))
        return
    print("| photographs | variant | peer | ours | ours, first epoch | limit | ours / peer | ours / limit |")
    print("| --- " * 8 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for source in filter(None, (options.data, options.originals)):
            data = _linked_subset(source, Path(folder, Path(source).name))
            for variant in VARIANTS if source == options.data else VARIANTS[:1]:
                print(_row(Path(source).name, data, variant, Path(folder)), flush=True)


def _row(name: str, data: Path, variant: str, folder: Path) -> str:
    found: dict[str, list[float]] = {"peer": [], "ours": [], "first": [], "limit": []}
    for turn in range(ROUNDS):
        home = {"LESIONLAB_HOME": str(folder / f"home-{name}-{variant}-{turn}")}
        options = ["benchmarks.training", "--data", str(data), "--variant", variant, "--only"]
        found["peer"] += _child([*options, "peer"], {})
        first, *steady = _child([*options, "ours"], home | OPENMP)
        found["first"].append(first)
        found["ours"] += steady
        found["limit"] += _child([*options, "limit"], OPENMP)
    middle = {what: statistics.median(values) for what, values in found.items()}
    order = ("peer", "ours", "first", "limit")
    cells = [f"{middle[what]:.1f} ({min(found[what]):.1f} to {max(found[what]):.1f})" for what in order]
    ratios = [f"{middle['ours'] / middle['peer']:.2f}", f"{middle['ours'] / middle['limit']:.2f}"]
    return f"| {name} | {variant} | " + " | ".join(cells + ratios) + " |"


def _child(module: Sequence[str], environment: Mapping[str, str]) -> Any:
    command = [sys.executable, "-m", *module]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment})
    return json.loads(done.stdout.splitlines()[-1])


def _linked_subset(source: str, target: Path) -> Path:
    """Make a dataset, in the generic layout, of links to training photographs of another one."""
    for kind in ("images", "masks"):
        (target / kind).mkdir(parents=True)
    for pair in open_dataset(source).split(SplitSpec()).train[:PHOTOS]:
        (target / "images" / pair.image.name).symlink_to(pair.image)
        (target / "masks" / f"{pair.image.stem}{pair.mask.suffix}").symlink_to(pair.mask)
    return target


def _peer_loader(data: str) -> Any:
    """Return a DataLoader that decodes and augments each item by PIL and torchvision."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    pairs = open_dataset(data).split(SplitSpec()).train
    augment = v2.Compose(
        [
            v2.RandomResizedCrop(SIZE, scale=(0.6, 1.0)),
            v2.RandomRotation(20, interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(0.2, 0.2, 0.2, 0.02),
            v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.float32, "others": None}, scale=True),
        ]
    )
    normalise = v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    class Photographs(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(pairs)

        def __getitem__(self, index: int) -> Any:
            image = Image.open(pairs[index].image).convert("RGB").resize((SIZE, SIZE))
            mask = Image.open(pairs[index].mask).convert("L").resize((SIZE, SIZE), Image.Resampling.NEAREST)
            photo, truth = augment(
                tv_tensors.Image(v2.functional.pil_to_tensor(image)), tv_tensors.Mask(v2.functional.pil_to_tensor(mask))
            )
            return normalise(photo), (truth > 0).float()

    return DataLoader(Photographs(), BATCH, shuffle=True, num_workers=2)


def peer(data: str, variant: str) -> list[float]:
    """Images per second of the plain loop in its second epoch; the first one warms up."""
    import segmentation_models_pytorch as smp
    import torch

    loader = _peer_loader(data)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = smp.Unet("mobilenet_v2", encoder_weights=None).to(device)
    if variant == "trainable-decoder":
        for parameter in model.encoder.parameters():
            parameter.requires_grad_(False)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-3)
    dice = smp.losses.DiceLoss("binary")
    speeds = []
    for _ in range(2):
        started = time.perf_counter()
        for images, masks in loader:
            logits, truths = model(images.to(device)), masks.to(device)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truths) + dice(logits, truths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()
        speeds.append(len(loader.dataset) / (time.perf_counter() - started))
    return speeds[1:]


def ours(data: str, variant: str) -> list[float]:
    """Images per second of each epoch of a training. The first one begins with an empty image cache and includes filling it."""
    from seg_core.common.home import home
    from seg_core.training.events import BatchDone, EpochDone, Event
    from seg_core.training.loop import train

    config = Config.of("best", variant=variant, image_size=SIZE, batch_size=BATCH, epochs=EPOCHS)
    dataset = open_dataset(data)
    photos = len(dataset.split(config.split_spec).train)
    speeds: list[float] = []
    started = time.perf_counter()

    def note(event: Event) -> None:
        if isinstance(event, BatchDone) and event.epoch == 1 and event.batch == event.batches:
            speeds.append(photos / (time.perf_counter() - started))
        if isinstance(event, EpochDone) and event.epoch > 1:
            speeds.append(event.images_per_second)

    train(config, dataset, note, folder=home() / "run")
    return speeds


def limit(data: str, variant: str) -> list[float]:
    """Images per second of our training steps on one batch in the device's memory."""
    import torch
    from lightning_fabric import Fabric

    from seg_core.network import build_model
    from seg_core.training.device import choose_precision
    from seg_core.training.losses import LOSSES

    config = Config.of("best", variant=variant, image_size=SIZE, batch_size=BATCH)
    fabric = Fabric(accelerator="auto", devices=1, precision=choose_precision(config))
    network = build_model(config).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW([one for one in network.parameters() if one.requires_grad], lr=config.learning_rate)
    model, optimizer = fabric.setup(network, optimizer)
    network.fold_frozen_encoder()
    model.train()
    images = torch.randn(BATCH, 3, SIZE, SIZE, device=fabric.device).contiguous(memory_format=torch.channels_last)
    masks = (torch.rand(BATCH, 1, SIZE, SIZE, device=fabric.device) > 0.7).float()

    def step() -> None:
        loss = LOSSES[config.loss](model(images).float(), masks)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        loss.item()

    for _ in range(3):
        step()
    steps = 16
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return [steps * BATCH / (time.perf_counter() - started)]


def compare_waiting() -> None:
    """Print the limit with OpenMP's threads spinning and asleep while they wait, alone and beside two busy processes."""
    print("| beside | spinning (OpenMP's default) | asleep (`OMP_WAIT_POLICY=passive`) |\n| --- | --- | --- |")
    for busy in (0, 2):
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        try:
            turns = [[_child(LIMIT, policy)[0] for policy in ({}, OPENMP)] for _ in range(ROUNDS)]
        finally:
            for other in others:
                other.kill()
                other.wait()
        cells = [
            f"{statistics.median(speeds):.1f} ({min(speeds):.1f} to {max(speeds):.1f})" for speeds in zip(*turns, strict=True)
        ]
        print(f"| {busy} busy processes | {' | '.join(cells)} |", flush=True)


def whole_run(data: str, variant: str) -> None:
    """Train a whole dataset by the recipe, and print the time and the process's memory."""
    import psutil

    from seg_core.common.home import home
    from seg_core.training.events import EpochDone, Event
    from seg_core.training.loop import train

    process, resident, speeds = psutil.Process(), list[float](), list[float]()
    started = time.perf_counter()

    def note(event: Event) -> None:
        if isinstance(event, EpochDone):
            resident.append(process.memory_info().rss / 1e9)
            speeds.append(event.images_per_second)

    config = Config.of("best", variant=variant)
    result = train(config, open_dataset(data), note, folder=home() / "run")
    seconds, size = time.perf_counter() - started, config.image_size
    print(f"{result.epochs} epochs of {Path(data).name} at {size} px: {seconds:.0f} s, data included; ", end="")
    print(f"{statistics.median(speeds):.1f} images per second, validation IoU {result.val['iou']:.4f}.")
    print(f"Memory after epoch 2 {resident[1]:.2f} GB, after the last {resident[-1]:.2f} GB, at most {max(resident):.2f} GB.")


if __name__ == "__main__":
    main()
