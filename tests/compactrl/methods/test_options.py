"""Options: what is not given is filled in, what is wrong is told with its name and what to do."""

import json

import pytest
from pydantic import ValidationError

from compactrl.errors import InputError
from compactrl.learners import LEARNERS
from compactrl.methods.options import SearchOptions
from compactrl.methods.owners import owners
from compactrl.methods.presets import PRESETS
from compactrl.methods.rows import METHODS
from compactrl.methods.settings import resolve
from compactrl.searches.api import start
from controllers import CONTROLLERS
from es import STRATEGIES

COMBINATIONS = [(name, choice) for name, method in METHODS.items() for choice in method.choices]
every_combination = pytest.mark.parametrize(("method", "controller"), COMBINATIONS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "chromatik"}, "unknown --method 'chromatik'. Did you mean 'chromatic'?"),
        ({"method": "toplitz"}, "Did you mean 'toeplitz'?"),
        ({"method": "xyz"}, "unknown --method 'xyz'. There are: chromatic, shared, masked"),
        ({"es": "cma-es"}, "unknown --es 'cma-es'. Did you mean 'cmaes'?"),
        ({"es": "PGPE"}, "Did you mean 'pgpe'?"),
        ({"method": "ghp", "learner": "sacc"}, "unknown --learner 'sacc'. Did you mean 'sac'?"),
        ({"preset": "papper"}, "unknown --preset 'papper'. Did you mean 'paper'?"),
        ({"controller": "pointr"}, "unknown --controller 'pointr'. Did you mean 'pointer'? --method chromatic takes"),
        ({"quiet": True}, "--quiet is an option of commands; in Python, progress=False, the default, shows nothing"),
        ({"partition": 17}, "unknown option --partition. Did you mean '--partitions'"),
        ({"populaton": 17}, "Did you mean '--population'"),
        ({"reevaluation_episode": 17}, "unknown option --reevaluation-episode. Did you mean '--reevaluation-episodes'"),
        ({"selection_episode": 17}, "Did you mean '--reevaluation-episodes'"),  # as it was called before
    ],
)
def test_a_wrong_name_gets_the_nearest_right_one(given, message):
    with pytest.raises(InputError) as caught:
        resolve(given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"method": "toeplitz", "partitions": 17},
            "--partitions belongs to --method chromatic or shared; this search is --method toeplitz",
        ),
        ({"method": "chromatic", "kept_weights": 5}, "--kept-weights belongs to --method masked"),
        ({"method": "chromatic", "controller_entropy": 0.1}, "--controller-entropy belongs to --controller pointer"),
        ({"method": "unstructured", "es": "cem", "optimizer": "adam"}, "--optimizer belongs to"),
        ({"method": "toeplitz", "controller": "pointer"}, "--controller pointer is for --method chromatic"),
        ({"method": "linear", "hidden": 41}, "--hidden is not for --method linear"),
        ({"method": "ghp", "hidden": 41}, "--hidden is not for --method ghp"),
        ({"method": "sac", "meta_batch": 4}, "--meta-batch belongs to --method ghp, hyperppo, plain-tasks, "),
        ({"method": "sac", "population": 4}, "--population belongs to --method chromatic"),
        ({"method": "chromatic", "batch_size": 4}, "--batch-size belongs to --method sac, td3, ddpg, "),
        ({"method": "ghp", "policy_delay": 4}, "--policy-delay belongs to --method td3 or ddpg, --learner td3 or ddpg"),
        (
            {"method": "chromatic", "learner": "sac"},
            "--learner sac is for --method shared, toeplitz, circulant, linear, ghp or sac; --method",
        ),
        ({"method": "ghp", "controller": "latent"}, "--controller latent is for --method chromatic"),
    ],
)
def test_an_option_of_another_part_names_its_owner(given, message):
    with pytest.raises(InputError) as caught:
        resolve(given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"steps": 0}, {"steps": -5}, {"steps": 1.5}, {"steps": "many"}, {"seed": -1}, {"population": 1},
        {"num_envs": -1}, {"threads": -1}, {"fine_tune_share": 1.0}, {"fine_tune_share": -0.1}, {"reevaluations": 0},
        {"reevaluation_episodes": 1}, {"max_episode_steps": -1}, {"hidden": 0}, {"hidden": "41,x"}, {"hidden": "41,-1"},
        {"env_options": "{"}, {"env_options": "[1]"}, {"checkpoint_seconds": -1}, {"learning_rate": 0},
        {"sigma": -1.0}, {"radius": 0.0}, {"normalize_observations": "perhaps"},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_will_not_do_is_told_by_its_option(given):
    (name, value), *_ = given.items()
    with pytest.raises(InputError) as caught:
        resolve(given)
    assert str(caught.value).startswith(f"--{name.replace('_', '-')} ")
    assert str(value).split(",")[-1].strip("'") in str(caught.value)


