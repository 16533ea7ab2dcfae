"""Recall and speed of the search for near-duplicates: changed copies of real photographs, and the real ones among themselves.

    python -m benchmarks.near_duplicates DIR [DIR ...] [--originals DIR] [--sheet FILE]

Prints the tables of docs/data.md, in Markdown. ``--originals`` names a folder that holds some of the photographs at another size.
``--sheet`` draws the pairs of real photographs whose details agree most, side by side, to be judged by eye.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from benchmarks.measuring import peak_memory, timed_result
from seg_core.data.dataset import open_dataset
from seg_core.data.image import read_image, write_mask
from seg_core.data.scan.dataset_scan import FINGERPRINT_SIZE, Scan, scan_dataset
from seg_core.data.scan.duplicates import AGREEMENT, CORRELATION, Duplicate, near_duplicates
from seg_core.data.scan.similarity import TRANSFORMATIONS

Change = Callable[[Image.Image], Image.Image]

GREY_ALONE = (0.95, 0.975)
"""Least correlations in 32×32 grey of a search without details, for comparison."""

# ISIC 2016 and 2017 photographs that are the same picture as judged by eye, encoded, coloured or framed differently.
SAME_PICTURE = {
    ("ISIC_0012290", "ISIC_0013594"),
    ("ISIC_0012756", "ISIC_0013184"),
    ("ISIC_0012672", "ISIC_0012673"),
    ("ISIC_0000223", "ISIC_0014818"),
    ("ISIC_0000157", "ISIC_0014946"),
    ("ISIC_0000224", "ISIC_0014791"),
    ("ISIC_0000229", "ISIC_0014771"),
    ("ISIC_0000206", "ISIC_0014739"),
    ("ISIC_0000215", "ISIC_0015313"),
    ("ISIC_0000204", "ISIC_0014748"),
    ("ISIC_0000205", "ISIC_0014742"),
    ("ISIC_0000225", "ISIC_0014778"),
}


def _crop(share: float, left: float, top: float) -> Change:
    """Cut off ``share`` of width and height; ``left`` and ``top`` are the shares of it that come off these sides."""

    def change(photo: Image.Image) -> Image.Image:
        width, height = (round(side * (1 - share)) for side in photo.size)
        x, y = round((photo.width - width) * left), round((photo.height - height) * top)
        return photo.crop((x, y, x + width, y + height))

    return change


def _brightness(factor: float) -> Change:
    return lambda photo: ImageEnhance.Brightness(photo).enhance(factor)


def _turn(method: Image.Transpose) -> Change:
    return lambda photo: photo.transpose(method)


# By name: the change, the JPEG quality of the copy, and the transformation to be found.
CHANGES: dict[str, tuple[Change, int, str]] = {
    "mirrored": (_turn(Image.Transpose.FLIP_LEFT_RIGHT), 92, TRANSFORMATIONS[4]),
    "turned by 90°": (_turn(Image.Transpose.ROTATE_270), 92, TRANSFORMATIONS[1]),
    "turned by 180°": (_turn(Image.Transpose.ROTATE_180), 92, TRANSFORMATIONS[2]),
    "turned by 270°": (_turn(Image.Transpose.ROTATE_90), 92, TRANSFORMATIONS[3]),
    "JPEG quality 60": (lambda photo: photo, 60, TRANSFORMATIONS[0]),
    "half the size": (lambda photo: photo.reduce(2), 92, TRANSFORMATIONS[0]),
    "brightness +20 %": (_brightness(1.2), 92, TRANSFORMATIONS[0]),
    "brightness −20 %": (_brightness(0.8), 92, TRANSFORMATIONS[0]),
    "mirrored, brightness −20 %, half the size, quality 60": (
        lambda photo: _brightness(0.8)(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).reduce(2)),
        60,
        TRANSFORMATIONS[4],
    ),
    "5 % cropped all round": (_crop(0.05, 0.5, 0.5), 92, TRANSFORMATIONS[0]),
    "5 % cropped at one corner": (_crop(0.05, 0, 0), 92, TRANSFORMATIONS[0]),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="DIR")
    parser.add_argument("--originals", metavar="DIR")
    parser.add_argument("--sheet", metavar="FILE", type=Path)
    options = parser.parse_args()
    dataset = open_dataset(options.folders)
    seconds, real = timed_result(lambda: scan_dataset(dataset))
    print(f"{len(real)} photographs scanned in {seconds:.2f} s", flush=True)
    among_real = _real_ones(real)
    if options.sheet:
        _sheet([pair.image for pair in dataset.pairs], among_real[:48]).save(options.sheet)
    for count in (2_000, 12_000):
        _synthetic(real, count)
    heads = [f"grey ≥ {least:g} alone" for least in GREY_ALONE] + [f"grey ≥ {CORRELATION:g}", "and details", "named correctly"]
    print(f"| copies, found in % | {' | '.join(heads)} |\n|{' --- |' * (len(heads) + 1)}")
    photos = [pair.image for pair in dataset.pairs]
    for name, (change, quality, expected) in CHANGES.items():
        with tempfile.TemporaryDirectory() as folder:
            _recall(name, real.fingerprints, _copies(photos, Path(folder), change, quality), expected)
    if options.originals:
        originals = scan_dataset(open_dataset(options.originals))
        places = [real.ids.index(id) for id in originals.ids]
        name = f"originals of up to {originals.sizes.max():,} pixels ({len(places)} photographs)"
        _recall(name, real.fingerprints[places], originals.fingerprints, TRANSFORMATIONS[0])


def _real_ones(real: Scan) -> list[Duplicate]:
    """Print how many real pairs are found, correctly and wrongly; return all that correlate, the highest agreement first."""
    seconds, found = timed_result(lambda: near_duplicates(real, least_agreement=-1))
    found = sorted(found, key=lambda each: -each.agreement)
    same = [each for each in found if (each.first.id, each.second.id) in SAME_PICTURE]
    others = [each for each in found if (each.first.id, each.second.id) not in SAME_PICTURE]
    print(
        f"compared in {seconds:.2f} s; {len(found)} correlate by {CORRELATION:g} and more, {len(same)} of them the same picture"
    )
    print("| among them | the same picture | others |\n| --- | --- | --- |")
    for least in GREY_ALONE:
        counts = [sum(each.correlation >= least for each in group) for group in (same, others)]
        print(f"| grey ≥ {least:g} alone | {counts[0]} | {counts[1]} |")
    counts = [sum(each.agreement >= AGREEMENT for each in group) for group in (same, others)]
    print(f"| grey ≥ {CORRELATION:g} and details ≥ {AGREEMENT:g} | {counts[0]} | {counts[1]} |")
    for name, group in (("the same picture", same), ("others", others)):
        agreements, correlations = (sorted(values) for values in zip(*((e.agreement, e.correlation) for e in group), strict=True))
        print(f"{name}: agreement {_ends(agreements)}, correlation {_ends(correlations)}")
    for each in found:
        if each.is_leakage and each.agreement >= AGREEMENT:
            print(f"in two splits: {each}")
    return found


def _ends(values: Sequence[float]) -> str:
    return f"{values[0]:.3f} to {values[-1]:.3f}"


def _copies(photos: Sequence[Path], folder: Path, change: Change, quality: int) -> np.ndarray:
    """Return the fingerprints of changed copies of these photographs, in their order."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for place, photo in enumerate(photos):
        copy = change(read_image(photo))
        copy.save(folder / "images" / f"{place:06d}.jpg", quality=quality)
        write_mask(np.ones(copy.size[::-1]), folder / "masks" / f"{place:06d}.png")
    return scan_dataset(open_dataset(folder)).fingerprints


