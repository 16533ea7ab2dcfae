"""Answers with files: what is deleted between the look and the answer is said, not a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import HTTPException

from pages.server.file_answer import file_answer


def test_a_file_is_answered_and_one_that_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"pixels")
    answer = file_answer(tmp_path / "mask.png", {"Cache-Control": "no-store"})
    assert (answer.body, answer.media_type, answer.headers["cache-control"]) == (b"pixels", "image/png", "no-store")
    with pytest.raises(HTTPException, match=r"The picture gone\.png is not there") as refused:
        file_answer(tmp_path / "gone.png", {})
    assert refused.value.status_code == 404
