"""Unpacking of photographs and masks from an untrusted archive: safely, and all or nothing."""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from seg_core.errors import InputError

MAX_FILE_BYTES = 100 * 10**6
MAX_TOTAL_BYTES = 4 * 10**9
MAX_MEMBERS = 10_000
MOST_FILES, MOST_BYTES = 500_000, 50 * 10**9
"""Limits of a user's own archive; the photographs of ISIC 2018 are 11 GB."""

_ENCRYPTED = 1
_BLOCK_BYTES = 1 << 20
# All that `zipfile` raises on damaged archives, depending on the byte that is wrong.
_DAMAGE = (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)


class BadArchive(Exception):
    """The archive cannot be used; the text continues a sentence that begins with its name."""


def unpack(archive: Path, folder: Path, wanted: re.Pattern[str], count: int, before_each: Callable[[], None]) -> None:
    """Unpack the files whose names match ``wanted`` into ``folder``, which must not exist yet, and leave out all others.

    Folders within the archive are ignored. Every member is read to its end, which compares its checksum; the folder appears
    once all files are sound and written. ``before_each`` is called before every member; what it raises ends the unpacking.

    Raises:
        BadArchive: if it is damaged, is not safe to unpack, or does not hold ``count`` such files.
        InputError: if the disk has too little space.
        OSError: if the folder cannot be written.
    """

    def chosen(members: list[ZipInfo]) -> dict[str, str]:
        _refuse_unsafe(members, MAX_MEMBERS, MAX_TOTAL_BYTES, MAX_FILE_BYTES)
        names = _names(members, wanted)
        if len(names) != count:
            raise BadArchive(f"holds {len(names)} of the {count} files that are expected")
        return names

    _unpack(archive, folder, chosen, read_all=True, before_each=before_each)


def unpack_tree(archive: Path, folder: Path, wanted: re.Pattern[str]) -> None:
    """Unpack the files whose paths in the archive match ``wanted``, as `unpack` does, with their folders.

    Raises:
        BadArchive: if it is damaged at one of these files, or they are not safe to unpack.
        InputError: if the disk has too little space.
        OSError: if the folder cannot be written.
    """

    def chosen(members: list[ZipInfo]) -> dict[str, str]:
        some = [member for member in members if wanted.fullmatch(member.filename)]
        _refuse_unsafe(some, MOST_FILES, MOST_BYTES, MOST_BYTES)
        paths = {member.filename: member.filename.replace("\\", "/") for member in some}
        if len({path.lower() for path in paths.values()}) != len(some):  # many file systems ignore case
            raise BadArchive("holds a file twice")
        return paths

    _unpack(archive, folder, chosen, read_all=False, before_each=lambda: None)


def _unpack(
    archive: Path,
    folder: Path,
    chosen: Callable[[list[ZipInfo]], dict[str, str]],
    *,
    read_all: bool,
    before_each: Callable[[], None],
) -> None:
    """Unpack the members that ``chosen`` gives a path, all or none; with ``read_all``, read the others to check them."""
    beside = unfinished(folder)
    shutil.rmtree(beside, ignore_errors=True)  # what a killed process left
    try:
        with archive.open("rb") as file:
            opened = _open(file)
            members = opened.infolist()
            paths = chosen(members)
            _refuse_without_room(members if read_all else [each for each in members if each.filename in paths], folder.parent)
            beside.mkdir()
            for member in members:
                before_each()
                blocks = _blocks(opened, member)
                if member.filename in paths:
                    _write(blocks, beside / paths[member.filename])
                elif read_all:
                    for _ in blocks:
                        pass
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def unfinished(folder: Path) -> Path:
    """Return the place of a folder until all its files are there."""
    return folder.with_name(f".unpacking-{folder.name}")


def _open(file: BinaryIO) -> ZipFile:
    try:
        return ZipFile(file)
    except _DAMAGE:
        raise BadArchive("is not a zip archive, or not a complete one") from None


def _refuse_unsafe(members: list[ZipInfo], most: int, most_bytes: int, most_file_bytes: int) -> None:
    # `zipfile` never yields more bytes of a member than the archive states, so the stated sizes can be trusted as limits.
    if len(members) > most or sum(member.file_size for member in members) > most_bytes:
        raise BadArchive(f"would unpack to more than {most} files or {most_bytes / 1e9:g} GB")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise BadArchive(f"holds a path that leads out of its folder ({member.filename!r})")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise BadArchive(f"holds a link ({member.filename!r})")
        if member.file_size > most_file_bytes:
            raise BadArchive(f"holds a file of more than {most_file_bytes / 1e6:g} MB ({member.filename!r})")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise BadArchive(f"is packed in an unsupported way ({member.filename!r})")


def _refuse_without_room(members: list[ZipInfo], folder: Path) -> None:
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
    if needed > free:
        raise no_room(folder, needed, free)


def no_room(folder: Path, needed: int, free: int) -> InputError:
    """Return the exception for a disk with too little space, in bytes."""
    return InputError(
        f"The disk of {folder} has {free / 1e6:,.0f} MB left, and {needed / 1e6:,.0f} MB are needed; "
        "make room or choose another folder."
    )


def _names(members: list[ZipInfo], wanted: re.Pattern[str]) -> dict[str, str]:
    """Return the unpacked name of each wanted member, by its path in the archive."""
    names: dict[str, str] = {}
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if member.filename.endswith("/") or "__MACOSX" in path.parts or not wanted.fullmatch(path.name):
            continue
        if path.name.lower() in seen:  # many file systems ignore case
            raise BadArchive(f"holds {path.name} twice")
        seen.add(path.name.lower())
        names[member.filename] = path.name
    return names


def _write(blocks: Iterator[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.writelines(blocks)
        file.flush()
        os.fsync(file.fileno())  # the archive is deleted next: a power cut must not cost both


def _blocks(archive: ZipFile, member: ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(member) as source:
            while block := source.read(_BLOCK_BYTES):
                yield block
    except _DAMAGE:
        raise BadArchive(f"is damaged at {member.filename!r}") from None
