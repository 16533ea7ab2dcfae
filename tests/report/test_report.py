"""The HTML report: its figures are those of the runs, and its conclusion follows from them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulated_experts import EXPERTS, write_experts
from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.errors import InputError
from seg_core.evaluation.columns import IOU
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.experts import among_experts, mean_scores
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.report import write_report
from seg_core.report.conclusion import overfitting
from seg_core.report.content import gather
from seg_core.report.samples import chosen_rows
from seg_core.report.scoring import find_nothing
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.helpers import make_dataset, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.fixture(name="store")
def _store(reported_runs: RunStore) -> RunStore:
    return reported_runs


def words(report_file: Path) -> str:
    """The text of a report without scripts and styles."""
    text = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", report_file.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(text.split())


def test_it_says_what_the_runs_were_and_what_they_score(store: RunStore, report_file: Path) -> None:
    text = words(report_file)
    assert "#1 &lt;first&gt; &amp; only" in text  # a run's name is text, never markup
    assert "<first>" not in text
    first = store.get_run(1)
    model = load_checkpoint(store.folder(1) / "best.safetensors")
    scores = evaluate(model, open_dataset(first.sources).test).means
    assert f"{scores['iou']:.4f}" in text
    assert re.search(r"#[12] .{10,40} reaches a mean IoU of 0\.\d{3} .*? on 5 test photographs\.", text)
    kept = store.history.epoch_metrics(1, 2)
    for split in ("train", "val"):
        for name in ("loss", "accuracy", "iou", "dice"):
            assert f"<td>{kept[split][name]:.4f}</td>" in text
    column_wise = store.history.epoch_metrics(2, 2)["val"]["report_iou"]
    assert f"<td>{column_wise:.4f}</td>" in text  # compared with the student report
    assert "<td>0.6934</td>" in text
    assert re.search(r"better on \d, worse on \d, equal on \d; |score the same on every photograph", text)
    assert "python -m seg_core train --data" in text
    assert "MobileNetV2 (Sandler et al., 2018)" in text
    groups = text[text.index("For whom the models fail") : text.index("<h2>Training")]
    assert {"<th>below 5 %</th>", "<th>5 to 20 %</th>", "<th>above 20 %</th>"} & set(re.findall(r"<th>[^<]*</th>", groups))
    assert "fingerprint " + model.metadata["dataset"]["fingerprint"] in text
    assert text.count("data:image/jpeg;base64,") == 5  # as many samples as there are photographs


def test_progress_names_the_models(store: RunStore, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    write_report([store.get_run(2)], store, tmp_path / "one.html", lambda *step: told.append(step))
    assert (5, 5, "Evaluating #2 Model 1 · trainable decoder") in told
    assert told[-1] == (5, 5, "Measuring the photographs")
    assert "Differences" not in words(tmp_path / "one.html")
    assert [file.name for file in tmp_path.glob("*.html")] == ["one.html"]


def test_a_kept_evaluation_is_used(store: RunStore, tmp_path: Path) -> None:
    run = store.get_run(2)
    model = store.folder(2) / "best.safetensors"
    kept = evaluate(load_checkpoint(model), open_dataset(run.sources).test)
    asked: list[tuple[Path, str]] = []

    def find(path: Path, split: SplitChoice) -> Evaluation:
        asked.append((path, split.name))
        return kept

    told: list[tuple[int, int, str]] = []
    write_report([run], store, tmp_path / "kept.html", lambda *step: told.append(step), find)
    assert asked == [(model, "test")]
    assert {step for *_, step in told} == {"Measuring the photographs"}
    assert f"{kept.means['iou']:.4f}" in words(tmp_path / "kept.html")


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        (
            [0.5, 0.4, 0.3, 0.2, 0.1],
            [0.5, 0.4, 0.3, 0.5, 0.6],
            "the validation loss rose by 0.300 after its lowest value, a sign of",
        ),
        ([0.5, 0.4, 0.1, 0.1, 0.1], [0.5, 0.4, 0.3, 0.3, 0.3], "the validation loss is 0.200 above the training loss, a sign of"),
        (
            [0.5, 0.5, 0.5, 0.5, 0.5],
            [0.5, 0.4, 0.3, 0.3, 0.3],
            "the training loss is 0.200 above the validation loss, because of",
        ),
        ([0.5, 0.4, 0.3, 0.3, 0.3], [0.5, 0.4, 0.3, 0.3, 0.3], "training and validation loss are close: no sign of overfitting"),
        ([0.5, 0.4, 0.3], [0.5, 0.4, 0.9], ""),
    ],
)
def test_the_conclusion_says_what_the_losses_show(train: list[float], val: list[float], said: str) -> None:
    epochs = [{"train": {"loss": one}, "val": {"loss": other}} for one, other in zip(train, val, strict=True)]
    sentence = overfitting(epochs, best=3)
    assert sentence.startswith(said)
    assert bool(sentence) == bool(said)


def test_no_photograph_is_chosen_twice() -> None:
    scores = np.array([[0.9, 0.1, 0.5, 0.7, 0.8, 0.6, 0.2], [0.9, 0.2, 0.9, 0.7, 0.8, 0.6, 0.3]])
    # Means: 0.9, 0.15, 0.7, 0.7, 0.8, 0.6, 0.25; their median is 0.7. The models differ most on 2, then on 1 and 6.
    worst_and_so_on = {1: "worst", 6: "worst", 2: "disagreement", 0: "disagreement", 4: "best", 3: "best", 5: "typical"}
    assert chosen_rows(scores) == worst_and_so_on
    assert chosen_rows(scores[:1, :3]) == {1: "worst", 2: "worst", 0: "best"}


def test_a_group_stands_as_one_beside_its_runs(tmp_path: Path, lab_home: Path) -> None:
    store = RunStore()
    data = make_dataset(tmp_path / "data", size=(80, 60), train=6, val=2, test=5)
    runs = store.queue.add_group("both", tiny_config(epochs=1).repeated(seeds=2), str(data))
    for run in runs:
        work(run.id, store)
    write_report([store.get_run(run.id) for run in runs], store, tmp_path / "group.html")
    text = words(tmp_path / "group.html")
    assert f"<th>Group {runs[0].id} · both, 2 seeds</th>" in text
    assert f"<th>#{runs[1].id} both</th>" in text
    assert "standard deviation between models" in text
    assert "Differences" not in text  # the runs of one group are not set against each other
    assert re.search(r"Group \d+ · both, 2 seeds reaches a mean IoU of 0\.\d{3}", text)


def test_of_a_cross_validation_each_model_is_scored_on_what_it_did_not_train_on(tmp_path: Path, lab_home: Path) -> None:
    store = RunStore()
    data = make_dataset(tmp_path / "data", size=(80, 60), train=9, val=0, test=0)
    runs = store.queue.add_group("folds", tiny_config(epochs=1).repeated(folds=3), str(data))
    for run in runs:
        work(run.id, store)
    content = gather([store.get_run(run.id) for run in runs], store, lambda *_: None, find_nothing)
    rows = {row.label: row for row in content.rows}
    for run in runs:
        trained = read_metadata(store.folder(run.id) / "best.safetensors")["dataset"]["train_ids"]
        assert trained is not None
        assert len(trained) == 6
        assert rows[run.label].ids.isdisjoint(trained)
    assert (content.images, rows[f"Group {runs[0].id} · folds, 3 folds"].images) == (9, 9)
    assert content.warnings == []
    assert list(content.sample_colours) == [runs[0].label]  # the others trained on the photographs of its fold
    assert [len(sample.scores) for sample in content.samples] == [1] * 3


def test_runs_without_an_epoch_or_without_data_are_refused(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^#3 .* has no whole epoch yet; report on it when it has\.$"):
        write_report([store.get_run(1), store.get_run(3)], store, tmp_path / "a.html")
    with pytest.raises(InputError, match="No run was named"):
        write_report([], store, tmp_path / "a.html")
    assert not list(tmp_path.glob("*.html"))


def test_it_sets_models_beside_experts(tmp_path: Path, lab_home: Path) -> None:
    plain = open_dataset(make_dataset(tmp_path / "plain", size=(60, 48), train=5, test=4))
    data = write_experts(tmp_path / "three", plain.pairs)
    store = RunStore()
    run = store.queue.add("model", tiny_config(epochs=1), str(data))
    work(run.id)
    told: list[tuple[int, int, str]] = []
    write_report([store.get_run(run.id)], store, tmp_path / "report.html", lambda *step: told.append(step))
    text = words(tmp_path / "report.html")
    section = text[text.index("<h2>Experts</h2>") : text.index("<h2>Training</h2>")]
    for name in (*EXPERTS, "#1 model"):
        assert f"<tr><th>{name}</th>" in section
    split = SplitChoice(open_dataset(data), "test", run.config.split_spec)
    agreements = among_experts(split.pairs, EXPERTS)
    expected = mean_scores(list(agreements.of_two.values()), IOU).means.mean()
    assert f"<tr><th>Experts among each other</th><td>{expected:.4f}" in section
    assert "#1 model beside the experts" in {step for *_, step in told}


def test_without_experts_nothing_is_said_of_them(report_file: Path) -> None:
    assert "Experts" not in words(report_file)
