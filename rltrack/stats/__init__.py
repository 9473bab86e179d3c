"""RL statistics: what few seeds of few tasks allow one to say.

    scores     one number a run: mean, median, IQM, optimality gap
    bootstrap  their intervals, by resampling runs within each task
    compare    performance profiles, probability of improvement
    curves     runs on one grid, and the band that they make: a curve, its spread, and how many runs
    runs       scores and curves of the runs that `Api` finds, by experiment

A *score matrix* has the shape (n_runs, n_tasks): one score for each run of each task. NumPy only;
randomness comes in as a `numpy.random.Generator`. Nothing here reads a file.

Source of most of it: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", https://arxiv.org/abs/2108.13264
"""

from __future__ import annotations

from rltrack.stats.bootstrap import Interval, interval
from rltrack.stats.compare import (
    improvement_interval,
    performance_profile,
    probability_of_improvement,
    profile_interval,
)
from rltrack.stats.curves import Band, Curve, align, band, sample_efficiency, smooth_episodes
from rltrack.stats.runs import curves_of, experiments, scores_of
from rltrack.stats.scores import (
    FewRunsWarning,
    interquartile_mean,
    mean,
    median,
    normalized,
    optimality_gap,
    standard_deviation,
    warn_of_few,
)

__all__ = [
    "Band",
    "Curve",
    "FewRunsWarning",
    "Interval",
    "align",
    "band",
    "curves_of",
    "experiments",
    "improvement_interval",
    "interquartile_mean",
    "interval",
    "mean",
    "median",
    "normalized",
    "optimality_gap",
    "performance_profile",
    "probability_of_improvement",
    "profile_interval",
    "sample_efficiency",
    "scores_of",
    "smooth_episodes",
    "standard_deviation",
    "warn_of_few",
]
