#!/usr/bin/env python3
"""Writes a gradient problem that is the same on every machine.

    problem.py NAME OUT.h5          problem.py --units N --trials K --samples T OUT.h5           needs numpy and h5py

Model: two time constants (or `rate`: that of the rate alone), sigmoid, bias; cost = mean over trials, target times and units of
(r - target)^2; the initial state is given and not fitted. Reference answers lie in reference/NAME.h5.
"""
import argparse

import h5py
import numpy as np

MEDIUM = dict(n=64, m=4, k=64, t=500, tau=(0.02, 0.2))
PROBLEMS = {  # units, inputs, trials, samples, bounds of the log-uniform time constants (s), seed
    "small": dict(n=10, m=1, k=32, t=200, tau=(0.02, 0.2), seed=1),
    "medium": dict(**MEDIUM, seed=2),
    "large": dict(n=256, m=8, k=64, t=500, tau=(0.02, 0.2), seed=3),
    "stiff": dict(n=64, m=4, k=64, t=500, tau=(0.001, 10.0), seed=4),
    "xl": dict(n=1000, m=8, k=16, t=200, tau=(0.02, 0.2), seed=5),
    "noise-linear": dict(**MEDIUM, seed=6, noise=True),
    "noise-held": dict(**MEDIUM, seed=7, noise=True, interpolation="hold"),
    "irregular-linear": dict(**MEDIUM, seed=8, noise=True, irregular=True),
    "irregular-held": dict(**MEDIUM, seed=9, noise=True, irregular=True, interpolation="hold"),
    "rate-linear": dict(**MEDIUM, seed=10, model="rate"),
    "rate-held": dict(**MEDIUM, seed=11, model="rate", interpolation="hold"),
}
DT = 0.01  # s, mean sample interval
INTERVAL_SPREAD = 0.5  # standard deviation of the logarithm of an irregular interval


def problem(n, m, k, t, tau, seed, noise=False, irregular=False, interpolation="linear", model="two-constant"):
    g = np.random.default_rng(seed)
    # Options draw from a generator of their own, so that the plain problems are what they have always been.
    extra = np.random.default_rng([seed, 1])
    time = sample_times(extra, t) if irregular else np.arange(t + 1) * DT
    w = g.normal(size=(n, n)) * 4.0 / np.sqrt(n)  # the slope of the sigmoid is at most 1/4: effective gain about 1
    u = g.normal(size=(n, m))
    b = g.normal(size=n) * 0.5 - w.sum(1) * 0.5
    log_uniform = lambda: np.exp(g.uniform(np.log(tau[0]), np.log(tau[1]), size=n))
    tau_s, tau_r = log_uniform(), log_uniform()
    x = sinusoids_with_pulses(g, time, k, m)
    if noise:
        x = extra.normal(size=x.shape)
    frequency = g.uniform(0.2, 1.5, size=(k, 1, n))
    phase = g.uniform(0, 2 * np.pi, size=(k, 1, n))
    targets = 0.5 + 0.4 * np.sin(2 * np.pi * frequency * time[None, 1:, None] + phase)
    current, rate = 0.1 * g.normal(size=(k, n)), 0.5 + 0.05 * g.normal(size=(k, n))
    state, parameters = dict(I=current, r=rate), dict(W=w, U=u, b=b, tau_s=tau_s, tau_r=tau_r)
    if model == "rate":
        del state["I"], parameters["tau_s"]
    return dict(time=time, inputs=x, targets=targets, state=state, parameters=parameters,
                interpolation=interpolation, model=model)


def sample_times(generator, t):
    """Log-normal intervals with the mean DT."""
    log_mean = np.log(DT) - INTERVAL_SPREAD**2 / 2
    intervals = np.exp(generator.normal(log_mean, INTERVAL_SPREAD, size=t))
    return np.concatenate([[0.0], np.cumsum(intervals)])


def sinusoids_with_pulses(g, time, k, m):
    frequency = g.uniform(0.3, 3.0, size=(k, 1, m))
    phase = g.uniform(0, 2 * np.pi, size=(k, 1, m))
    x = 0.5 * np.sin(2 * np.pi * frequency * time[None, :, None] + phase)
    t = time.size - 1
    for trial in range(k):
        for channel in range(m):
            start, width = g.integers(5, max(6, t // 2)), g.integers(10, max(11, t // 4))
            x[trial, start:start + width, channel] += g.choice([-1.0, 1.0])
    return x


def write(path, p):
    with h5py.File(path, "w") as f:
        f.attrs.update(tauscope_format="dataset", schema_version=1, title="gradient problem", time_units="s",
                       interpolation=p["interpolation"], activation="sigmoid", model=p["model"])

        def scale(name, values):
            f[name] = values
            f[name].make_scale(name)

        def put(name, values, *dims):
            f[name] = values
            for axis, dim in enumerate(dims):
                f[name].dims[axis].attach_scale(f[dim])

        k, _, m = p["inputs"].shape
        n = p["parameters"]["b"].size
        scale("time", p["time"])
        scale("target_time", p["time"][1:])
        for name, size in dict(trial=k, input=m, output=n, unit=n, source_unit=n).items():
            scale(name, np.arange(size))
        put("inputs", p["inputs"], "trial", "time", "input")
        put("targets", p["targets"], "trial", "target_time", "output")
        for name, values in p["state"].items():
            put("initial_state/" + name, values, "trial", "unit")
        dims = dict(W=("unit", "source_unit"), U=("unit", "input"))
        for name, values in p["parameters"].items():
            put("parameters/" + name, values, *dims.get(name, ("unit",)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=PROBLEMS)
    parser.add_argument("out")
    for size in ("units", "trials", "samples"):
        parser.add_argument("--" + size, type=int, help="instead of NAME: a problem like medium of this size")
    options = parser.parse_args()
    if options.name:
        settings = PROBLEMS[options.name]
    else:
        sizes = dict(n=options.units, k=options.trials, t=options.samples)
        settings = {**PROBLEMS["medium"], **{key: size for key, size in sizes.items() if size}}
    write(options.out, problem(**settings))


if __name__ == "__main__":
    main()
