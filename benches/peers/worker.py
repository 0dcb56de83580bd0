"""Computes the peers' gradients in one process that stays: compiled once, timed warm.

Reads one JSON object a line: {"problem": FILE, "method": NAME, "kind": substeps | step | rtol, "value": V, "repeat": N, "answer": FILE};
writes one a line: {"cpu": [seconds], "wall": [seconds]}, or {"failure": text}. {"products": [ROWS, COLUMNS]} asks for the time of one bare
product of a square matrix with so many columns. An empty line asks for the versions.
"""
import json
import os
import platform
import sys
import time

# Before JAX is imported: one thread, as the other side has.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import diffrax
import h5py
import jax
import jaxlib
import numpy as np

import adaptive
import network
import scan


def build(problem, method, kind, value):
    """The function (parameters, value) -> cost and gradient."""
    if method == "tsit5":
        return adaptive.gradient_by_tolerance(problem, diffrax.Tsit5())
    by_steps = scan.gradient_by_longest_step if kind == "step" else scan.gradient_by_substeps
    run = by_steps(problem, scan.TABLEAUS[method], value)
    return lambda parameters, _: run(parameters)


def timed(run, *arguments):
    cpu, wall = time.process_time(), time.perf_counter()
    answer = jax.block_until_ready(run(*arguments))
    return answer, time.process_time() - cpu, time.perf_counter() - wall


def write_answer(path, answer):
    cost, gradient = answer
    with h5py.File(path, "w") as file:
        file["cost"] = float(cost)
        for name, block in gradient.items():
            file["gradient/" + name] = np.asarray(block)


class Worker:
    def __init__(self):
        self.path, self.problem, self.parameters, self.compiled = None, None, None, {}

    def answer(self, request):
        self.load(request["problem"])
        method, kind, value = request["method"], request["kind"], request["value"]
        key = (method, kind, None if kind == "rtol" else value)
        if key not in self.compiled:
            run = build(self.problem, *key)
            jax.block_until_ready(run(self.parameters, value))
            self.compiled[key] = run
        runs = [timed(self.compiled[key], self.parameters, value) for _ in range(request["repeat"])]
        write_answer(request["answer"], runs[-1][0])
        return {"cpu": [cpu for _, cpu, _ in runs], "wall": [wall for _, _, wall in runs]}

    def load(self, path):
        if path != self.path:
            jax.clear_caches()
            self.compiled = {}
            self.path = path
            self.problem, self.parameters = network.read(path)


def product_times(rows, columns):
    """CPU seconds of one product: a few samples, each over a tenth of a second."""
    generator = np.random.default_rng(0)
    w, r = generator.standard_normal((rows, rows)), generator.standard_normal((rows, columns))
    out = np.empty_like(r)
    np.dot(w, r, out=out)
    times = []
    for _ in range(5):
        start, count = time.process_time(), 0
        while time.process_time() - start < 0.1:
            for _ in range(16):
                np.dot(w, r, out=out)
            count += 16
        times.append((time.process_time() - start) / count)
    return times


def versions():
    return {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "diffrax": diffrax.__version__,
            "numpy": np.__version__, "python": platform.python_version()}


def main():
    worker = Worker()
    for line in sys.stdin:
        if not line.strip():
            print(json.dumps(versions()), flush=True)
            continue
        try:
            request = json.loads(line)
            bare = request.get("products")
            answer = {"cpu": product_times(*bare)} if bare else worker.answer(request)
        except Exception as error:  # whatever a peer raises is its result
            answer = {"failure": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
