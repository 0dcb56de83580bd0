"""The network in JAX: what both peers, the scan and diffrax, share. Arrays are (unit, trial), time first."""
from typing import NamedTuple

import h5py
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


class Problem(NamedTuple):
    time: np.ndarray  # (sample)
    inputs: np.ndarray  # (sample, input, trial)
    targets: np.ndarray  # (sample after the first, unit, trial)
    state: tuple  # (I, r), or (r,) in the rate model
    is_held: bool


def read(path):
    """The problem, and the parameters by the names of their gradient's blocks."""
    with h5py.File(path) as file:
        def time_first(name):
            return np.ascontiguousarray(np.transpose(file[name][()], (1, 2, 0)))

        state = tuple(file["initial_state"][name][()].T for name in ("I", "r") if name in file["initial_state"])
        problem = Problem(file["time"][()], time_first("inputs"), time_first("targets"), state,
                          file.attrs["interpolation"] == "hold")
        stored = {name: values[()] for name, values in file["parameters"].items()}
    parameters = {name: jnp.asarray(stored[name]) for name in ("W", "U", "b")}
    parameters.update({"log_" + name: jnp.log(stored[name]) for name in ("tau_s", "tau_r") if name in stored})
    return problem, parameters


def drive(parameters, x):
    """What the inputs x (input, trial) add to a unit's current."""
    return parameters["U"] @ x + parameters["b"][:, None]


def derivative(parameters):
    """The function (state, drive) -> d state / dt."""
    per_tau = {name[4:]: jnp.exp(-values)[:, None] for name, values in parameters.items() if name.startswith("log_")}
    weights = parameters["W"]

    def two_constant(state, u):
        current, rate = state
        return (per_tau["tau_s"] * (weights @ rate + u - current), per_tau["tau_r"] * (jax.nn.sigmoid(current) - rate))

    def rate_alone(state, u):
        (rate,) = state
        return (per_tau["tau_r"] * (jax.nn.sigmoid(weights @ rate + u) - rate),)

    return two_constant if "tau_s" in per_tau else rate_alone
