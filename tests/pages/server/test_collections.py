"""Collections over HTTP: photographs, masks and versions, asked of the routes without the app around them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from pages.server import collections
from pages.server.request_limits import RequestLimits
from seg_core.data.collection.store import create_collection
from tests.helpers import read_mask

SIZE = (12, 8)


@pytest.fixture
def client(lab_home: Path, tmp_path: Path) -> TestClient:
    """The routes, with a collection of one photograph that is stored on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees: upright it is 12 wide and 8 high
    photo = tmp_path / "mole.jpg"
    Image.new("RGB", SIZE[::-1], (200, 150, 140)).save(photo, exif=exif)
    create_collection("Clinic 1").add_photographs([photo], copy=True)
    app = FastAPI()
    app.include_router(collections.router)
    return TestClient(app)


BASE = "/api/collections/Clinic 1"


def mask_of(*columns: int, size: tuple[int, int] = SIZE, kind: str = "PNG") -> bytes:
    """A mask with some of its columns, as the editor sends it."""
    pixels, file = np.zeros(size[::-1], np.uint8), io.BytesIO()
    pixels[:, list(columns)] = 255
    Image.fromarray(pixels).convert("RGBA").save(file, kind)
    return file.getvalue()


def save(client: TestClient, body: bytes, **query: Any) -> dict[str, Any]:
    answer = client.post(f"{BASE}/mole", content=body, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_mask_is_saved_read_and_gone_back_to(client: TestClient) -> None:
    assert client.get(BASE).json()["items"] == [{"id": "mole", "state": "empty", "versions": 0}]
    facts = client.get(f"{BASE}/mole").json()
    assert [facts[name] for name in ("width", "height", "version", "proposal")] == [12, 8, 0, None]
    with Image.open(io.BytesIO(client.get(f"{BASE}/mole/photo.jpg").content)) as photo:
        assert photo.size == SIZE

    first = save(client, mask_of(1, 2), base=0, began_as="model fine-tune-best at 0.55", seconds=4.2, author="Ada")
    assert [first[name] for name in ("number", "author", "began_as", "seconds", "conflict")] == [
        1,
        "Ada",
        "model fine-tune-best at 0.55",
        4.2,
        False,
    ]
    save(client, mask_of(5), base=1)
    assert client.get(BASE).json()["items"] == [{"id": "mole", "state": "saved", "versions": 2}]
    answer = client.get(f"{BASE}/mole/mask.png?version=1")
    assert answer.headers["cache-control"] == "no-store"
    assert np.flatnonzero(read_mask(answer.content)[0][0]).tolist() == [1, 2]
    assert np.flatnonzero(read_mask(client.get(f"{BASE}/mole/mask.png").content)[0][0]).tolist() == [5]

    assert client.post(f"{BASE}/mole/restore?version=1&author=Grace").json()["number"] == 3
    versions = client.get(f"{BASE}/mole").json()["versions"]
    assert [(each["number"], each["author"], each["began_as"]) for each in versions][1:] == [
        (2, "", ""),
        (3, "Grace", "version 1"),
    ]


def test_who_saves_on_an_older_version_is_told_and_loses_nothing(client: TestClient) -> None:
    save(client, mask_of(1), base=0, author="Ada")
    second = save(client, mask_of(2), base=0, author="Grace")
    assert (second["number"], second["conflict"], second["meanwhile"]) == (2, True, ["Ada"])


def test_a_model_proposes(client: TestClient) -> None:
    answer = client.get(f"{BASE}/mole/probability.png?model=fine-tune-best")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.size, picture.mode) == (SIZE, "L")
    missing = client.get(f"{BASE}/mole/probability.png?model=nothing")
    assert (missing.status_code, missing.json()["detail"][:29]) == (404, "There is no model 'nothing'; ")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (mask_of(1, size=(8, 12)), "The mask of mole is 8 × 12 pixels and its photograph 12 × 8; give both one size."),
        (b"no picture", "The mask is not an image"),
        (b"", "The mask"),
        (mask_of(1)[:60], "The mask"),
    ],
)
def test_what_is_no_mask_of_the_photograph_is_one_sentence(client: TestClient, body: bytes, said: str) -> None:
    answer = client.post(f"{BASE}/mole", content=body)
    assert answer.status_code == 422
    assert said in str(answer.json()["detail"])
    assert client.get(f"{BASE}/mole").json()["version"] == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/collections/None", "There is no collection None; there are Clinic 1."),
        ("/api/collections/..%2Fmole", "A collection cannot be called '..'"),
        ("/api/collections/.hidden", "A collection cannot be called '.hidden'"),
        (f"{BASE}/wart", "There is no photograph wart in the collection Clinic 1."),
        (f"{BASE}/mole/mask.png", "mole has no mask yet."),
        (f"{BASE}/mole/mask.png?version=4", "There is no version 4 of the mask of mole; it has none yet."),
    ],
)
def test_what_is_not_there_is_one_sentence(client: TestClient, path: str, said: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, said in answer.text) == (404, True), answer.text


def test_a_collection_is_downloaded_as_an_archive(client: TestClient) -> None:
    save(client, mask_of(3))
    answer = client.get(f"{BASE}/export/coco.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="clinic-1-coco.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["images/mole.png", "annotations.json"]
    for path, status, said in (
        (f"{BASE}/export/voc.zip", 422, "There is no layout 'voc' to export; choose isic, images-masks, coco, nnunet."),
        ("/api/collections/None/export/isic.zip", 404, "There is no collection None; there are Clinic 1."),
    ):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["detail"]) == (status, said)


def test_a_body_that_is_too_large_for_a_mask_is_refused(client: TestClient) -> None:
    limited = TestClient(RequestLimits(client.app, room=8))
    answer = limited.post(f"{BASE}/mole", content=mask_of(3))
    assert answer.status_code == 200
    answer = limited.post(f"{BASE}/mole", content=b" " * (17 << 20))
    assert (answer.status_code, answer.json()["detail"]) == (413, "This request is too large: at most 16 MB are read here.")
