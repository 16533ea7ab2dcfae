"""Whether the best trial is better, how much settings matter, and how often the test part was looked at."""

from __future__ import annotations

import pytest

from seg_core.config import MOST_SEEDS, Config
from seg_core.errors import InputError
from seg_core.sweeps.command_line import sweep_command
from seg_core.sweeps.importance import importances
from seg_core.sweeps.proof import proof_of, verdict
from seg_core.sweeps.sweep import Plan, Sweep, fresh_configs
from tests.sweeps.searching import CONFIG, LOSSES, Search

GAIN = {"bce": 0.0, "bce-dice": 0.02, "bce-lovasz": 0.05}
"""What each loss adds to the IoU; `report` has bce."""


def proved(search: Search, luck: dict[int, float]) -> Sweep:
    """A sweep over losses that has ended; each seed adds luck to the winner alone."""

    def objective(config: Config) -> float:
        return 0.6 + config.seed / 100 + GAIN[config.loss] + (luck.get(config.seed, 0.0) if config.loss == "bce-lovasz" else 0.0)

    return search.to_the_end(search.start(LOSSES, by="grid"), objective)


def test_the_winner_is_trained_again_beside_the_starting_settings(search: Search) -> None:
    sweep = proved(search, {1: 0.01, 2: 0.0, 3: -0.01})
    winner, baseline = sweep.proving("winner"), sweep.proving("baseline")
    assert winner is not None
    assert baseline is not None
    assert [(run.config.loss, run.config.seed) for run in winner.runs] == [("bce-lovasz", seed) for seed in (1, 2, 3)]
    assert [(run.config.loss, run.config.seed) for run in baseline.runs] == [("bce", seed) for seed in (1, 2, 3)]
    assert (winner.key, baseline.key) == ("g4", "g7")
    assert [{run.name for run in trial.runs} for trial in (winner, baseline)] == [
        {"Sweep 1, winner"},
        {"Sweep 1, starting settings"},
    ]
    proof = proof_of(sweep)
    assert proof is not None
    # Gains 0.06, 0.05, 0.04: mean 0.05, standard deviation 0.01, and 4.303 × 0.01 / √3 = 0.0248
    assert proof.gain == pytest.approx((0.05, 0.0252, 0.0748), abs=1e-4)
    assert proof.is_better
    assert verdict(sweep) == (
        "Trial 3 is better than the starting settings: +0.050 in validation IoU over 3 fresh seeds "
        "(95 % interval +0.025 to +0.075)."
    )


def test_a_gain_that_may_be_luck_is_not_called_better(search: Search) -> None:
    sweep = proved(search, {1: 0.03, 2: 0.0, 3: -0.03})  # gains 0.08, 0.05, 0.02: 0.05 ± 0.0745
    proof = proof_of(sweep)
    assert proof is not None
    assert proof.gain.low == pytest.approx(-0.0245, abs=1e-4)
    assert not proof.is_better
    assert verdict(sweep).startswith("Trial 3 is not shown to be better than the starting settings: +0.050 in validation IoU")


def test_nothing_is_said_before_the_fresh_seeds_have_ended(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid", seeds=2)
    assert verdict(sweep) == ""
    search.finish(sweep, [0.5, 0.6, 0.7])
    search.step(sweep)
    runs = search.runs.queue.queued()
    assert verdict(search.now(sweep)).startswith("Trial 3 is the best. It is trained again")
    for run in runs[:-1]:
        search.train(run, 0.7)
        assert proof_of(search.now(sweep)) is None
    search.train(runs[-1], then="failed")  # one seed of the baseline is left, which says nothing of others
    assert proof_of(search.now(sweep)) is None
    assert verdict(search.now(sweep)).endswith("not trained again with fresh seeds, so this may be luck.")
    assert search.step(sweep, 2) == [True, False]
    assert search.now(sweep).ending == "finished"


def test_fresh_seeds_are_those_after_the_config_s_own() -> None:
    config = CONFIG.model_copy(update={"seed": 5})
    assert [each.seed for each in fresh_configs(config, MOST_SEEDS)] == list(range(6, 26))
    with pytest.raises(InputError, match=r"^Seed cannot be 2147483648; "):
        Plan.of(CONFIG.model_copy(update={"seed": 2**31 - 3}), space=[LOSSES])


def test_starting_settings_that_win_need_no_proof(search: Search) -> None:
    sweep = search.to_the_end(search.start(LOSSES, by="grid"), lambda config: 0.6 - GAIN[config.loss])
    assert [trial.role for trial in sweep.every] == ["trial"] * 3
    assert verdict(sweep) == "No trial scores higher than trial 1, which has the starting settings."


def test_a_sweep_without_a_finished_trial_says_so(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid", runs=1)
    search.step(sweep)
    search.runs.queue.stop(1)
    assert search.step(sweep) == [True]
    assert verdict(search.now(sweep)) == "No trial has finished, so there is nothing to choose from."


def test_the_setting_that_decides_matters_most(search: Search) -> None:
    sweep = search.start("learning_rate=1e-4..1e-2 log", "batch_size=8..32", by="random", runs=20, prune=False)
    search.finish(sweep, [0.5] * 9)
    assert importances(search.now(sweep)) == {}  # too few
    sweep = search.start("learning_rate=1e-4..1e-2 log", "batch_size=8..32", by="random", runs=20, prune=False)
    sweep = search.to_the_end(sweep, lambda config: 0.5 + 10 * config.learning_rate)
    shares = importances(sweep)
    assert list(shares) == ["learning_rate", "batch_size"]
    assert shares["learning_rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


def test_every_look_at_the_test_part_is_counted(search: Search) -> None:
    sweep = search.start(LOSSES)
    assert sweep.looks == 0
    for _ in range(3):
        search.sweeps.note_look(sweep.id)
    assert search.now(sweep).looks == 3
    search.step(sweep)
    assert search.sweeps.of_runs([1, 2]) == [1]
    assert search.sweeps.of_runs([]) == []


def test_a_sweep_as_a_command() -> None:
    config = Config.of("report", variant="trainable-decoder", epochs=3)
    plan = Plan.of(config, space=["lr=1e-4..1e-2 log", "loss=bce,bce-dice"], runs=12, hours=1.5, folds=2, seeds=4, prune=False)
    assert sweep_command(config, ["/my data"], "first try", plan) == (
        "python -m seg_core sweep start --data '/my data' --variant trainable-decoder --recipe report --with epochs=3 "
        "--set 'learning_rate=0.0001..0.01 log' --set loss=bce,bce-dice --folds 2 --runs 12 --hours 1.5 --seeds 4 --no-prune "
        "--name 'first try'"
    )
    assert sweep_command(CONFIG, ["sample"], "", Plan.of(CONFIG, space=[LOSSES], by="grid")).endswith(f"--set {LOSSES} --by grid")
