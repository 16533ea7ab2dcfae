"""The report: what stands in it are the runs' own figures, and it opens and prints without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from seg_core.checkpoint import load_checkpoint, read_metadata
from seg_core.data.dataset import open_dataset
from seg_core.errors import InputError
from seg_core.evaluation import evaluate
from seg_core.report import write_report
from seg_core.report.content import gather
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.helpers import make_dataset, tiny_config

pytestmark = pytest.mark.usefixtures("thin_decoder")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Two short runs, one by the recipe of the student report, and one that has not begun."""
    home = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(home / "runs"))
        data = make_dataset(home / "data", size=(80, 60), train=6, val=2, test=5)
        store = RunStore()
        for config in (tiny_config(), tiny_config("report", variant="trainable-decoder", seed=1)):
            work(store.add_run("<first> & only" if config.recipe == "best" else "", config, str(data)).id)
        store.add_run("", tiny_config(), str(data))
    return store


@pytest.fixture(scope="module")
def report(store: RunStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("written") / "report.html"
    write_report([store.get_run(1), store.get_run(2)], store, file)
    return file


def words(report: Path) -> str:
    """The text of a report without what the browser runs."""
    text = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(text.split())


def test_it_says_what_the_runs_were_and_what_they_score(store: RunStore, report: Path) -> None:
    text = words(report)
    assert "#1 &lt;first&gt; &amp; only" in text  # a run's name is text, never markup
    assert "<first>" not in text
    first = store.get_run(1)
    model = load_checkpoint(store.folder(1) / "best.safetensors")
    scores = evaluate(model, open_dataset(first.sources).test).means
    assert f"{scores['iou']:.4f}" in text
    assert re.search(r"#[12] .{10,40} reaches a mean IoU of 0\.\d{3} .*? on 5 test photographs\.", text)
    kept = store.epoch_metrics(1, 2)
    for part in ("train", "val"):
        for name in ("loss", "accuracy", "iou", "dice"):
            assert f"<td>{kept[part][name]:.4f}</td>" in text
    column_wise = store.epoch_metrics(2, 2)["val"]["report_iou"]
    assert f"<td>{column_wise:.4f}</td>" in text  # beside the figures of the student report
    assert "<td>0.6934</td>" in text
    assert re.search(r"on \d+ % of the images; the mean gain of \d\.\d{3} |score the same on every image", text)
    assert "python -m seg_core train --data" in text
    assert "MobileNetV2 (Sandler et al., 2018)" in text
    assert "fingerprint " + model.metadata["dataset"]["fingerprint"] in text
    assert text.count("data:image/jpeg;base64,") == 5  # as many samples as there are photographs


def test_progress_names_the_models(store: RunStore, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    write_report([store.get_run(2)], store, tmp_path / "one.html", lambda *step: told.append(step))
    assert told[-1] == (5, 5, "Evaluating #2 Model 1 · trainable decoder")
    assert "Differences" not in words(tmp_path / "one.html")
    assert [file.name for file in tmp_path.glob("*.html")] == ["one.html"]


def test_a_group_stands_as_one_beside_its_runs(tmp_path: Path, lab_home: Path) -> None:
    store = RunStore()
    data = make_dataset(tmp_path / "data", size=(80, 60), train=6, val=2, test=5)
    runs = store.add_group("both", tiny_config(epochs=1).repeated(seeds=2), str(data))
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
    runs = store.add_group("folds", tiny_config(epochs=1).repeated(folds=3), str(data))
    for run in runs:
        work(run.id, store)
    content = gather([store.get_run(run.id) for run in runs], store, lambda *_: None)
    rows = {row.label: row for row in content.rows}
    for run in runs:
        trained = read_metadata(store.folder(run.id) / "best.safetensors")["dataset"]["train_ids"]
        assert trained is not None
        assert len(trained) == 6
        assert rows[run.label].ids.isdisjoint(trained)
    assert (content.images, rows[f"Group {runs[0].id} · folds, 3 folds"].images) == (9, 9)
    assert content.warnings == []
    assert list(content.drawn) == [runs[0].label]  # the others trained on the photographs of its fold
    assert [len(sample.scores) for sample in content.samples] == [1] * 3


def test_runs_without_an_epoch_or_without_data_are_refused(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^#3 .* has no whole epoch yet; report on it when it has\.$"):
        write_report([store.get_run(1), store.get_run(3)], store, tmp_path / "a.html")
    with pytest.raises(InputError, match="No run was named"):
        write_report([], store, tmp_path / "a.html")
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.browser
def test_it_opens_and_prints_without_a_network(report: Path, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url))
    page.goto(report.as_uri())
    expect(page.locator("body[data-drawn]")).to_be_attached()
    expect(page.locator(".chart .main-svg").first).to_be_visible()
    charts = page.locator(".chart")
    assert charts.count() == 9
    assert page.evaluate("document.querySelector('#curve-1').calcdata[1].length") == 2  # two epochs of validation loss
    legend = charts.nth(5).locator(".legendtoggle").first
    legend.click()  # still interactive: a curve can be hidden
    expect(charts.nth(5).locator(".traces").first).to_have_css("opacity", "0.5")
    with page.expect_download() as download:
        charts.nth(5).hover()
        charts.nth(5).locator("[data-title='Download as SVG']").click()
    assert download.value.suggested_filename.endswith(".svg")
    expect(page.locator("[data-title^='Share']")).to_have_count(0)  # nothing is uploaded anywhere
    assert page.pdf(path=tmp_path / "report.pdf", format="A4")[:5] == b"%PDF-"
    assert page.locator("details:not([open])").count() == 0  # what is folded on the screen is printed
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function("document.documentElement.scrollWidth === 420")  # the charts follow after a moment
    context.close()
    assert wrong == []
