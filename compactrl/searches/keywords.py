"""Options of `search` and `resume` as keywords, for editors and type checkers.

Written by `python -m compactrl.searches.signatures`: change the options themselves, then run that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class SearchKeywords(TypedDict, total=False):
    """Options of `compactrl.search`; None is the default."""

    method: str | None
    """What to search: a row of `compactrl methods`. (default: chromatic)"""
    env_module: str | None
    """Importable module that registers your own environments with Gymnasium. (default: none)"""
    env_options: Mapping[str, Any] | None
    """Options of the environment, as a JSON object. (default: none)"""
    engine: str | None
    """What steps the environment: auto, envpool, batched, gymnasium. (default: auto)"""
    max_episode_steps: int | float | None
    """Cut episodes after this many environment steps; 0 keeps the environment's own limit, 1000 where it sets none.
    (default: 0)"""
    steps: int | float | None
    """Budget in environment steps, re-evaluations included; of gradient methods the last is beyond it. (default:
    20000000; 3000000 for depth-uniform and uniform and pointer; 1000000 for sac and td3 and ddpg; 200000 for
    distill)"""
    seed: int | float | None
    """Source of all randomness. (default: 0)"""
    hidden: int | Sequence[int] | str | None
    """Widths of the hidden layers, such as 41 or 41,41; none for a linear policy. (default: 41; 256,256 for sac and
    td3 and ddpg; 16,8 for distill)"""
    controller: str | None
    """What chooses the designs; the default is the method's own. (default: none)"""
    learner: str | None
    """Who improves the weights; the default is the method's own. (default: none)"""
    lanes: int | float | None
    """Environments that evaluations are dealt to, or that stand for gradient methods; 0 for at most 160 of the
    former, 8 of the latter. Results depend on it. (default: 0)"""
    threads: int | float | None
    """Threads that step environments; 0 for every core. Changes no result. (default: 0)"""
    workers: int | float | None
    """Ray workers that step environments, in place of threads; 0 for none, or with --ray-address for every CPU of the
    cluster. Changes no result. (default: 0)"""
    ray_address: str | None
    """Ray cluster to join, as HOST:PORT or auto; without it --workers begins a Ray on this machine. (default:
    none)"""
    worker_timeout: float | None
    """Seconds after which a worker's share of a generation counts as hung and is done again elsewhere. (default:
    600.0)"""
    settle: float | None
    """Last share of the budget, spent on the weights of the design that leads. (default: 0.4; 0.2 for latent and
    pointer; 0.8 for transfer; 0.0 for toeplitz and circulant and unstructured and linear and depth-uniform and
    uniform and pointer and sac and td3 and ddpg and distill)"""
    selections: int | float | None
    """How many times in a search the leading designs are re-evaluated for what ships. (default: 10; 1 for
    depth-uniform and uniform and pointer and sac and td3 and ddpg and distill)"""
    selection_episodes: int | float | None
    """Fresh episodes for each of the last designs standing in a re-evaluation. (default: 32; 10 for depth-uniform and
    uniform and pointer and sac and td3 and ddpg and distill)"""
    checkpoint_seconds: float | None
    """Save at least this often, in seconds; 0 for every generation. (default: 30.0)"""
    preset: str | None
    """Settings by name: default, paper. (default: default)"""
    partitions: int | float | None
    """Number of colours, and so of distinct weights: at least 1, at most the number of edges. For --method chromatic.
    (default: 17)"""
    kept_weights: int | float | None
    """How many weights the mask may keep in the end; below that it is pressed no further. For --method masked.
    (default: 40)"""
    beta: float | None
    """Share of the return in the objective at the end of the annealing, from 1 at the start. For --method masked.
    (default: 0.5)"""
    annealed_by: float | None
    """Share of the budget at which the annealing of beta ends. For --method masked. (default: 0.3)"""
    palette_spread: float | None
    """Outermost level of the palette, in standard deviations of a candidate's latent numbers; 0 chooses it by the
    number of colours: 1.2 for 3 colours, 2.5 for 17. For --method chromatic --controller latent. (default: 0.0)"""
    colorings_from: str | None
    """Run whose best colourings are taken over; its weights are not. For --method chromatic --controller transfer.
    (default: none)"""
    top: int | float | None
    """How many colourings are taken over, at most. For --method chromatic --controller transfer. (default: 5)"""
    widths: int | Sequence[int] | str | None
    """Widths that a policy's hidden layers may have. For --method ghp. (default: 4,8,16,32,64,128,256,512)"""
    max_layers: int | float | None
    """Most hidden layers that a policy may have. For --method ghp. (default: 4)"""
    decoder: Literal["bilinear", "dense"] | None
    """How weights are written: bilinear, or dense with the paper's 33.9 M parameters. For --method ghp. (default:
    bilinear)"""
    width_features: Literal["normalized", "raw"] | None
    """What a node of the graph is told: normalized numbers with its place, or the paper's raw width. For --method
    ghp. (default: normalized)"""
    rank: int | float | None
    """Length of the bilinear decoder's codes. For --method ghp. (default: 32)"""
    graph_size: int | float | None
    """Numbers of a graph node's state; the paper's public code has 16. For --method ghp. (default: 32)"""
    meta_batch: int | float | None
    """Policies that act and learn at a time, each in an environment of its own. For --method ghp. (default: 8)"""
    tell_critics: bool | None
    """Tell the critics whose actions they value: the architecture is an input of theirs. For --method ghp. (default:
    True)"""
    anchor_share: float | None
    """Share of every meta-batch, in whole policies, that is the same architecture, from whose experience all learn:
    two layers of the widest up to 256, or of the narrowest. 0 for none. For --method ghp. (default: 0.5)"""
    resample_updates: int | float | None
    """Updates after which the next architectures learn; about. For --method ghp. (default: 8)"""
    controller_hidden: int | float | None
    """The width of the encoder's and the decoder's LSTM and of the learned tables. For --controller pointer.
    (default: 64)"""
    controller_learning_rate: float | None
    """The step size of Adam, per batch of designs. For --controller pointer. (default: 0.001; 0.0003 for pointer)"""
    controller_table_learning_rate: float | None
    """The step size of Adam for the table of edges; 0 for that of the other parameters. For --controller pointer.
    (default: 0.0; 0.5 for pointer)"""
    controller_entropy: float | None
    """The weight of the entropy bonus, in units of (standardised) reward per nat of mean entropy per decision. For
    --controller pointer. (default: 0.3; 0.0 for pointer)"""
    controller_baseline_decay: float | None
    """The share that the moving average of rewards keeps per batch; without effect where rewards are standardised.
    For --controller pointer. (default: 0.99)"""
    controller_temperature: float | None
    """What the logits of every decision are divided by. For --controller pointer. (default: 1.0)"""
    controller_spread: float | None
    """Standard deviation of a decision at the start, in choices around the middle one, for choices that have an
    order, as weights do; 0 starts without order, as in the paper. For --controller pointer. (default: 0.0; 0.6 for
    pointer)"""
    controller_mirrored: bool | None
    """Whether designs are drawn in pairs that deviate from the mean in opposite directions, which reduces the noise
    of the gradient; useful where choices have an order. For --controller pointer. (default: False; True for
    pointer)"""
    controller_standardize: bool | None
    """Whether rewards are brought to mean 0 and standard deviation 1 over each batch. For --controller pointer.
    (default: True)"""
    controller_members: int | float | None
    """How many random designs are drawn once and proposed in a cycle. For --controller fixed. (default: 301)"""
    controller_population: int | float | None
    """How many designs the population holds; 0 stands for twice the first batch. For --controller evolution.
    (default: 0)"""
    controller_tournament: int | float | None
    """How many designs compete to be a parent; 0 stands for the square root of the population, rounded down. For
    --controller evolution. (default: 0)"""
    controller_mutations: int | float | None
    """How many decisions of a child differ from its parent's, at most all of them. For --controller evolution.
    (default: 1)"""
    es: str | None
    """Evolution strategy: finite-difference, antithetic, pgpe, cem, cmaes. For --method chromatic and --method masked
    and --method toeplitz and --method circulant and --method unstructured and --method linear. (default: pgpe; cmaes
    for pointer)"""
    population: int | float | None
    """Evaluations a generation. For --method chromatic and --method masked and --method toeplitz and --method
    circulant and --method unstructured and --method linear. (default: 64; 320 for random and fixed and evolution)"""
    settle_es: str | None
    """Evolution strategy once a design is settled, with its own defaults. For --method chromatic and --method masked
    and --method toeplitz and --method circulant and --method unstructured and --method linear. (default: pgpe)"""
    alive_bonus: float | None
    """Reward a step for not falling, left out while training so that standing still does not pay; the default is the
    environment's own. Returns shown are always true returns. For --method chromatic and --method masked and --method
    toeplitz and --method circulant and --method unstructured and --method linear. (default: none)"""
    normalize_observations: bool | None
    """Normalise observations by their running moments. For --method chromatic and --method masked and --method
    toeplitz and --method circulant and --method unstructured and --method linear and --method sac and --learner sac
    and --method td3 and --learner td3 and --method ddpg and --learner ddpg. (default: True for evolution, False for
    sac, False for td3, True for ddpg)"""
    normalize_rewards: bool | None
    """Divide returns by their running standard deviation; of no effect on ranks. For --method chromatic and --method
    masked and --method toeplitz and --method circulant and --method unstructured and --method linear. (default:
    False)"""
    actor_learning_rate: float | None
    """Of the policy, or of the network that writes policies. For --method sac and --learner sac and --method td3 and
    --learner td3 and --method ddpg and --learner ddpg and --method distill. (default: 0.0003 for sac, 0.0003 for td3,
    0.001 for ddpg, 0.0003 for distill; 0.003 for depth-uniform and uniform and pointer)"""
    actor_final_rate_share: float | None
    """Share of that learning rate which is left when the budget is spent; it falls evenly. A larger budget for a
    finished run raises it again. For --method sac and --learner sac and --method td3 and --learner td3 and --method
    ddpg and --learner ddpg and --method distill. (default: 1.0; 0.1 for depth-uniform and uniform and pointer)"""
    average_share: float | None
    """Of the updates so far, over how many of the last ones, about, the mean is taken that ships; 0 ships the last.
    For --method sac and --learner sac and --method td3 and --learner td3 and --method ddpg and --learner ddpg and
    --method distill. (default: 0.0; 0.03 for depth-uniform and uniform and pointer)"""
    weight_decay: float | None
    """Of the policy, or of the network that writes policies. For --method sac and --learner sac and --method td3 and
    --learner td3 and --method ddpg and --learner ddpg and --method distill. (default: 0.0; 1e-05 for depth-uniform
    and uniform and pointer)"""
    batch_size: int | float | None
    """Transitions an update; split among the architectures of a batch. For --method sac and --learner sac and
    --method td3 and --learner td3 and --method ddpg and --learner ddpg and --method distill. (default: 256)"""
    updates_per_step: float | None
    """Updates for each environment step. For --method sac and --learner sac and --method td3 and --learner td3 and
    --method ddpg and --learner ddpg and --method distill. (default: 1.0)"""
    iteration_steps: int | float | None
    """Environment steps that the same policies collect, and then learn from, at a time; about. For --method sac and
    --learner sac and --method td3 and --learner td3 and --method ddpg and --learner ddpg and --method distill.
    (default: 1000)"""
    replay_size: int | float | None
    """Transitions that are kept to learn from. For --method sac and --learner sac and --method td3 and --learner td3
    and --method ddpg and --learner ddpg and --method distill. (default: 1000000)"""
    save_replay: bool | None
    """Save the replay buffer in checkpoints; without it a resumed search begins with an empty one. For --method sac
    and --learner sac and --method td3 and --learner td3 and --method ddpg and --learner ddpg and --method distill.
    (default: True)"""
    device: Literal["auto", "cpu", "cuda"] | None
    """Where networks are trained: auto, cpu or cuda. For --method sac and --learner sac and --method td3 and
    --learner td3 and --method ddpg and --learner ddpg and --method distill. (default: auto)"""
    critic_hidden: int | Sequence[int] | str | None
    """Widths of the critics' hidden layers. For --method sac and --learner sac and --method td3 and --learner td3 and
    --method ddpg and --learner ddpg. (default: 256,256)"""
    critic_learning_rate: float | None
    """Of the critics. For --method sac and --learner sac and --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: 0.0003 for sac, 0.0003 for td3, 0.001 for ddpg)"""
    critic_clip: float | None
    """Times their mean size beyond which the critics' errors count by size, not squared; 0: none does. For --method
    sac and --learner sac and --method td3 and --learner td3 and --method ddpg and --learner ddpg. (default: 0.0; 2.0
    for depth-uniform and uniform and pointer)"""
    discount: float | None
    """Of rewards, a step. For --method sac and --learner sac and --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: 0.99 for sac, 0.99 for td3, 0.98 for ddpg)"""
    target_rate: float | None
    """Share of the way that targets go in an update. For --method sac and --learner sac and --method td3 and
    --learner td3 and --method ddpg and --learner ddpg. (default: 0.005)"""
    random_steps: int | float | None
    """Environment steps at random before policies act and learning begins. For --method sac and --learner sac and
    --method td3 and --learner td3 and --method ddpg and --learner ddpg. (default: 10000 for sac, 10000 for td3, 1000
    for ddpg)"""
    hindsight: float | None
    """Share of drawn transitions that get a goal reached later; 0.8 in environments with goals. For --method sac and
    --learner sac and --method td3 and --learner td3 and --method ddpg and --learner ddpg. (default: none)"""
    alpha: float | None
    """Weight of the entropy; where it is automatic, the first one. For --method sac and --learner sac. (default:
    0.2)"""
    automatic_alpha: bool | None
    """Learn alpha, for an entropy of minus the number of actions. For --method sac and --learner sac. (default:
    False)"""
    log_std_low: float | None
    """Least logarithm of an action's standard deviation. For --method sac and --learner sac. (default: -20.0)"""
    log_std_high: float | None
    """Largest logarithm of an action's standard deviation. For --method sac and --learner sac. (default: 2.0)"""
    exploration_noise: float | None
    """Standard deviation of noise on actions in -1 … 1. For --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: 0.1 for td3, 0.2 for ddpg)"""
    random_actions: float | None
    """Share of actions that are drawn uniformly. For --method td3 and --learner td3 and --method ddpg and --learner
    ddpg. (default: 0.0 for td3, 0.3 for ddpg)"""
    target_noise: float | None
    """Standard deviation of noise on a target's actions. For --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: 0.2 for td3, 0.0 for ddpg)"""
    target_noise_limit: float | None
    """Where that noise is cut. For --method td3 and --learner td3 and --method ddpg and --learner ddpg. (default:
    0.5)"""
    policy_delay: int | float | None
    """Updates of the critics for each of the policy. For --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: 2 for td3, 1 for ddpg)"""
    critics: int | float | None
    """Number of critics, of which a target takes the least. For --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: 2 for td3, 1 for ddpg)"""
    target_policy: bool | None
    """Let targets act by a policy that follows slowly. For --method td3 and --learner td3 and --method ddpg and
    --learner ddpg. (default: True for td3, False for ddpg)"""
    action_penalty: float | None
    """Weight of the mean squared action in the policy's loss. For --method td3 and --learner td3 and --method ddpg
    and --learner ddpg. (default: 0.0 for td3, 1.0 for ddpg)"""
    teacher: str | None
    """Run whose policy is imitated. For --method distill. (default: none)"""
    teacher_noise: float | None
    """Standard deviation of noise on the teacher's actions, so that it shows how to recover. For --method distill.
    (default: 0.1)"""
    sigma: float | None
    """Standard deviation of the noise on every parameter, in parameter units. For --es finite-difference and --es
    antithetic and --es pgpe and --es cem and --es cmaes. (default: 0.1 for finite-difference, 0.1 for antithetic, 0.0
    for pgpe, 0.5 for cem, 0.1 for cmaes; 0.005 for pointer)"""
    learning_rate: float | None
    """Step size of the centre, in parameter units per unit of estimated gradient. For --es finite-difference and --es
    antithetic and --es pgpe. (default: 0.01 for finite-difference, 0.01 for antithetic, 0.075 for pgpe; 0.002 for
    pointer)"""
    shaping: Literal["raw", "standardize", "centered-ranks"] | None
    """How a generation's returns are transformed before the gradient is estimated. For --es finite-difference and
    --es antithetic and --es pgpe. (default: standardize for finite-difference, standardize for antithetic,
    centered-ranks for pgpe)"""
    exact_share: float | None
    """Share of a generation's evaluations that run the centre without noise. For --es finite-difference. (default:
    0.5)"""
    top_directions: int | float | None
    """How many mirrored pairs with the best single return are used, 0 for all of them (ARS). For --es antithetic.
    (default: 0)"""
    divide_by_std: bool | None
    """Whether the gradient is divided by the standard deviation of the used returns (ARS). For --es antithetic.
    (default: False)"""
    optimizer: Literal["sgd", "adam"] | None
    """Rule that turns the estimated gradient into a step. For --es antithetic. (default: sgd)"""
    momentum: float | None
    """Share of the previous direction that the sgd optimizer keeps, without unit. For --es antithetic. (default:
    0.0)"""
    radius: float | None
    """Length of the vector of standard deviations at the start, in parameter units: each is the radius divided by the
    root of the number of parameters. For --es pgpe. (default: 2.25)"""
    center_max_speed: float | None
    """Longest step of the centre in a generation, in parameter units. For --es pgpe. (default: 0.15; 0.004 for
    pointer)"""
    sigma_learning_rate: float | None
    """Step size of the standard deviations, without unit; 0 keeps them. For --es pgpe. (default: 0.1)"""
    sigma_max_change: float | None
    """Largest relative change of a standard deviation in a generation, without unit. For --es pgpe. (default: 0.2)"""
    parent_share: float | None
    """Share of a generation's best candidates that the next one is drawn around. For --es cem. (default: 0.5)"""
    sigma_min: float | None
    """Smallest standard deviation that a parameter's noise can shrink to, in parameter units. For --es cem. (default:
    0.05)"""
    diagonal: bool | None
    """Whether only variances are adapted and covariances stay zero, for many parameters. For --es cmaes. (default:
    False)"""


class ResumeKeywords(TypedDict, total=False):
    """Options of `compactrl.resume`; None changes nothing."""

    threads: int | float | None
    """Threads that step environments; 0 for every core. Changes no result. (default: 0)"""
    workers: int | float | None
    """Ray workers that step environments, in place of threads; 0 for none, or with --ray-address for every CPU of the
    cluster. Changes no result. (default: 0)"""
    ray_address: str | None
    """Ray cluster to join, as HOST:PORT or auto; without it --workers begins a Ray on this machine. (default:
    none)"""
    worker_timeout: float | None
    """Seconds after which a worker's share of a generation counts as hung and is done again elsewhere. (default:
    600.0)"""
    checkpoint_seconds: float | None
    """Save at least this often, in seconds; 0 for every generation. (default: 30.0)"""
