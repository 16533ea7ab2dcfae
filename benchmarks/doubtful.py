"""How many errors that are planted in true masks are among the first that the ranking of doubtful masks lists.

python -m benchmarks.doubtful GROUP [--planted FILE.json] [--first 40] [--seeds 20] [--sheet FILE.png]

GROUP is a finished cross-validation, such as g1 of `train --folds 5`. First the masks that it finds most doubtful are listed,
and drawn. Then 20 errors are planted in what the ranking sees (`benchmarks.planted`), once for each seed, and several ways to
rank are compared. To plant them before the training too, write a copy of a dataset with them and train on it:

python -m benchmarks.doubtful --copy DIR --data DIR

which leaves in DIR/planted.json what was planted, to be given with --planted.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.planted import KINDS, planted
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.image import scaled_mask, write_mask
from seg_core.data.truth import read_truth
from seg_core.evaluation.doubtful import reason
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.doubtful import Ranking, keep_doubtful, probabilities
from seg_core.jobs.requests import evaluation_request, unseen
from seg_core.jobs.results import result_folder
from seg_core.prediction.expected_iou import soft_iou
from seg_core.prediction.overlay import draw_mask, preview
from seg_core.runs.address import parse_address
from seg_core.runs.groups import groups_of
from seg_core.runs.store import RunStore

PLANTED = "planted.json"
WAYS: dict[str, Callable[[np.ndarray, np.ndarray, float], float]] = {
    "expected IoU less the IoU with the truth": lambda p, t, cut: soft_iou(p, cut) - _iou(p >= cut, t),
    "1 - IoU": lambda p, t, cut: 1 - _iou(p >= cut, t),
    "log-loss less its own entropy, per pixel of the mask": lambda p, t, cut: (_loss(p, t) - _loss(p, p)).sum() / _area(p, cut),
    "log-loss, per pixel of the mask": lambda p, t, cut: _loss(p, t).sum() / _area(p, cut),
    "cleanlab (softmin, temperature 0.1)": lambda p, t, cut: 1 - _softmin(np.where(t, p, 1 - p), 0.1),
    "log-loss, per pixel": lambda p, t, cut: _loss(p, t).mean(),
}
"""Scores of a mask (H, W) bool by probabilities (H, W), of which more is more doubtful."""


def main() -> None:
    """Print the most doubtful masks, and how many planted errors each way finds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", nargs="?", help="a finished cross-validation, such as g1")
    parser.add_argument("--planted", type=Path, help="what was planted before the training")
    parser.add_argument("--first", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sheet", type=Path, help="draw the first twenty")
    parser.add_argument("--copy", type=Path, help="write a copy of --data with planted errors, and end")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.copy:
        copy_with_errors(options.data, options.copy)
        return
    store, number = RunStore(), parse_address(options.group).number
    group = next(each for each in groups_of(store.list_runs()) if each.id == number)
    ranking = keep_doubtful(group.runs, store, lambda done, total, what: None)
    print(f"{len(ranking.masks)} of {ranking.photographs} masks are listed.")
    for place, mask in enumerate(ranking.masks[:20], start=1):
        print(f"{place:3} {mask.pair.id} {mask.reason.words} IoU {mask.iou:.2f}, expected {mask.expected:.2f}.")
    if options.sheet:
        draw_sheet(ranking, options.sheet)
    if options.planted:
        kinds = json.loads(options.planted.read_text(encoding="utf-8"))
        found = Counter(kinds[mask.pair.id] for mask in ranking.masks[: options.first] if mask.pair.id in kinds)
        print(f"Of {len(kinds)} planted before the training, {found.total()} are among the first {options.first}: {dict(found)}")
        return
    seen = {}
    for run in group.runs:
        model = store.folder(run.id) / "best.safetensors"
        split = unseen(open_dataset(run.sources), model, run.config.split_spec)
        folder = result_folder(evaluation_request(model, split))
        assert folder is not None
        cut = Evaluation.load(folder / "evaluation.npz").model_threshold
        for row, pair in enumerate(split.pairs, start=1):
            with Image.open(folder / f"{row:05d}.png") as picture:
                seen[pair.id] = np.asarray(picture) / np.float32(255), read_truth(pair).mask, cut
    compare(seen, options.first, options.seeds)


def compare(seen: dict[str, tuple[np.ndarray, np.ndarray, float]], first: int, seeds: int) -> None:
    """Print for each way to rank how many planted errors are among the first, of each kind; and what is said of them."""
    ids = [id for id, (_, truth, _) in sorted(seen.items()) if truth.any()]
    clean = {id: {way: float(score(*seen[id])) for way, score in WAYS.items()} for id in ids}
    counts = {way: [Counter[str]() for _ in range(seeds)] for way in WAYS}
    said = {kind: Counter[str]() for kind in KINDS}
    sizes = [truth.sum() / (p >= cut).sum() for p, truth, cut in seen.values() if truth.any() and (p >= cut).any()]
    for seed in range(seeds):
        errors = planted(ids, lambda id: seen[id][1], seed)
        for kind, wrong, id in ((kind, wrong, id) for id, (kind, wrong) in errors.items()):
            p, _, cut = seen[id]
            said[kind][reason(wrong, p, cut, float(np.median(sizes))).kind if (p >= cut).any() else "no mask"] += 1
        for way, score in WAYS.items():
            scores = {id: values[way] for id, values in clean.items()}
            scores |= {id: float(score(seen[id][0], wrong, seen[id][2])) for id, (_, wrong) in errors.items()}
            order = sorted(ids, key=lambda id: -scores[id])[:first]
            counts[way][seed].update(errors[id][0] for id in order if id in errors)
    print(f"\n| ranked by | found of 20 in the first {first}, mean (range) | {' | '.join(KINDS)} |\n|{' --- |' * 6}")
    for way, found in counts.items():
        totals = [each.total() for each in found]
        kinds = " | ".join(f"{np.mean([each[kind] for each in found]):.1f}" for kind in KINDS)
        print(f"| {way} | {np.mean(totals):.1f} ({min(totals)} to {max(totals)}) | {kinds} |")
    for kind, words in said.items():
        print(f"{kind}: {', '.join(f'{word} {count}' for word, count in words.most_common())}")


def copy_with_errors(data: Path, target: Path) -> None:
    """Copy a dataset and plant errors in the masks that train."""
    shutil.copytree(data, target)
    pairs = {pair.id: pair for pair in open_dataset(target).trainable if read_truth(pair).mask.any()}
    errors = planted(list(pairs), lambda id: read_truth(pairs[id]).mask, 0)
    for id, (_, wrong) in errors.items():
        write_mask(wrong, pairs[id].mask)
    (target / PLANTED).write_text(json.dumps({id: kind for id, (kind, _) in errors.items()}), encoding="utf-8")


def draw_sheet(ranking: Ranking, file: Path, columns: int = 5, side: int = 256) -> None:
    """Draw the first twenty photographs with the true mask in white and the model's in blue."""
    first = ranking.masks[:20]
    sheet = Image.new("RGB", (columns * side, -(-len(first) // columns) * (side + 14)))
    for place, mask in enumerate(first):
        photo, _ = preview(mask.pair.image, side, side)
        drawn = draw_mask(photo, scaled_mask(_truth(mask.pair), photo.size), "#ffffff", opacity=0, width=2)
        models = scaled_mask(probabilities(mask) >= 255 * mask.threshold, photo.size)
        drawn = draw_mask(drawn, models, "#0072B2", opacity=0, width=2)
        left, top = place % columns * side, place // columns * (side + 14)
        sheet.paste(drawn, (left, top + 14))
        ImageDraw.Draw(sheet).text((left + 2, top + 1), f"{place + 1} {mask.pair.id} {mask.reason.kind}", fill="#ffffff")
    sheet.save(file)


def _truth(pair: Pair) -> np.ndarray:
    return read_truth(pair).mask


def _iou(mask: np.ndarray, truth: np.ndarray) -> float:
    either = int((mask | truth).sum())
    return int((mask & truth).sum()) / either if either else 1.0


def _area(probability: np.ndarray, cut: float) -> int:
    return max(1, int((probability >= cut).sum()))


def _loss(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cross-entropy (H, W) of a truth, or of the probabilities themselves: their entropy."""
    p = np.clip(probability, 1 / 510, 1 - 1 / 510)
    t = np.clip(truth.astype(np.float32), 1 / 510, 1 - 1 / 510) if truth.dtype != bool else truth
    loss: np.ndarray = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    return loss


def _softmin(quality: np.ndarray, temperature: float) -> float:
    """The quality of a mask by that of its pixels, which tends to the lowest of them (Lad & Mueller, 2023, arXiv:2307.05080)."""
    weights = np.exp(-quality / temperature)
    return float((quality * weights).sum() / weights.sum())


if __name__ == "__main__":
    main()
