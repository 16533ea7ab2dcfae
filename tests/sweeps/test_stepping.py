"""Stepping a sweep: what is queued, what is stopped, and when it ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs.queue import add_run
from seg_core.sweeps import stepping
from seg_core.sweeps.proposing import propose
from seg_core.sweeps.stepping import Stepper, step
from seg_core.sweeps.store import SweepStore
from seg_core.sweeps.sweep import Plan, Sweep
from tests.sweeps.searching import CONFIG, LOSSES, Search


def losses(sweep: Sweep) -> list[Any]:
    return [trial.params["loss"] for trial in sweep.trials]


def test_a_grid_is_tried_in_order_one_run_at_a_time(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid", name="losses")
    assert search.step(sweep, 3) == [True, False, False]
    (run,) = search.runs.list_runs()
    assert (run.name, run.tags, run.config.loss, run.status) == ("losses, trial 1", ("sweep 1",), "bce", "queued")
    assert run.config.model_copy(update={"loss": CONFIG.loss}) == CONFIG
    search.train(run, 0.1, 0.2, 0.3, 0.4)
    assert search.step(sweep, 2) == [True, False]
    sweep = search.now(sweep)
    assert losses(sweep) == ["bce", "bce-dice"]
    assert [(trial.state, trial.value) for trial in sweep.trials] == [("complete", 0.4), ("active", None)]
    assert sweep.phase == "searching"


def test_as_many_trials_are_active_as_there_are_slots(search: Search) -> None:
    search.runs.queue.set_slots(2)
    sweep = search.start(LOSSES, by="grid")
    assert search.step(sweep, 4) == [True, True, False, False]
    search.train(search.runs.queue.queued()[0], 0.5)
    assert search.step(sweep, 2) == [True, False]


def test_the_budget_in_runs_ends_the_search(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid", runs=2)
    sweep = search.finish(sweep, [0.5, 0.6])
    assert not sweep.has_budget
    search.step(sweep)
    assert losses(search.now(sweep)) == ["bce", "bce-dice"]
    assert search.now(sweep).phase == "proving"


def test_the_budget_in_hours_lets_no_further_trial_begin(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = search.start(LOSSES, by="grid", hours=2.0)
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    for hours, has_budget in ((0.5, True), (1.5, False)):
        search.step(sweep)
        (run,) = search.runs.queue.queued()
        search.train(run, 0.5, then="nothing")
        now += hours * 3600
        search.runs.progress.finish(run.id, "finished")
        assert search.now(sweep).has_budget is has_budget
    assert search.now(sweep).hours_used == pytest.approx(2)


def test_the_folds_of_a_trial_are_a_group_and_its_value_is_their_mean(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid", folds=3)
    assert sweep.plan.runs == 9
    search.step(sweep)
    runs = search.runs.queue.queued()
    assert [(run.group, run.config.fold, run.config.folds) for run in runs] == [(1, 1, 3), (1, 2, 3), (1, 3, 3)]
    for run, iou in zip(runs, (0.5, 0.6, 0.7), strict=True):
        assert search.now(sweep).trials[0].value is None
        search.train(run, iou)
    (trial,) = search.now(sweep).trials
    assert trial.key == "g1"
    assert trial.value == pytest.approx(0.6)
    # Standard deviation 0.1, so 4.303 (t of 2 degrees of freedom) × 0.1 / √3 = 0.248
    assert trial.interval == pytest.approx((0.6, 0.6 - 0.2484, 0.6 + 0.2484), abs=1e-4)
    assert search.now(sweep).runs_used == 3


@pytest.mark.parametrize("by", ["random", "tpe"])
def test_the_starting_settings_are_tried_first_and_nothing_twice(search: Search, by: str) -> None:
    sweep = search.start(LOSSES, "batch_size=8,16", by=by, runs=20, prune=False)
    sweep = search.to_the_end(sweep, lambda config: 0.5)
    tried = [(trial.params["loss"], trial.params["batch_size"]) for trial in sweep.trials]
    assert tried[0] == (CONFIG.loss, CONFIG.batch_size)
    assert len(tried) == len(set(tried)) == 6  # all there are, though 20 runs were allowed
    assert sweep.ending == "finished"


@pytest.mark.parametrize("by", ["random", "tpe"])
def test_what_comes_next_follows_from_the_seed(search: Search, by: str) -> None:
    space, objective = "learning_rate=1e-4..1e-2 log", lambda config: 0.5 + config.learning_rate
    first, again = (search.to_the_end(search.start(space, by=by, runs=5), objective) for _ in range(2))
    other = search.to_the_end(search.start(space, by=by, runs=5, config=CONFIG.model_copy(update={"seed": 7})), objective)
    rates = [[trial.params["learning_rate"] for trial in sweep.trials] for sweep in (first, again, other)]
    assert rates[0] == rates[1]
    assert rates[0][1:] != rates[2][1:]
    assert len(set(rates[0])) == 5  # a study that is made anew with one seed would draw one rate five times


def test_tpe_finds_the_better_half(search: Search) -> None:
    """The IoU is highest at an encoder rate of 0.8: of what TPE tries after its ten trials by chance, most is near."""
    sweep = search.start("encoder_rate=0.01..1", runs=30, prune=False)
    sweep = search.to_the_end(sweep, lambda config: 0.9 - abs(config.encoder_rate - 0.8))
    late = [trial.params["encoder_rate"] for trial in sweep.trials[10:]]
    assert sum(rate > 0.6 for rate in late) >= 15  # by chance 8 of 20
    assert sweep.best is not None
    assert sweep.best.params["encoder_rate"] == pytest.approx(0.8, abs=0.05)


def test_a_trial_below_the_median_is_stopped(search: Search) -> None:
    sweep = search.start("learning_rate=1e-4..1e-2 log", by="random", runs=10, config=Config.of("report", epochs=6))
    for value in (0.5, 0.6, 0.7, 0.8, 0.9):
        search.step(sweep)
        search.train(search.runs.queue.queued()[0], *[value] * 6)
    search.step(sweep)
    (run,) = search.runs.queue.queued()
    search.train(run, 0.6, then="nothing")
    assert search.step(sweep) == [False]  # in its first third
    search.record(run, 2, 0.69)
    assert search.step(sweep) == [True]  # the median is 0.7
    assert search.runs.get_run(run.id).status == "stopping"
    search.runs.progress.finish(run.id, "stopped")
    trial = search.now(sweep).trials[-1]
    assert (trial.state, trial.value) == ("pruned", None)
    assert trial.pruned == "Pruned: after epoch 2 its best IoU, 0.6900, is below the sweep's median there."
    assert search.runs.history.log_tail(run.id)[-1].text == trial.pruned
    search.step(sweep)
    (run,) = search.runs.queue.queued()
    search.train(run, 0.6, 0.71, then="nothing")
    assert search.step(sweep) == [False]


def test_nothing_is_pruned_without_being_asked_for(search: Search) -> None:
    sweep = search.start("learning_rate=1e-4..1e-2 log", by="random", runs=7, prune=False)
    search.finish(sweep, [0.9] * 5)
    search.step(sweep)
    search.train(search.runs.queue.queued()[0], 0.1, 0.1, 0.1, then="nothing")
    assert search.step(sweep) == [False]


def test_folds_that_fall_behind_are_not_trained(search: Search) -> None:
    sweep = search.start("learning_rate=1e-4..1e-2 log", by="random", runs=20, folds=2)
    for value in (0.5, 0.6, 0.7, 0.8, 0.9):
        search.step(sweep)
        for run in search.runs.queue.queued():
            search.train(run, value)
    search.step(sweep)
    first, second = search.runs.queue.queued()
    search.train(first, 0.6)
    assert search.step(sweep) == [True]
    assert search.runs.get_run(second.id).status == "stopped"
    assert search.now(sweep).trials[-1].pruned.startswith("Pruned: after 1 of 2 folds its best IoU, 0.6000, ")


def test_of_two_that_step_at_once_one_queues(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = search.start(LOSSES, by="grid")
    both_have_read = threading.Barrier(2)

    def propose_together(*arguments: Any) -> Any:
        both_have_read.wait(30)
        return propose(*arguments)

    monkeypatch.setattr(stepping, "propose", propose_together)
    stores = [SweepStore(), SweepStore()]
    with ThreadPoolExecutor(2) as threads:
        did = list(threads.map(lambda each: step(each, sweep.id), stores))
    assert sorted(did) == [False, True]
    assert len(search.runs.list_runs()) == len(search.now(sweep).trials) == 1
    for each in stores:
        each.close()


def test_a_crash_while_a_trial_is_queued_leaves_nothing_half_done(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = search.start(LOSSES, by="grid", folds=2)
    added = []

    def dies_at_the_second(*arguments: Any, **options: Any) -> Any:
        added.append(1)
        if len(added) == 2:
            raise KeyboardInterrupt
        return add_run(*arguments, **options)

    monkeypatch.setattr("seg_core.sweeps.store.add_run", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        search.step(sweep)
    assert (search.runs.list_runs(), search.now(sweep).trials) == ([], [])
    assert search.step(sweep) == [True]
    assert [run.config.fold for run in search.runs.queue.queued()] == [1, 2]


def test_three_failures_in_a_row_end_it(search: Search) -> None:
    sweep = search.start(LOSSES, "batch_size=8,16", by="grid")
    for then in ("failed", "finished", "failed", "failed"):
        search.step(sweep)
        search.train(search.runs.queue.queued()[0], 0.5, then=then)
    assert search.step(sweep, 2) == [True, False]
    search.train(search.runs.queue.queued()[0], then="failed")
    assert search.step(sweep, 2) == [True, False]
    sweep = search.now(sweep)
    assert (sweep.ending, sweep.message) == ("failed", "Its last 3 trials failed. The disk is full.")
    assert len(sweep.trials) == 5


def test_a_run_that_cannot_be_queued_ends_it_with_the_reason(search: Search) -> None:
    sweep = search.start(LOSSES, config=Config.of("report", groups="gone.csv:patient"))
    assert search.step(sweep) == [True]
    sweep = search.now(sweep)
    assert sweep.ending == "failed"
    assert "gone.csv" in sweep.message


def test_stopping_a_sweep_stops_its_runs_alone(search: Search) -> None:
    other = search.runs.queue.add("other", CONFIG, "sample")
    sweep = search.start(LOSSES, by="grid")
    search.step(sweep)
    assert search.sweeps.stop(sweep.id).ending == "stopped"
    assert [run.status for run in search.runs.list_runs()] == ["stopped", "queued"]
    assert search.runs.get_run(other.id).status == "queued"
    assert search.step(sweep) == [False]
    with pytest.raises(InputError, match=r"^Sweep 1 is stopped; only those that go on can be stopped\.$"):
        search.sweeps.stop(sweep.id)


def test_deleted_runs_still_count_and_are_not_tried_again(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid")
    search.finish(sweep, [0.5])
    search.runs.delete(1)
    search.step(sweep)
    sweep = search.now(sweep)
    assert losses(sweep) == ["bce", "bce-dice"]
    assert sweep.trials[0].state == "deleted"
    assert sweep.runs_used == 2


def test_a_stepper_looks_only_at_what_has_changed(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, looks = search.start(LOSSES, by="grid"), list[int]()

    def counted(store: SweepStore, sweep_id: int) -> bool:
        looks.append(sweep_id)
        return step(store, sweep_id)

    monkeypatch.setattr(stepping, "step", counted)
    stepper = Stepper(search.sweeps)
    assert stepper()
    assert not stepper()
    assert looks == [1, 1]  # one that queued, one that found nothing more to do
    search.train(search.runs.queue.queued()[0], 0.5)
    assert stepper()
    assert losses(search.now(sweep)) == ["bce", "bce-dice"]


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ({"runs": 0}, r"^A sweep cannot have 0 as runs: it needs a whole number from 1 to 1,000\.$"),
        ({"hours": 0}, r"^A sweep cannot have 0 as hours: it needs a number above 0\.$"),
        ({"by": "luck"}, r"^A sweep cannot have 'luck' as by: choose grid, random or tpe\.$"),
        ({"seeds": 1}, "it needs a whole number from 2 to 20"),
        ({"runs": 2, "folds": 3}, r"^2 runs are not enough for one trial of 3 folds; give more runs\.$"),
        ({"space": ["epochs=2,4"], "prune": True}, "^Trainings of different lengths cannot be compared half-way"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Plan.of(CONFIG, **{"space": [LOSSES], **plan})
    assert not Plan.of(CONFIG, space=["epochs=2,4"]).prune


def test_there_is_no_sweep_of_that_number(search: Search) -> None:
    for number in (0, 1, -1, 10**30):
        with pytest.raises(InputError, match=rf"^There is no sweep {number}; choose one from the list of sweeps\.$"):
            search.sweeps.get(number)