@pytest.mark.parametrize("partitions", [0, -1, 10_000])
@pytest.mark.parametrize("controller", [name for name, way in METHODS["chromatic"].choices.items() if not way.needs])
def test_partitions_are_at_least_one_and_at_most_the_edges(tmp_path, partitions, controller):
    given = {"method": "chromatic", "controller": controller, "hidden": 4, "partitions": partitions}
    given |= {"env": "compactrl/Target-v0"}
    with pytest.raises(InputError, match=rf"--partitions {partitions}: .* edges, 20"):
        start(given, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("41", (41,)), (41, (41,)), ("41,30", (41, 30)), (" 41 , 30 ", (41, 30)), ("none", ()), ("None", ()), ("", ()),
        ([41, 30], (41, 30)), ([], ()), ((5,), (5,)),
    ],
)  # fmt: skip
def test_hidden_layers_may_be_written_in_many_ways(given, wanted):
    assert resolve({"hidden": given}).search.hidden == wanted


@pytest.mark.parametrize("given", ["none", "", [], ()])
def test_a_linear_policy_may_be_told_that_it_has_no_hidden_layer(given):
    assert resolve({"method": "linear", "hidden": given}).search.hidden == ()


@pytest.mark.parametrize("given", ["20e6", "20000000", 2e7, 20_000_000])
def test_numbers_of_steps_may_be_written_in_many_ways(given):
    steps = resolve({"steps": given}).search.steps
    assert steps == 20_000_000
    assert isinstance(steps, int)


def test_what_is_none_was_not_given():
    assert resolve({"method": None, "steps": None, "nonsense": None}) == resolve({})


def test_options_of_an_environment_are_json():
    assert resolve({"env_options": '{"frame_skip": 4}'}).search.env_options == {"frame_skip": 4}
    assert resolve({"env_options": ""}).search.env_options == {}


@every_combination
@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_s_record_resolves_to_the_same_settings(method, controller, preset):
    needs = METHODS[method].choices[controller].needs
    given = {needs: "runs/other"} if needs else {}
    settings = resolve({"method": method, "controller": controller, "preset": preset, "seed": 5, **given})
    assert settings.search.controller == controller
    recorded = json.loads(json.dumps(settings.flat()))
    assert resolve(recorded) == settings
    assert resolve(recorded).flat() == settings.flat()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_s_record_resolves_to_the_same_settings(strategy):
    settings = resolve({"es": strategy})
    assert resolve(json.loads(json.dumps(settings.flat()))) == settings
    assert isinstance(settings.strategy, STRATEGIES[strategy].Options)


@pytest.mark.parametrize("method", METHODS)
def test_the_default_controller_is_the_method_s_first(method):
    settings = resolve({"method": method})
    assert settings.search.controller == next(iter(METHODS[method].choices))
    assert isinstance(settings.controller, CONTROLLERS[settings.choice.controller].Options)


def test_the_paper_s_values_are_those_of_its_appendix():
    """Song et al. 2020, appendix A: 301 workers, sigma 0.1, step 0.01, an LSTM of 64, moving average 0.99."""
    settings = resolve({"preset": "paper", "method": "chromatic"})
    search, strategy, controller, learner = settings.search, settings.strategy, settings.controller, settings.learner
    assert (learner.es, search.controller, learner.population, search.fine_tune_share) == (
        "finite-difference",
        "pointer",
        301,
        0,
    )
    assert learner.alive_bonus == 0.0
    assert (strategy.sigma, strategy.learning_rate, strategy.shaping) == (0.1, 0.01, "standardize")
    assert (controller.controller_hidden, controller.controller_learning_rate) == (64, 1e-3)
    assert (controller.controller_entropy, controller.controller_baseline_decay) == (0.3, 0.99)


