"""Taking a mask to the page Correct: the photograph joins a collection, with the mask as a proposal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from pages.predictor.components import Components, Side, Values
from pages.predictor.handlers.downloads import shown_mask
from pages.shared.models import model_at, short_name
from pages.shared.visitor import ROLE, VIEWERS_CHANGE_NOTHING
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.store import create_collection, find_collection, list_collections
from seg_core.errors import InputError

COLLECTION = "From Predict"


@dataclass(frozen=True)
class MaskCorrection:
    """Takes the mask of one side to the page Correct."""

    components: Components
    side: Side

    def begin(self, values: Values, request: gr.Request) -> str:
        """Add the photograph that is shown to the collection, its mask as a proposal; return the query of the page Correct.

        It is copied, since visitors' photographs are deleted after an hour.
        """
        if not _may_change(request):
            raise gr.Error(VIEWERS_CHANGE_NOTHING, print_exception=False)
        photo, prediction, threshold = shown_mask(self.components, self.side, values)
        try:
            collection = _collection()
            with collection.adding() as adding:
                photograph = adding.add(photo.existing_file(), copy=True, id=Path(photo.name).stem)
            model = short_name(model_at(values[self.side.choice]))
            collection.propose(photograph, prediction.mask(threshold), model=f"{model} at {threshold:.2f}")
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        return urlencode({"collection": collection.name, "photograph": photograph})


def offered(request: gr.Request) -> list[dict[str, Any]]:
    """Show the buttons of both sides to those who may change something."""
    return [gr.update(visible=_may_change(request))] * 2


def _may_change(request: gr.Request) -> bool:
    return bool(request.headers.get(ROLE, "owner") == "owner")


def _collection() -> Collection:
    return find_collection(COLLECTION) if COLLECTION in list_collections() else create_collection(COLLECTION)