def _recall(name: str, real: np.ndarray, copies: np.ndarray, expected: str) -> None:
    """Look for the copies among the real photographs, and print a row of the table."""
    count = len(real)
    found = near_duplicates(_scan_of(np.concatenate([real, copies])), least_agreement=-1)
    pairs = [each for each in found if each.second.index == each.first.index + count]
    agreeing = [each for each in pairs if each.agreement >= AGREEMENT]
    kept = [[each for each in pairs if each.correlation >= least] for least in (*GREY_ALONE, CORRELATION)]
    kept += [agreeing, [each for each in agreeing if each.transformation == expected]]
    print(f"| {name} | {' | '.join(f'{100 * len(each) / count:.1f}' for each in kept)} |", flush=True)


def _scan_of(fingerprints: np.ndarray) -> Scan:
    """A scan of these fingerprints with ids of their own, and nothing else."""
    count = len(fingerprints)
    ids, sizes, areas = [str(place) for place in range(count)], np.full((count, 2), 256, np.int32), np.full(count, 0.2)
    return Scan(ids, ["train"] * count, sizes, areas, fingerprints, [[] for _ in ids], [])


def _synthetic(real: Scan, count: int) -> None:
    """Print the time for a large dataset: mixtures of two real photographs each, one of them turned."""
    draw = random.Random(0)
    fingerprints = np.empty((count, FINGERPRINT_SIZE, FINGERPRINT_SIZE), np.uint8)
    for place in range(count):
        one, other = (real.fingerprints[draw.randrange(len(real))].astype(np.float32) for _ in range(2))
        share = draw.uniform(0.2, 0.8)
        fingerprints[place] = share * one + (1 - share) * np.rot90(other, draw.randrange(4))
    large = _scan_of(fingerprints)
    before = peak_memory()
    seconds, found = timed_result(lambda: near_duplicates(large))
    print(f"{count:,} mixtures: {seconds:.1f} s, {peak_memory() - before:.0f} MB more memory at most; {len(found)} found")


def _sheet(photos: Sequence[Path], found: Sequence[Duplicate], columns: int = 4, side: int = 200) -> Image.Image:
    """Draw both photographs of each pair side by side, as stored."""
    rows = -(-len(found) // columns)
    sheet = Image.new("RGB", (columns * (2 * side + 20), rows * (side + 30)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, each in enumerate(found):
        x, y = place % columns * (2 * side + 20), place // columns * (side + 30)
        text = f"{each.first.id} {each.second.id} {each.correlation:.3f} {each.agreement:.3f}\n{each.transformation}"
        draw.multiline_text((x, y), text, "black", spacing=0)
        for step, one in enumerate((each.first, each.second)):
            sheet.paste(read_image(photos[one.index]).resize((side, side)), (x + step * side, y + 28))
    return sheet


if __name__ == "__main__":
    main()
