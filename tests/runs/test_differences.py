"""What differs between runs and groups, by hand."""

from __future__ import annotations

from seg_core.config import Config
from seg_core.runs.differences import Difference, differences
from seg_core.runs.groups import Group
from seg_core.runs.store import RunStore


def test_only_what_differs_is_listed(lab_home: object) -> None:
    store = RunStore()
    one = store.queue.add("one", Config.of("best", epochs=5, learning_rate=0.001), "sample")
    other = store.queue.add("other", Config.of("best", variant="frozen-decoder", epochs=5, skip_problems=True), "sample")
    assert differences([one, other]) == [
        Difference("Variant", ["Model 2 · fine-tuned", "Model 2b · frozen decoder"]),
        Difference("Learning rate", ["0.001", "0.002"]),
        Difference("Skip pairs with problems", ["no", "yes"]),
    ]
    assert differences([one, one]) == []


def test_a_group_has_the_values_of_its_runs(lab_home: object) -> None:
    store = RunStore()
    few, many = (Group(tuple(store.queue.add_group("", Config.of("best").repeated(seeds=seeds), ["sample"]))) for seeds in (3, 7))
    assert differences([few, many]) == [Difference("Seed", ["0, 1, 2", "7 values"])]
    elsewhere = store.queue.add("", Config.of("best", loss="bce"), ["/data/a b?images=x", "sample"])
    assert differences([few.runs[0], elsewhere]) == [
        Difference("Loss", [Config.of("best").loss, "bce"]),
        Difference("Data", ["sample", "a b + sample"]),
    ]
