"""Unpacking of photographs or masks from an untrusted archive: safely, and all or nothing."""

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

from seg_core.data.isic2016.download import FetchStopped
from seg_core.errors import InputError

MAX_FILE_BYTES = 100 * 10**6
MAX_TOTAL_BYTES = 4 * 10**9
MAX_MEMBERS = 10_000

_ENCRYPTED = 1
_BLOCK_BYTES = 1 << 20
# All that `zipfile` raises on damaged archives, depending on the byte that is wrong.
_DAMAGE = (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)


class BadArchive(Exception):
    """The archive cannot be used; the text continues a sentence that begins with its name."""


def unpack(archive: Path, folder: Path, wanted: re.Pattern[str], count: int, should_stop: Callable[[], bool]) -> None:
    """Unpack the files whose names match ``wanted`` into ``folder``, which must not exist yet, and leave out all others.

    Folders within the archive are ignored. Every member is read to its end, which compares its checksum; the folder appears
    once all files are sound and written.

    Raises:
        BadArchive: if it is damaged, is not safe to unpack, or does not hold ``count`` such files.
        InputError: if the disk has too little space.
        FetchStopped: if ``should_stop``, which is asked before every member, returned True.
        OSError: if the folder cannot be written.
    """
    beside = unfinished(folder)
    shutil.rmtree(beside, ignore_errors=True)  # what a killed process left
    try:
        with archive.open("rb") as file:
            opened = _open(file)
            members = opened.infolist()
            _refuse_unsafe(members)
            _refuse_without_room(members, folder.parent)
            names = _names(members, wanted)
            if len(names) != count:
                raise BadArchive(f"holds {len(names)} of the {count} files that are expected")
            beside.mkdir()
            for member in members:
                if should_stop():
                    raise FetchStopped
                blocks = _blocks(opened, member)
                if member.filename in names:
                    _write(blocks, beside / names[member.filename])
                else:
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


def _refuse_unsafe(members: list[ZipInfo]) -> None:
    # `zipfile` never yields more bytes of a member than the archive states, so the stated sizes can be trusted as limits.
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
        raise BadArchive(f"would unpack to more than {MAX_MEMBERS} files or {MAX_TOTAL_BYTES / 1e9:g} GB")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise BadArchive(f"holds a path that leads out of its folder ({member.filename!r})")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise BadArchive(f"holds a link ({member.filename!r})")
        if member.file_size > MAX_FILE_BYTES:
            raise BadArchive(f"holds a file of more than {MAX_FILE_BYTES / 1e6:g} MB ({member.filename!r})")
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
