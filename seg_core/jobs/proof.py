"""The comparison of before and after that a retraining ends in: two evaluations on what was held out, kept like all others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seg_core.errors import InputError
from seg_core.evaluation.improvement import Improvement, improvement
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.requests import evaluation_request
from seg_core.jobs.results import delete_result, result_folder
from seg_core.jobs.store import JobStore
from seg_core.runs.dispatch import dispatch
from seg_core.runs.retraining import Retraining, retraining_of
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore


@dataclass(frozen=True)
class Proof:
    """The requests for both evaluations, and what they show once both are there."""

    before: Request
    after: Request
    note: str
    """A sentence to set beside the verdict; may be empty."""
    found: Improvement | None

    @property
    def missing(self) -> dict[str, Request]:
        """The requests without a result, by what they evaluate."""
        both = {"Evaluating the model before": self.before, "Evaluating the model after": self.after}
        return {name: request for name, request in both.items() if result_folder(request) is None}


def proof_of(store: RunStore, run: Run, retraining: Retraining) -> Proof:
    """Return the comparison of a retraining whose run has finished.

    Raises:
        InputError: if a model, the collection or a photograph is gone, or the model before has changed.
    """
    split = retraining.judged()
    before, after = evaluation_request(retraining.before, split), evaluation_request(best_model(store, run), split)
    of_before, of_after, found = result_folder(before), result_folder(after), None
    if of_before and of_after:
        try:
            found = _improvement(of_before, of_after, retraining.margin)
        except InputError:  # damaged, or of another version: the next jobs replace them
            delete_result(before)
            delete_result(after)
    return Proof(before, after, retraining.note(split), found)


@lru_cache(maxsize=64)  # a page is drawn at every click; the names of the folders hold all that the evaluations depend on
def _improvement(before: Path, after: Path, margin: float) -> Improvement:
    old, new = (Evaluation.load(folder / "evaluation.npz") for folder in (before, after))
    return improvement(old, new, margin)


def best_model(store: RunStore, run: Run) -> Path:
    """The model after: the best one of a run."""
    return store.folder(run.id) / "best.safetensors"


def prove(store: RunStore, run_id: int) -> None:
    """Start the evaluations of a retraining that has finished; nothing happens for any other run."""
    run = next((each for each in store.list_runs() if each.id == run_id), None)  # it may have been deleted meanwhile
    if run is None or run.status != "finished":
        return
    try:
        retraining = retraining_of(run)
        missing = proof_of(store, run, retraining).missing if retraining else {}
    except InputError as error:
        store.progress.log(run_id, f"Before and after are not compared. {error}", "warning")
        return
    if missing:
        jobs = JobStore(store.at)
        for request in missing.values():
            jobs.submit(request)
        dispatch(jobs)
