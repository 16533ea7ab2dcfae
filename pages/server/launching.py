"""Launching runs over HTTP: what the page Train can do, with the same checks and the same sentences."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from pages.server.answers import Answer, JsonObject, json_body, or_refused
from pages.shared.stores import store
from seg_core.config import MOST_FOLDS, MOST_SEEDS, SET_BY_PROGRAM, Config, Variant, no_setting
from seg_core.data.check import Problem
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.suggest import suggesting
from seg_core.errors import InputError
from seg_core.jobs.requests import load_scan, scan_request
from seg_core.jobs.results import result_folder
from seg_core.runs.dispatch import dispatch
from seg_core.runs.groups import Group
from seg_core.runs.launch import configs_of, require_data
from seg_core.runs.run import Run

router = APIRouter(prefix="/api", tags=["runs"], default_response_class=Answer)


class Launch(BaseModel):
    """What a launch says beside the settings of `Config`."""

    model_config = ConfigDict(strict=True)

    data: str | list[str] = Field(
        description="A dataset folder of this machine, or `sample`; a list joins several. What its names do not tell is added, "
        "as in `/data/skin?images=photos&masks=labels`."
    )
    name: str = Field("", description="Name of the run, or of those of a group.")
    notes: str = Field("", description="Notes on it.")
    tags: list[str] = Field([], description="Tags to find it by.")
    seeds: int = Field(1, ge=1, le=MOST_SEEDS, description="Train with this many consecutive seeds from `seed`, as a group.")
    folds: int | None = Field(
        None,
        ge=1,
        le=MOST_FOLDS,
        description="Cross-validation: train on each of this many folds, as a group; with `fold`, on that one.",
    )
    variants: list[Variant] | None = Field(
        None,
        description="Several variants, each as a run or a group of its own with the same seed and split; in place of `variant`.",
    )


_WORDS = {
    "data": "a folder, or a list of folders",
    "tags": "a list of texts",
    "seeds": f"a whole number from 1 to {MOST_SEEDS}",
    "folds": f"a whole number from 1 to {MOST_FOLDS}",
    "variants": "a list of variants, such as trainable-decoder",
}
SETTINGS = [name for name in Config.model_fields if name not in {*SET_BY_PROGRAM, *Launch.model_fields}]
_BY_RECIPE = {
    name: (Config.model_fields[name].annotation | None, Field(None, description=Config.model_fields[name].description))  # type: ignore[operator]
    for name in SETTINGS
}
_SCHEMA = create_model("Body", __base__=Launch, **_BY_RECIPE).model_json_schema()  # type: ignore[call-overload]
_EXAMPLES: tuple[dict[str, Any], ...] = (
    {"data": "sample", "name": "first try", "epochs": 10},
    {"data": ["/data/ISIC2016"], "variant": "trainable-decoder", "recipe": "report", "folds": 5, "tags": ["thesis"]},
)


@router.post("/runs", status_code=201, openapi_extra=json_body(_SCHEMA, *_EXAMPLES))
def launch(request: Request, body: JsonObject) -> Answer:
    """Queue a run, a group (`seeds`, `folds`) or several `variants`, and start what is due.

    Settings that are not given have the value of the recipe. `key` is the address of what was launched, in links and below
    `/api/runs/` (`3`) or `/api/groups/` (`g3` is group 3); with `variants`, `keys` has all of them. `event` is where
    `/api/events?after=` begins to tell of it.
    """
    event = store().news.now().event
    added = or_refused(lambda: _launched(body))
    dispatch(store())  # the supervisor would do it seconds later
    keys = [runs[0].key if len(runs) == 1 else Group(tuple(runs)).key for runs in added]
    base, first = request.scope.get("root_path", ""), added[0][0].id
    told = {
        "key": keys[0],
        "keys": keys,
        "page": f"{base}/monitor?{'&'.join(f'run={key}' for key in keys)}",
        "event": event,
        "runs": [run.to_json() for runs in added for run in runs],
    }
    where = f"runs/{first}" if len(added[0]) == 1 else f"groups/{first}"
    return Answer(told, 201, headers={"Location": f"{base}/api/{where}"})


def _launched(body: dict[str, Any]) -> list[list[Run]]:
    """Queue what a body asks for; return the runs of each variant.

    Raises:
        InputError: if a field is unknown or of another kind, or what the page and the command line refuse too.
    """
    known = [*Launch.model_fields, *SETTINGS]
    if unknown := next((name for name in body if name not in known), None):
        raise InputError(no_setting(unknown, known, "field"))
    asked = _checked({name: body[name] for name in Launch.model_fields if body.get(name) is not None})
    settings = {name: body.get(name) for name in SETTINGS}
    recipe, variant = settings.pop("recipe"), settings.pop("variant")
    if asked.variants is not None and (variant is not None or not asked.variants):
        raise InputError("Give either variant or a list of variants that is not empty.")
    variants: list[Any] = list(dict.fromkeys(asked.variants)) if asked.variants else [variant]
    groups = [configs_of(recipe, seeds=asked.seeds, folds=asked.folds, variant=each, **settings) for each in variants]
    sources = [asked.data] if isinstance(asked.data, str) else asked.data
    with suggesting(sources):
        dataset = open_dataset(sources)
    problems = known_problems(dataset)
    for group in groups:
        require_data(dataset, group, problems)
    queue = store().queue
    return [queue.add_group(asked.name, group, dataset.sources, tags=asked.tags, notes=asked.notes) for group in groups]


def _checked(given: dict[str, Any]) -> Launch:
    try:
        return Launch.model_validate(given)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        what = _WORDS.get(name, "text")
        raise InputError(f"{name} must be {what}." if name in given else f"{name} is missing: give {what}.") from None


def known_problems(dataset: Dataset) -> list[Problem] | None:
    """Return the problems that a scan of a dataset has found; None where there was none, or its result is damaged."""
    try:
        folder = result_folder(scan_request(dataset))
        return load_scan(folder)[0].problems if folder else None
    except InputError:
        return None
