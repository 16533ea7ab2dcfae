"""The commands below `collection`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from seg_core.cli.common import JsonOption, YesOption, open_data, output, print_json, progress, report
from seg_core.common.text import on_one_line
from seg_core.errors import InputError

if TYPE_CHECKING:
    from seg_core.data.collection.collection import Collection
    from seg_core.data.dataset import Dataset

app = typer.Typer(help="Keep photographs with masks that are corrected, version by version.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The collection's name.", metavar="NAME")]
IdArgument = Annotated[str, typer.Argument(help="The photograph's id, as `show` lists it.", metavar="ID")]
PhotosOption = Annotated[
    list[str] | None, typer.Option("--photos", help="A folder of photographs without masks; may be repeated.", metavar="DIR")
]
AddedDataOption = Annotated[
    list[str] | None,
    typer.Option("--data", help="A dataset, whose masks become first versions; may be repeated.", metavar="DIR"),
]
LinkOption = Annotated[bool, typer.Option("--link", help="Refer to the photographs by links instead of copying them.")]


@app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """List the collections."""
    from seg_core.data.collection.store import list_collections

    names = list_collections()
    report("\n".join(names) or "No collections yet; make one with collection create NAME.", {"collections": names}, as_json)


def _adds(opened: Callable[[str, bool], Collection]) -> Callable[..., None]:
    """Make a command that adds photographs, of a function that gives the collection by its name and whether anything is added."""

    def command(
        name: NameArgument,
        photos: PhotosOption = None,
        data: AddedDataOption = None,
        link: LinkOption = False,
        as_json: JsonOption = False,
    ) -> None:
        found = _find(photos, data)  # first, so that nothing is made where a folder is missing
        _add(opened(name, bool(found)), found, link, as_json)

    command.__doc__ = opened.__doc__
    return command


@app.command("create")
@_adds
def create(name: str, adds: bool) -> Collection:
    """Make a collection, empty or with the photographs of folders and datasets."""
    from seg_core.data.collection.store import create_collection

    return create_collection(name)


@app.command("add")
@_adds
def add(name: str, adds: bool) -> Collection:
    """Add the photographs of folders and datasets; those that are there already are left as they are."""
    from seg_core.data.collection.store import open_collection

    if not adds:
        raise InputError("Nothing was named to add; give a folder of photographs (--photos DIR) or a dataset (--data DIR).")
    return open_collection(name)


def _find(photos: list[str] | None, data: list[str] | None) -> list[Dataset | list[Path]]:
    from seg_core.data.collection.sources import photographs_in

    return [*(open_data([source]) for source in data or ()), *(photographs_in(folder) for folder in photos or ())]


def _add(collection: Collection, found: list[Dataset | list[Path]], link: bool, as_json: bool) -> None:
    from seg_core.data.collection.sources import add_dataset, add_files

    ids: list[str] = []
    notes: list[str] = []
    for each in found:
        with progress("Adding") as advance:
            if isinstance(each, list):
                added = add_files(collection, each, copy=not link, on_progress=advance)
            else:
                added = add_dataset(collection, each, copy=not link, on_progress=advance)
                notes += each.notes
        ids, notes = ids + added.ids, notes + added.notes
    items = collection.items()
    masks = sum(item.mask is not None for item in items)
    text = f"{collection.name} has {len(items):,} photographs, {masks:,} of them with a mask; {len(ids):,} were added."
    result = {
        "name": collection.name,
        "folder": str(collection.folder),
        "added": ids,
        "notes": notes,
        "photographs": len(items),
        "masks": masks,
    }
    report("\n".join([text, *(f"  {note}" for note in notes), str(collection.folder)]), result, as_json)


@app.command("show")
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """List the photographs of a collection, and what there is of each."""
    from seg_core.data.collection.store import open_collection

    collection = open_collection(name)
    items = collection.items()
    if as_json:
        listed = [
            {
                "id": item.id,
                "photo": str(item.photo),
                "mask": str(item.mask) if item.mask else None,
                "proposal": str(item.proposal) if item.proposal else None,
                "versions": item.versions,
                "excluded": item.excluded,
            }
            for item in items
        ]
        print_json({"name": collection.name, "folder": str(collection.folder), "photographs": listed})
        return
    output.print(f"{collection.name} has {len(items):,} photographs in {collection.folder}.")
    table = Table("ID", "Mask", "Versions", "Excluded", box=None, pad_edge=False)
    for item in items:
        mask = "saved" if item.mask else "proposed" if item.proposal else "none"
        table.add_row(on_one_line(item.id), mask, str(item.versions), on_one_line(item.excluded or ""))
    if items:
        output.print(table)


@app.command("history")
def show_history(name: NameArgument, id: IdArgument, as_json: JsonOption = False) -> None:
    """List the versions of a mask, oldest first."""
    from seg_core.data.collection.store import open_collection

    versions = open_collection(name).history(id)
    if as_json:
        print_json({"id": id, "versions": [version.to_json() for version in versions]})
        return
    for version in versions:
        who = f" by {version.author}" if version.author else ""
        spent = f", {version.seconds:g} s" if version.seconds else ""
        known = f"; its author knew version {version.base}" if version.is_conflict else ""
        output.print(f"{version.number}: {version.saved:%Y-%m-%d %H:%M} UTC{who}, began as {version.began_as}{spent}{known}")
    if not versions:
        output.print(f"{id} has no mask yet.")


@app.command("restore")
def restore(
    name: NameArgument,
    id: IdArgument,
    number: Annotated[int, typer.Argument(help="The version's number, as `history` lists it.", metavar="VERSION")],
    as_json: JsonOption = False,
) -> None:
    """Go back to a version of a mask, by saving it as a new one."""
    from seg_core.data.collection.store import open_collection

    version = open_collection(name).restore(id, number, _user())
    report(f"Version {number} of {id} is the current mask again, as version {version.number}.", version.to_json(), as_json)


@app.command("exclude")
def exclude(
    name: NameArgument,
    id: IdArgument,
    reason: Annotated[str, typer.Option(help="Why the photograph is left out.")],
    as_json: JsonOption = False,
) -> None:
    """Leave a photograph out of the dataset that the collection is; nothing is deleted."""
    from seg_core.data.collection.store import open_collection

    open_collection(name).exclude(id, reason, _user())
    report(f"{id} is left out of {name}.", {"id": id, "excluded": reason}, as_json)


@app.command("include")
def include(name: NameArgument, id: IdArgument, as_json: JsonOption = False) -> None:
    """Take a photograph that was excluded into the dataset again."""
    from seg_core.data.collection.store import open_collection

    open_collection(name).include(id)
    report(f"{id} is part of {name}.", {"id": id, "excluded": None}, as_json)


@app.command("export")
def export(
    name: NameArgument,
    layout: Annotated[str, typer.Option("--format", help="isic, images-masks, coco or nnunet.")],
    target: Annotated[Path, typer.Option("--output", help="A new folder.", metavar="DIR")],
    as_json: JsonOption = False,
) -> None:
    """Write the photographs that have masks, without those that are excluded, into a new folder for other programs."""
    from seg_core.data.collection.export import export_collection
    from seg_core.data.collection.store import open_collection

    collection = open_collection(name)
    with progress("Exporting") as advance:
        count = export_collection(collection, layout, target, advance)
    report(f"{target} holds {count:,} photographs with masks ({layout}).", {"folder": str(target), "photographs": count}, as_json)


@app.command("delete")
def delete(name: NameArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Delete a collection with its photographs and all versions of their masks; files that it refers to stay."""
    from seg_core.data.collection.contents import contents_in_words
    from seg_core.data.collection.store import delete_collection, find_collection

    items = find_collection(name).items()
    what = contents_in_words(items)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"Deleting {name} loses {what}; add --yes to do it without being asked.")
        if not typer.confirm(f"Delete {name} with {what}?", err=True):
            return
    delete_collection(name)
    versions = sum(item.versions for item in items)
    report(f"{name} is deleted, with {what}.", {"name": name, "photographs": len(items), "versions": versions}, as_json)


def _user() -> str:
    """Return the name of who is at the terminal; empty on machines that do not know it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
