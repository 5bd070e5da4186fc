"""Options of `search` and `resume` as keywords, for editors and type checkers.

Written by `python -m compactrl.searches.signatures`: change the options themselves, then run that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class SearchKeywords(TypedDict, total=False):
    """Options of `compactrl.search`; None is the default."""

    method: str | None
    """How the policy is made small: a row of `compactrl methods`. (default: chromatic)"""
    steps: int | float | str | None
    """Budget in environment steps; re-evaluations count, but for the last one of gradient methods. (default: 20M; 3M
    with --method ghp; 1M with --method sac, td3, ddpg, ppo or trpo; 5M with --method plain-tasks, context-tasks,
    hyper-tasks or hyperppo-tasks; 8M with --method maml, context-maml or hyper-maml; 500k with --method pearl or
    hyper-pearl; 200k with --method distill)"""
    seed: int | float | str | None
    """Seed of all randomness. (default: 0)"""
    hidden: int | Sequence[int] | str | None
    """Widths of the hidden layers, such as 41 or 64,64; none is a linear policy. (default: 41; 256,256 with --method
    sac, td3 or ddpg; 64,64 with --method ppo or trpo; 64 with --method plain-tasks, context-tasks, hyper-tasks, maml,
    context-maml or hyper-maml; 128,128 with --method pearl; 128 with --method hyper-pearl; 16,8 with --method
    distill)"""
    controller: str | None
    """What chooses the designs, such as which edges share a weight; each method has its own choices. (default:
    latent; depth-uniform with --method ghp, hyperppo or hyperppo-tasks)"""
    learner: str | None
    """Algorithm that trains the weights, for methods with several. (default: evolution; sac with --method ghp; ppo
    with --method plain-tasks, context-tasks or hyper-tasks)"""
    stop_at: float | None
    """Stop once the policy's mean return without noise, on fresh episodes, is at least this."""
    patience: float | None
    """Stop once the policy has not improved for this share of the budget, such as 0.2; 0 never. (default: 0)"""
    preset: str | None
    """Named defaults: default, or paper for those of the method's paper. (default: default)"""
    tasks: str | None
    """Family of tasks, in place of --env: such as HalfCheetah-Vel; `compactrl envs --tasks` lists them."""
    env_module: str | None
    """Your own environments: a Python file, or an importable module, that registers them with Gymnasium."""
    env_options: Mapping[str, Any] | None
    """Keyword arguments of the environment, as a JSON object such as '{"frame_skip": 4}'."""
    engine: str | None
    """Library that steps the environments: auto, envpool, batched, mujoco, gymnasium. (default: auto)"""
    max_episode_steps: int | float | str | None
    """Cut episodes after this many steps; 0 is the environment's own limit, or 1000 where it has none. (default:
    0)"""
    fine_tune_share: float | None
    """Last share of the budget, in which the best design stays and only its weights are trained (fine-tuning).
    (default: 0.2; 0.4 with --method masked; 0 with --method toeplitz, circulant, unstructured, linear, ghp, sac, td3,
    ddpg, ppo, trpo, hyperppo, plain-tasks, context-tasks, hyper-tasks, hyperppo-tasks or distill)"""
    reevaluations: int | float | str | None
    """How often the best candidates are evaluated anew, to choose the final policy. (default: 10; 1 with --method
    ghp, sac, td3, ddpg, plain-tasks, context-tasks, hyper-tasks, hyperppo-tasks, maml, context-maml, hyper-maml,
    pearl, hyper-pearl or distill; 5 with --method ppo, trpo or hyperppo)"""
    reevaluation_episodes: int | float | str | None
    """Fresh episodes per finalist in a re-evaluation. (default: 32; 10 with --method ghp, sac, td3, ddpg, ppo, trpo,
    hyperppo, plain-tasks, context-tasks, hyper-tasks, hyperppo-tasks, maml, context-maml, hyper-maml, pearl,
    hyper-pearl or distill)"""
    num_envs: int | float | str | None
    """Parallel environments; 0 is one per candidate, at most 160 (gradient methods: 8). Where it is given, no more
    ever exist at a time: re-evaluations and the final evaluation share them. Changes results. (default: 0; 32 with
    --method hyperppo; 16 with --method plain-tasks, context-tasks, hyper-tasks or hyperppo-tasks; 40 with --method
    maml, context-maml or hyper-maml)"""
    threads: int | float | str | None
    """Threads that step environments and that networks learn on; 0 is every core. Changes no result. (default: 0)"""
    workers: int | float | str | None
    """Ray workers that step environments in place of threads; 0 is none, or every CPU of the cluster with
    --ray-address. Changes no result. (default: 0)"""
    ray_address: str | None
    """Ray cluster to join, as HOST:PORT or auto; without it --workers starts Ray on this machine."""
    worker_timeout: float | None
    """Seconds after which a worker counts as hung and its work is done again elsewhere. (default: 600)"""
    checkpoint_seconds: float | None
    """Save a checkpoint at least this often, in seconds; 0 is every iteration. (default: 30)"""
    activation: Literal["tanh", "relu"] | None
    """Of the hidden layers: tanh or relu. (default: tanh; relu with --method sac, td3, ddpg, pearl, hyper-pearl or
    distill)"""
    output_bias: bool | None
    """Give the output layer biases, as gradient methods do. (default: off)"""
    initialization: Literal["near-zero", "xavier", "xavier-small-output", "orthogonal"] | None
    """First weights: near zero, as evolution begins; Xavier uniform, of which the last layer may be small; of plain
    networks also orthogonal with a small last layer. (default: near-zero; xavier with --method sac, td3, ddpg, pearl,
    hyper-pearl or distill; orthogonal with --method ppo, trpo, plain-tasks, context-tasks, hyper-tasks, maml,
    context-maml or hyper-maml)"""
    start_from: str | None
    """Run to begin from: its weights, of shared ones their clusters, its network and its normaliser."""
    partitions: int | float | str | None
    """Number of distinct weights (colours) that the edges share: from 1 to the number of edges. (default: 17)"""
    kept_weights: int | float | str | None
    """Number of weights that the mask keeps in the end, at most. (default: 40)"""
    beta: float | None
    """Weight of the return in the objective when the annealing ends, from 1 at the start; the rest rewards sparsity.
    (default: 0.5)"""
    annealed_by: float | None
    """Share of the budget at which the annealing of beta ends. (default: 0.3)"""
    palette_spread: float | None
    """Outermost level of the palette of weights, in standard deviations of the latent numbers; 0 follows from the
    number of colours (1.2 for 3, 2.5 for 17). (default: 0)"""
    normalizer: Literal["floats", "bytes"] | None
    """How the normaliser of the run that is imitated or begun from is kept: as it is, or rounded, in a byte or two an
    observation; the first layer makes up for that. (default: floats)"""
    palette_per_layer: bool | None
    """Give each layer --partitions weights of its own. (default: off)"""
    bias_partitions: int | float | str | None
    """Distinct biases that the units share; 0: each has its own. (default: 0)"""
    train_palette: bool | None
    """Train the shared values beside the choice of each edge, as gradient methods do by default. (default: off)"""
    colorings_from: str | None
    """Run whose best colourings are reused; its weights are not."""
    top: int | float | str | None
    """Most colourings to reuse. (default: 5)"""
    widths: int | Sequence[int] | str | None
    """Widths that a policy's hidden layers may have. (default: 4,8,16,32,64,128,256,512; 4,8,16,32,64,128,256 with
    --method hyperppo or hyperppo-tasks)"""
    max_layers: int | float | str | None
    """Largest number of hidden layers of a policy. (default: 4)"""
    decoder: Literal["bilinear", "dense"] | None
    """Decoder of the graph hypernetwork: bilinear, or the paper's dense one with 33.9 M parameters. (default:
    bilinear)"""
    width_features: Literal["normalized", "raw"] | None
    """How a graph node encodes a layer's width: normalized, with its place, or raw as in the paper. (default:
    normalized)"""
    rank: int | float | str | None
    """Code length of the bilinear decoder. (default: 32)"""
    graph_size: int | float | str | None
    """Width of a graph node's hidden state; 16 in the paper's public code. (default: 32)"""
    train_tasks: int | float | str | None
    """Tasks that are trained in; a family of fewer has just those. (default: 100)"""
    test_tasks: int | float | str | None
    """Tasks that are tried at the end, and never trained in; a family of fewer has just those. (default: 30)"""
    hyper_size: Literal["small", "paper"] | None
    """Size of the hypernetwork: small, or paper, with stages four times as wide. (default: small)"""
    hyper_initialization: Literal["bias-hyper", "paper"] | None
    """First weights of the hypernetwork: bias-hyper, with which all tasks begin with the same network, or paper.
    (default: bias-hyper)"""
    latent_size: int | float | str | None
    """Latent numbers that are inferred of a task. (default: 5)"""
    encoder_hidden: int | Sequence[int] | str | None
    """Widths of the context encoder's hidden layers. (default: 128,128)"""
    encoder_learning_rate: float | None
    """Adam's learning rate for the context encoder. (default: 0.0003)"""
    context_size: int | float | str | None
    """Recent transitions of a task from which the encoder infers its latents while it learns. (default: 100)"""
    context_window: int | float | str | None
    """How many of a task's latest transitions by the prior are recent. (default: 400)"""
    kl_weight: float | None
    """Weight of the posterior's KL divergence from the prior in the encoder's loss. (default: 0.1)"""
    posterior_share: float | None
    """Share of a task's lanes that act with latents of the posterior; in the others, of which there is at least one,
    the prior's act. (default: 0.5)"""
    controller_hidden: int | float | str | None
    """Width of the LSTM encoder and decoder, and of their embeddings. (default: 64)"""
    controller_learning_rate: float | None
    """Adam's learning rate of the controller, which is updated once per batch of designs. (default: 0.0003; 0.001
    with --method ghp)"""
    controller_table_learning_rate: float | None
    """Adam's learning rate of the embeddings of edges; 0 is that of the other parameters. (default: 0.5; 0 with
    --method ghp)"""
    controller_entropy: float | None
    """Coefficient of the entropy bonus: standardised reward per nat of a decision's mean entropy. (default: 0; 0.3
    with --method ghp)"""
    controller_baseline_decay: float | None
    """Decay of the moving-average baseline, per batch; no effect where rewards are standardised. (default: 0.99)"""
    controller_temperature: float | None
    """Temperature that the logits of every decision are divided by. (default: 1)"""
    controller_spread: float | None
    """Initial standard deviation of a decision around the middle choice, for choices with an order, as weights have;
    0 starts without order, as in the paper. (default: 0.6; 0 with --method ghp)"""
    controller_mirrored: bool | None
    """Sample designs in antithetic pairs, which lowers the gradient's variance where choices have an order. (default:
    on; off with --method ghp)"""
    controller_standardize: bool | None
    """Standardise the rewards of each batch. (default: on)"""
    controller_members: int | float | str | None
    """Random designs that are drawn once and proposed in turn. (default: 301)"""
    controller_population: int | float | str | None
    """Designs in the controller's population; 0 is twice the first batch. (default: 0)"""
    controller_tournament: int | float | str | None
    """Designs that compete to be a parent; 0 is the square root of the population. (default: 0)"""
    controller_mutations: int | float | str | None
    """Decisions in which a child differs from its parent, at most all. (default: 1)"""
    meta_batch: int | float | str | None
    """Architectures, or tasks, that act and learn at the same time, each in an environment of its own. (default: 8;
    10 with --method maml, context-maml or hyper-maml; 4 with --method pearl or hyper-pearl)"""
    conditioned_critics: bool | None
    """Give the critics the policy's architecture, or its task, as an input. (default: on)"""
    anchor_share: float | None
    """Share of every meta-batch that is one fixed architecture, from whose experience all learn: two layers of the
    largest width up to 256. 0 is none. (default: 0.5; 0 with --method hyperppo)"""
    resample_updates: int | float | str | None
    """Updates after which other architectures are sampled, about. (default: 8)"""
    es: str | None
    """Evolution strategy: finite-difference, antithetic, pgpe, cem, cmaes. (default: pgpe)"""
    population: int | float | str | None
    """Candidates per generation. (default: 64)"""
    fine_tune_es: str | None
    """Evolution strategy of the fine-tuning, with its own defaults. (default: pgpe)"""
    episodes_per_candidate: int | float | str | None
    """Episodes of each candidate, which is judged by their mean return. (default: 1)"""
    common_starts: bool | None
    """Let all candidates of a generation begin their episodes alike, which pays where starts differ by more than
    candidates do. (default: off)"""
    alive_bonus: float | None
    """Reward per step for not falling, which training leaves out so that standing still does not pay; by default the
    environment's own. Returns shown are always true returns."""
    normalize_rewards: bool | None
    """Divide returns by their running standard deviation; no effect where returns are ranked. (default: off)"""
    normalize_observations: bool | None
    """Normalise observations by their running mean and standard deviation. (default: on; off with --method ghp, sac,
    td3, pearl or hyper-pearl)"""
    sigma: float | None
    """Initial standard deviation of the noise on every parameter; 0 follows from --radius. (default: 0)"""
    learning_rate: float | None
    """Learning rate of the centre; with pgpe the length of a normalised step. (default: 0.075)"""
    shaping: Literal["raw", "standardize", "centered-ranks"] | None
    """Transformation of a generation's returns: raw, standardize or centered-ranks. (default: centered-ranks)"""
    exact_share: float | None
    """Share of a generation's evaluations that run the centre without noise. (default: 0.5)"""
    top_directions: int | float | str | None
    """Mirrored pairs that are used, those with the best single return; 0 is all (ARS). (default: 0)"""
    divide_by_std: bool | None
    """Divide the gradient by the standard deviation of the used returns (ARS). (default: off)"""
    optimizer: Literal["sgd", "adam"] | None
    """Optimizer of the centre: sgd or adam. (default: sgd)"""
    momentum: float | None
    """Momentum of the sgd optimizer. (default: 0)"""
    radius: float | None
    """Initial length of the vector of standard deviations, each of which is this over the root of the number of
    parameters. (default: 2.25)"""
    center_max_speed: float | None
    """Longest step of the centre per generation (ClipUp). (default: 0.15)"""
    sigma_learning_rate: float | None
    """Learning rate of the standard deviations; 0 keeps them. (default: 0.1)"""
    sigma_max_change: float | None
    """Largest relative change of a standard deviation per generation. (default: 0.2)"""
    parent_share: float | None
    """Share of a generation's candidates, the best, that the next one is drawn around. (default: 0.5)"""
    sigma_min: float | None
    """Smallest standard deviation that a parameter's noise can shrink to. (default: 0.05)"""
    diagonal: bool | None
    """Adapt variances only, for many parameters (separable CMA-ES). (default: off)"""
    weight_averaging: float | None
    """Weight averaging: the final policy is the mean over this share of the updates, about, the last ones; 0 takes
    the last weights. (default: 0; 0.03 with --method ghp)"""
    batch_size: int | float | str | None
    """Transitions per update; split among the architectures that learn together. (default: 256; 128 with --method ppo
    or trpo; 512 with --method hyperppo, pearl or hyper-pearl; 400 with --method plain-tasks, context-tasks,
    hyper-tasks, hyperppo-tasks, maml, context-maml or hyper-maml)"""
    device: Literal["auto", "cpu", "cuda"] | None
    """Where networks are trained: auto, cpu or cuda. (default: auto)"""
    actor_learning_rate: float | None
    """Adam's learning rate for the policy, or for the graph hypernetwork. PPO's is less by default where hidden
    layers are wider than 64 units. (default: 0.002; 0.0003 with --method toeplitz, circulant, linear, sac, td3, ppo,
    plain-tasks, context-tasks, hyper-tasks, pearl, hyper-pearl or distill; 0.003 with --method ghp; 0.001 with
    --method ddpg; 0.0005 with --method hyperppo or hyperppo-tasks)"""
    actor_learning_rate_decay: float | None
    """Linear learning-rate decay of the actor: share that is left at the end of the budget; 1 is none. A larger
    budget on resume raises it again. (default: 0.01; 1 with --method toeplitz, circulant, linear, sac, td3, ddpg,
    pearl, hyper-pearl or distill; 0.1 with --method ghp; 0 with --method ppo, hyperppo, plain-tasks, context-tasks,
    hyper-tasks or hyperppo-tasks)"""
    weight_decay: float | None
    """Weight decay of the policy, or of the graph hypernetwork. (default: 0; 1e-05 with --method ghp)"""
    updates_per_step: float | None
    """Gradient updates per environment step. (default: 0.5; 1 with --method toeplitz, circulant, linear, ghp, sac,
    td3, ddpg or distill; 0.2 with --method pearl or hyper-pearl)"""
    iteration_steps: int | float | str | None
    """Environment steps collected per iteration, about; updates follow. (default: 1000; 1600 with --method pearl or
    hyper-pearl)"""
    buffer_size: int | float | str | None
    """Transitions in the replay buffer. (default: 1M)"""
    save_replay: bool | None
    """Save the replay buffer in checkpoints; without it a resumed search starts with an empty one. (default: on)"""
    critic: str | None
    """Form of the critics: mlp, mlp-small, mlp-large, d2rl, resnet-features, res35, sa-hyper, as-hyper,
    embedding-hyper. (default: mlp)"""
    critic_size: Literal["paper", "small"] | None
    """Size of other critics: paper, or small, about a sixteenth of the parameters of a hypernetwork. (default:
    paper)"""
    critic_init: Literal["paper", "bias-hyper"] | None
    """First weights of critics that are hypernetworks: paper, or bias-hyper, with which all states begin with the
    same network. (default: paper)"""
    critic_huber_delta: float | None
    """Huber loss of the critics: errors beyond this many times their mean size count linearly; 0 is the squared loss.
    (default: 0; 2 with --method ghp)"""
    gradient_interval: int | float | str | None
    """Environment steps between studies of the critics' action gradient, which are not counted as the search's;
    `compactrl gradients` shows them. 0 is never. (default: 0)"""
    tau: float | None
    """Soft-update coefficient of the target networks (Polyak averaging). (default: 0.005)"""
    learning_starts: int | float | str | None
    """Environment steps with random actions before learning starts. (default: 10k; 1000 with --method ddpg; 8000 with
    --method pearl or hyper-pearl)"""
    precision: Literal["float32", "bfloat16"] | None
    """Of products of large matrices while networks learn: float32, or bfloat16 where the processor has instructions
    for it. (default: float32)"""
    critic_hidden: int | Sequence[int] | str | None
    """Widths of the critics' hidden layers, of --critic mlp. (default: 256,256; 64,64 with --method ppo, trpo,
    plain-tasks, context-tasks, hyper-tasks, maml, context-maml or hyper-maml; 128,128 with --method hyperppo,
    hyperppo-tasks, pearl or hyper-pearl)"""
    critic_learning_rate: float | None
    """Adam's learning rate for the critics. (default: 0.0003; 0.001 with --method ddpg, trpo, hyperppo,
    hyperppo-tasks, maml, context-maml or hyper-maml)"""
    gamma: float | None
    """Discount factor per step. (default: 0.99; 0.98 with --method ddpg)"""
    hindsight: float | None
    """Hindsight experience replay: share of sampled transitions relabelled with a goal reached later; by default 0.8
    in environments with goals."""
    alpha: float | None
    """Entropy coefficient; the initial one with --automatic-alpha. (default: 0.2)"""
    automatic_alpha: bool | None
    """Tune the entropy coefficient, for a target entropy of minus the number of actions. (default: off)"""
    log_std_low: float | None
    """Lower bound of the log standard deviation of actions. (default: -20)"""
    log_std_high: float | None
    """Upper bound of the log standard deviation of actions. (default: 2)"""
    exploration_noise: float | None
    """Standard deviation of the exploration noise, for actions scaled to -1 … 1. (default: 0.1; 0.2 with --method
    ddpg)"""
    random_actions: float | None
    """Share of exploring actions that are drawn uniformly. (default: 0; 0.3 with --method ddpg)"""
    target_noise: float | None
    """Standard deviation of the target policy smoothing noise. (default: 0.2; 0 with --method ddpg)"""
    target_noise_limit: float | None
    """Limit to which the target policy smoothing noise is clipped. (default: 0.5)"""
    policy_delay: int | float | str | None
    """Critic updates per policy update. (default: 2; 1 with --method ddpg)"""
    critics: int | float | str | None
    """Number of critics; targets take their minimum. (default: 2; 1 with --method ddpg)"""
    target_policy: bool | None
    """Use a target network of the policy too. (default: on; off with --method ddpg)"""
    action_penalty: float | None
    """Weight of the mean squared action in the policy's loss. (default: 0; 1 with --method ddpg)"""
    adaptation_episodes: int | float | str | None
    """Episodes in a new task before each step of adaptation to it, once the search is over. (default: 20; 2 with
    --method pearl or hyper-pearl)"""
    n_steps: int | float | str | None
    """Environment steps in every lane per iteration. (default: 128; 64 with --method hyperppo; 200 with --method
    plain-tasks, context-tasks, hyper-tasks, hyperppo-tasks, maml, context-maml or hyper-maml)"""
    n_epochs: int | float | str | None
    """How often the updates of an iteration go through its transitions. (default: 5; 10 with --method trpo,
    plain-tasks, context-tasks, hyper-tasks, hyperppo-tasks, maml, context-maml or hyper-maml; 4 with --method
    hyperppo)"""
    gae_lambda: float | None
    """Lambda of generalised advantage estimation. (default: 0.95)"""
    advantage_normalization: Literal["each", "together"] | None
    """Over which transitions of an iteration advantages are normalised: those of each architecture or task, or all.
    (default: each; together with --method hyperppo)"""
    clip_range_vf: float | None
    """How far from its value before the iteration a value is clipped; 0 is no clip. (default: 0)"""
    max_grad_norm: float | None
    """Largest norm of the policy's gradient, and of the value function's; 0 is no limit. (default: 0.5)"""
    normalize_returns: bool | None
    """Divide rewards by the running standard deviation of discounted returns. (default: on)"""
    deviation: Literal["common", "per-architecture", "state"] | None
    """Standard deviations of actions while policies act: one vector for all, one for each architecture or task, or
    outputs of the policy, which are dropped at the end. (default: common)"""
    log_std_init: float | None
    """Logarithm of the first standard deviations. (default: -0.7)"""
    critic_activation: Literal["tanh", "relu"] | None
    """Activation of the value function. (default: tanh; relu with --method hyperppo or hyperppo-tasks)"""
    clip_range: float | None
    """How far from 1 the ratio of probabilities is clipped. (default: 0.2)"""
    ent_coef: float | None
    """Weight of the entropy in the policy's loss. (default: 0)"""
    bounds_coef: float | None
    """Weight of a penalty on means beyond ±3, where a tanh has all but reached the bounds of actions. (default: 0;
    0.1 with --method hyperppo or hyperppo-tasks)"""
    target_kl: float | None
    """KL divergence from the policy that acted, at which an iteration's updates end, or for which the learning rate
    adapts; 0 is none. (default: 0)"""
    adaptive_learning_rate: bool | None
    """Adapt the learning rates to --target-kl after every epoch, in place of ending the updates. (default: off)"""
    max_kl: float | None
    """Trust region: the largest mean KL divergence of the policies before and after a step. (default: 0.01)"""
    cg_steps: int | float | str | None
    """Steps of conjugate gradients for the natural gradient. (default: 10)"""
    cg_damping: float | None
    """Damping of the natural gradient: so much is added to the diagonal of Fisher's matrix. (default: 0.1)"""
    line_search_steps: int | float | str | None
    """Step lengths that are tried at most, until one improves policies within the trust region. (default: 10)"""
    line_search_decay: float | None
    """How much shorter each step is that the line search tries. (default: 0.8)"""
    inner_learning_rate: float | None
    """Length of a step of adaptation, in gradients: of theta and of deviations beside it. The policies of a
    hypernetwork go further than a plain network's with the same. (default: 0.1)"""
    inner_steps: int | float | str | None
    """Steps of adaptation to a task; each is made from an iteration of the policies before it. (default: 1)"""
    first_order: bool | None
    """Take what adaptation does as a shift: no gradient goes through its steps. (default: off)"""
    teacher: str | None
    """Folder of the run whose policy is imitated."""
    teacher_noise: float | None
    """Standard deviation of noise on the teacher's actions, so that it shows how to recover; of discrete actions the
    share that is random. (default: 0.1)"""
    student_share: float | None
    """Share of the iterations in which the student acts, and the teacher says what it would have done (DAgger); 0:
    the teacher always acts. (default: 0.5; 0 with --method distill)"""


class ResumeKeywords(TypedDict, total=False):
    """Options of `compactrl.resume`; None changes nothing."""

    stop_at: float | None
    """Stop once the policy's mean return without noise, on fresh episodes, is at least this."""
    patience: float | None
    """Stop once the policy has not improved for this share of the budget, such as 0.2; 0 never. (default: 0)"""
    threads: int | float | str | None
    """Threads that step environments and that networks learn on; 0 is every core. Changes no result. (default: 0)"""
    workers: int | float | str | None
    """Ray workers that step environments in place of threads; 0 is none, or every CPU of the cluster with
    --ray-address. Changes no result. (default: 0)"""
    ray_address: str | None
    """Ray cluster to join, as HOST:PORT or auto; without it --workers starts Ray on this machine."""
    worker_timeout: float | None
    """Seconds after which a worker counts as hung and its work is done again elsewhere. (default: 600)"""
    checkpoint_seconds: float | None
    """Save a checkpoint at least this often, in seconds; 0 is every iteration. (default: 30)"""
