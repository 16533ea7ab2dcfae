"""The run store: reading, annotating and deleting runs."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT, home
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from tests.helpers import file_of
from tests.runs.stores import CONFIG, VALUES, running


def test_a_new_run_is_queued_with_its_settings(store: RunStore, tmp_path: Path) -> None:
    run = store.queue.add("  first \n try ", CONFIG, [tmp_path / "a" / ".." / "b", "sample"])
    assert run == store.get_run(1)
    assert (run.id, run.name, run.label, run.status) == (1, "first try", "#1 first try", "queued")
    assert run.config == CONFIG
    assert run.sources == (str(tmp_path / "b"), "sample")
    assert run.is_active
    assert not run.is_running
    assert (run.progress, run.elapsed, run.phase, run.owner) == (0, 0, "waiting", None)


def test_a_run_without_a_name_goes_by_its_variant(store: RunStore) -> None:
    assert store.queue.add("", Config.of(variant="frozen-decoder"), "sample").label == "#1 Model 2b · frozen decoder"


def test_names_and_logs_may_hold_any_characters(store: RunStore) -> None:
    name = "Ωμέγα 🩺 '; DROP TABLE runs; --"
    run = store.queue.add(name, CONFIG, "/data/\udce4")
    store.progress.log(run.id, "The file \udce4.png is broken.")
    assert store.get_run(run.id).name == name
    assert store.get_run(run.id).sources == ("/data/\udce4",)
    assert [line.text for line in store.history.log_tail(run.id)] == ["The file ?.png is broken."]


def test_a_run_is_plain_json(store: RunStore) -> None:
    values = json.loads(json.dumps(store.get_run(running(store)).to_json()))
    assert values["config"]["epochs"] == 4
    assert values["sources"] == ["sample"]
    assert values["variant_label"] == "Model 2 · fine-tuned"
    assert values["can_stop"]


def test_numbers_are_never_used_again(store: RunStore) -> None:
    first = store.queue.add("", CONFIG, "sample")
    store.queue.stop(first.id)
    store.delete(first.id)
    assert store.queue.add("", CONFIG, "sample").id == 2


@pytest.mark.parametrize("number", [0, -1, 7, 2**63, 10**30])
def test_a_number_that_no_run_has_is_one_sentence(store: RunStore, number: int) -> None:
    store.queue.add("", CONFIG, "sample")
    calls = (
        store.get_run,
        store.claims.claim,
        store.history.metrics,
        store.history.log_tail,
        store.queue.stop,
        store.queue.resume,
        store.delete,
    )
    for call in calls:
        with pytest.raises(InputError, match=rf"^There is no run {number}; "):
            call(number)


def test_name_notes_and_tags(store: RunStore) -> None:
    run_id = store.queue.add("  a \n name ", CONFIG, "sample", tags=["night", " ", "night", "two  words"]).id
    run = store.get_run(run_id)
    assert (run.name, run.notes, run.tags) == ("a name", "", ("night", "two words"))
    run = store.annotate(run_id, name="", notes=" First.\n\nSecond. ")
    assert (run.label, run.notes, run.tags) == (f"#1 {CONFIG.label}", "First.\n\nSecond.", ("night", "two words"))
    assert store.annotate(run_id, tags=[]).to_json()["tags"] == []
    assert store.annotate(run_id) == store.get_run(run_id)
    for wrong, message in (
        ({"name": "n" * 101}, "The name has 101 characters; give it at most 100."),
        ({"notes": "n" * 10_001}, "The text of the notes has 10001 characters; give it at most 10000."),
        ({"tags": ["t" * 31]}, f"The tag '{'t' * 31}' has 31 characters; give it at most 30."),
        ({"tags": [str(n) for n in range(13)]}, "A run can have 12 tags, and these are 13; leave some out."),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            store.annotate(run_id, **wrong)


def test_what_cannot_be_resumed_deleted_or_ended_is_one_sentence(store: RunStore) -> None:
    run_id = running(store)
    with pytest.raises(InputError, match=r"^Run 1 is running; only stopped, failed or lost runs can be resumed\.$"):
        store.queue.resume(run_id)
    with pytest.raises(InputError, match=r"^Run 1 is running; stop it before you delete it\.$"):
        store.delete(run_id)
    store.progress.finish(run_id, "finished")
    with pytest.raises(InputError, match=r"^Run 1 is finished; only stopped, failed or lost runs can be resumed\.$"):
        store.queue.resume(run_id)
    with pytest.raises(InputError, match="not run by this process"):
        store.progress.finish(run_id, "failed")
    with pytest.raises(InputError, match=r"^Run 2 is queued; stop it before you delete it\.$"):
        store.delete(store.queue.add("", CONFIG, "sample").id)


def test_deleting_frees_the_disk(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    store.progress.log(run_id, "A line.")
    store.progress.finish(run_id, "finished")
    folder = store.folder(run_id)
    assert folder == home() / f"{run_id:04d}"
    (folder / "masks").mkdir(parents=True)
    (folder / "best.safetensors").write_bytes(b"x" * 1000)
    (folder / "masks" / "photo-1.jpg").write_bytes(b"x" * 234)
    assert store.delete(run_id) == 1234
    assert not folder.exists()
    with closing(sqlite3.connect(file_of(store))) as connection:
        assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("runs", "metrics", "log")] == [
            0
        ] * 3


def test_the_store_loads_no_torch() -> None:
    code = "import sys, seg_core.runs.store, seg_core.jobs.supervisor, seg_core.runs.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
