"""How alike two photographs are, judged by their 64×64 grey fingerprints, over the eight ways to turn and mirror a square."""

from __future__ import annotations

import math

import numpy as np

from seg_core.data.scan.dataset_scan import FINGERPRINT_SIZE

TRANSFORMATIONS = (
    "unchanged",
    "turned by 90° clockwise",
    "turned by 180°",
    "turned by 90° anticlockwise",
    "mirrored left to right",
    "mirrored left to right and turned by 90° anticlockwise",
    "mirrored top to bottom",
    "mirrored left to right and turned by 90° clockwise",
)
"""What makes the second photograph from the first, besides small changes of colour and frame."""

_MOST_SHIFT = 4  # pixels
_DETAIL_SIGMA, _CONTRAST_SIGMA = 1.5, 3.0  # pixels
_LEAST_CONTRAST = 2.0  # grey levels: below it, details are noise
_CHUNK = 32  # details computed at a time: as many as a processor's caches like


def turn(pictures: np.ndarray, symmetry: int) -> np.ndarray:
    """Pictures (…, S, S) mirrored from a symmetry of 4 on, and then turned anticlockwise, by its remainder of 4 times 90°.

    It undoes the transformation of that index in `TRANSFORMATIONS`.
    """
    return np.rot90(pictures[..., ::-1] if symmetry >= 4 else pictures, symmetry % 4, (-2, -1))


def coarse(fingerprints: np.ndarray) -> np.ndarray:
    """Fingerprints (M, 64, 64) at half the size, at mean 0 and norm 1: the sum of two's products is their correlation."""
    count, side, _ = fingerprints.shape
    squares = fingerprints.reshape(count, side // 2, 2, side // 2, 2)
    return _unit(squares.mean(axis=(2, 4), dtype=np.float32))


def details(fingerprints: np.ndarray) -> np.ndarray:
    """What a blur takes from fingerprints (M, 64, 64), by the contrast around it, fading to the edges; float16 of norm 1."""
    found = np.empty(fingerprints.shape, np.float16)
    for start in range(0, len(found), _CHUNK):
        grey = fingerprints[start : start + _CHUNK].astype(np.float32)
        sharp = grey - _DETAIL_BLUR @ grey @ _DETAIL_BLUR.T
        sharp /= np.sqrt(_CONTRAST_BLUR @ (sharp**2) @ _CONTRAST_BLUR.T) + _LEAST_CONTRAST
        found[start : start + _CHUNK] = _unit(sharp * _WINDOW)
    return found


def agreement(stays: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """How well `details` (M, 64, 64) of photographs fit those of others that are moved by up to 4 pixels: (M,), -1 to 1."""
    shifts = np.arange(-_MOST_SHIFT, _MOST_SHIFT + 1)
    found = np.zeros(len(stays), np.float32)
    for start in range(0, len(found), _CHUNK):
        spectra = [np.fft.rfft2(each[start : start + _CHUNK].astype(np.float32)) for each in (stays, moves)]
        products = np.fft.irfft2(spectra[0].conj() * spectra[1])  # of all shifts, wrapped around the edges
        found[start : start + _CHUNK] = products[:, shifts[:, None], shifts].max(axis=(1, 2))
    return found


def _unit(pictures: np.ndarray) -> np.ndarray:
    """Pictures (M, S, S) at mean 0 and norm 1; flat ones are zeros."""
    centred: np.ndarray = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    return np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-3)  # type: ignore[no-any-return]


def _blur(sigma: float) -> np.ndarray:
    """A matrix B so that B @ picture @ B.T is blurred; at the edges, what lies outside counts for nothing."""
    place = np.arange(FINGERPRINT_SIZE, dtype=np.float32)
    weights = np.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))
    blur: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return blur


_DETAIL_BLUR, _CONTRAST_BLUR = _blur(_DETAIL_SIGMA), _blur(_CONTRAST_SIGMA)
_FADE = np.sin(math.pi * np.arange(1, FINGERPRINT_SIZE + 1, dtype=np.float32) / (FINGERPRINT_SIZE + 1)) ** 0.6
_WINDOW = _FADE[:, None] * _FADE
