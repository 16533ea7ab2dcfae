"""Similarity of two photographs by their 64×64 grey fingerprints, under the eight symmetries of a square."""

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
"""The symmetries by name: what makes the second photograph from the first, besides small changes of colour and frame."""

_MOST_SHIFT = 4  # pixels
_DETAIL_SIGMA, _CONTRAST_SIGMA = 1.5, 3.0  # pixels
_LEAST_CONTRAST = 2.0  # grey levels; below it, details are noise
_CHUNK = 32  # fingerprints at a time, which fit into a processor's caches


def turn(pictures: np.ndarray, symmetry: int) -> np.ndarray:
    """Undo the transformation with index ``symmetry`` in `TRANSFORMATIONS` on pictures (…, S, S).

    From a symmetry of 4 on pictures are mirrored first; all are then turned anticlockwise by (symmetry mod 4) times 90°.
    """
    return np.rot90(pictures[..., ::-1] if symmetry >= 4 else pictures, symmetry % 4, (-2, -1))


def coarse(fingerprints: np.ndarray) -> np.ndarray:
    """Halve fingerprints (M, 64, 64) and bring them to mean 0 and norm 1: the inner product of two is their correlation."""
    count, side, _ = fingerprints.shape
    squares = fingerprints.reshape(count, side // 2, 2, side // 2, 2)
    return _unit(squares.mean(axis=(2, 4), dtype=np.float32))


def details(fingerprints: np.ndarray) -> np.ndarray:
    """Return what a blur removes from fingerprints (M, 64, 64), over the local contrast, faded at the edges; float16, norm 1."""
    found = np.empty(fingerprints.shape, np.float16)
    for start in range(0, len(found), _CHUNK):
        grey = fingerprints[start : start + _CHUNK].astype(np.float32)
        sharp = grey - _DETAIL_BLUR @ grey @ _DETAIL_BLUR.T
        sharp /= np.sqrt(_CONTRAST_BLUR @ (sharp**2) @ _CONTRAST_BLUR.T) + _LEAST_CONTRAST
        found[start : start + _CHUNK] = _unit(sharp * _WINDOW)
    return found


def agreement(stays: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return how well `details` (M, 64, 64) fit those of others, which may move by up to 4 pixels: (M,), -1 to 1."""
    shifts = np.arange(-_MOST_SHIFT, _MOST_SHIFT + 1)
    found = np.zeros(len(stays), np.float32)
    for start in range(0, len(found), _CHUNK):
        spectra = [np.fft.rfft2(each[start : start + _CHUNK].astype(np.float32)) for each in (stays, moves)]
        products = np.fft.irfft2(spectra[0].conj() * spectra[1])  # of all shifts, wrapped around the edges
        found[start : start + _CHUNK] = products[:, shifts[:, None], shifts].max(axis=(1, 2))
    return found


def _unit(pictures: np.ndarray) -> np.ndarray:
    """Bring pictures (M, S, S) to mean 0 and norm 1; flat ones become zeros."""
    centred: np.ndarray = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    unit: np.ndarray = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-3)
    return unit


def _blur(sigma: float) -> np.ndarray:
    """Return a matrix B so that B @ picture @ B.T is blurred; at the edges the weights inside the picture sum to 1."""
    place = np.arange(FINGERPRINT_SIZE, dtype=np.float32)
    weights = np.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))
    blur: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return blur


_DETAIL_BLUR, _CONTRAST_BLUR = _blur(_DETAIL_SIGMA), _blur(_CONTRAST_SIGMA)
_FADE = np.sin(math.pi * np.arange(1, FINGERPRINT_SIZE + 1, dtype=np.float32) / (FINGERPRINT_SIZE + 1)) ** 0.6
_WINDOW = _FADE[:, None] * _FADE