def test_what_is_given_goes_before_the_preset_and_the_preset_before_the_method():
    settings = resolve({"preset": "paper", "method": "chromatic", "population": 40, "controller": "random"})
    assert (settings.learner.population, settings.search.controller) == (40, "random")
    assert resolve({"method": "chromatic", "controller": "random"}).learner.population == 320
    assert resolve({"preset": "paper", "method": "toeplitz"}).search.controller == "none"


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ({"hidden": 64}, 3e-4),
        ({"hidden": "32,16"}, 3e-4),
        ({"hidden": "none"}, 3e-4),
        ({"hidden": "64,256,128"}, 3e-4 / 4),
        ({"hidden": 256, "actor_learning_rate": 1e-3}, 1e-3),
        ({"hidden": 128, "method": "toeplitz", "learner": "ppo"}, 3e-4 / 2),
        ({"hidden": 256, "method": "sac"}, 3e-4),
        ({"method": "hyperppo"}, 5e-4),
    ],
)
def test_ppo_s_learning_rate_is_less_for_wide_networks_where_it_is_not_given(given, rate):
    assert resolve({"method": "ppo", **given}).flat()["actor_learning_rate"] == pytest.approx(rate)


def test_sampling_is_another_name_of_the_controller():
    assert resolve({"method": "ghp", "sampling": "depth-uniform"}) == resolve(
        {"method": "ghp", "controller": "depth-uniform"}
    )


def test_the_paper_s_values_for_graph_hyper_policies_are_those_of_its_code():
    settings = resolve({"method": "ghp", "preset": "paper"})
    options, learner = settings.compression, settings.learner
    assert (options.decoder, options.width_features, options.graph_size) == ("dense", "raw", 16)
    batch = settings.meta_batch
    assert (batch.meta_batch, batch.resample_updates, learner.batch_size) == (8, 50, 256)
    assert (settings.search.controller, batch.conditioned_critics, batch.anchor_share) == ("uniform", False, 0)
    assert learner.actor_learning_rate_decay == 1
    assert (learner.actor_learning_rate, learner.critic_learning_rate, learner.weight_decay) == (1e-3, 3e-4, 1e-5)
    assert (learner.alpha, learner.automatic_alpha, learner.gamma, learner.tau) == (0.2, False, 0.99, 0.005)
    assert (learner.learning_starts, learner.buffer_size, settings.search.steps) == (10_000, 1_000_000, 3_000_000)


def test_the_paper_s_values_for_hyperppo_are_those_of_its_code_on_mujoco():
    settings = resolve({"method": "hyperppo", "preset": "paper"})
    options, learner, batch = settings.compression, settings.learner, settings.meta_batch
    assert (options.decoder, options.width_features, options.graph_size) == ("dense", "raw", 16)
    assert (settings.search.controller, settings.lanes, batch.meta_batch) == ("depth-uniform", 128, 8)
    assert (learner.n_steps, learner.batch_size, learner.n_epochs) == (64, 2048, 2)
    assert settings.lanes * learner.n_steps == 4 * learner.batch_size
    assert (learner.actor_learning_rate, learner.critic_learning_rate) == (0.00295, 0.00295)
    assert (learner.actor_learning_rate_decay, learner.weight_decay, learner.weight_averaging) == (0, 0, 0)
    assert (learner.clip_range, learner.clip_range_vf, learner.max_grad_norm) == (0.2, 1.0, 3.5)
    assert (learner.gamma, learner.gae_lambda, learner.ent_coef, learner.bounds_coef) == (0.99, 0.95, 0, 0)
    assert (learner.deviation, learner.log_std_init) == ("common", 0)
    assert (learner.critic_hidden, learner.critic_activation) == ((256, 256, 256), "tanh")
    assert (learner.normalize_observations, learner.normalize_returns, learner.target_kl) == (True, True, 0)


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        resolve({}).search.steps = 5


def test_every_option_is_described_and_belongs_to_one_kind_of_part():
    kinds = (*CONTROLLERS.values(), *STRATEGIES.values(), *LEARNERS.values())
    parts = [SearchOptions, *(kind.Options for kind in kinds)]
    assert all(field.description for part in parts for field in part.model_fields.values())
    assert not owners().keys() & SearchOptions.model_fields.keys()
    assert owners()["partitions"] == ["--method chromatic", "--method shared"]
