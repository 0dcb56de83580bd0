"""Makes the reference answers anew, and says how far two independent ways agree with each.

    reference.py FOLDER [NAME ...]        with TAUSCOPE_BIN set also compares with the program's own adjoint, at --rtol 1e-11

The reference is diffrax Dopri8 at 1e-12, stopping at every sample; the second way is the RK4 scan with 64 substeps a sample (or steps
of at most a 64th of the mean interval). The agreement is stored as attributes. The five plain problems' files were made so too,
elsewhere: diffrax Dopri8 at 1e-12, confirmed by a fixed-step run to 2.6e-12 (xl: 2.2e-10).
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import diffrax
import h5py
import jax
import numpy as np

import adaptive
import network
import problem as problems
import scan
import score

TOLERANCE = 1e-12
SUBSTEPS = 64


def by_name(answer):
    cost, gradient = jax.block_until_ready(answer)
    return {"cost": float(cost), **{name: np.asarray(block) for name, block in gradient.items()}}


def reference(problem, parameters):
    return by_name(adaptive.gradient_by_tolerance(problem, diffrax.Dopri8())(parameters, TOLERANCE))


def second_way(problem, parameters, is_irregular):
    rk4 = scan.TABLEAUS["rk4"]
    if is_irregular:
        return by_name(scan.gradient_by_longest_step(problem, rk4, problems.DT / SUBSTEPS)(parameters))
    return by_name(scan.gradient_by_substeps(problem, rk4, SUBSTEPS)(parameters))


def third_way(program, problem_file):
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.h5"
        subprocess.run([program, "gradient", problem_file, "--method", "tsit45", "--rtol", "1e-11", "--out", answer],
                       check=True, stdout=subprocess.DEVNULL)
        return score.read_answer(answer)


def write(path, answer, notes):
    with h5py.File(path, "w") as file:
        file.attrs.update(notes)
        for name, values in answer.items():
            if name == "cost":
                file["cost"] = values
            else:
                file.create_dataset("gradient/" + name, data=values, compression="gzip", shuffle=True)


def make(name, folder):
    settings = problems.PROBLEMS[name]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / f"{name}.h5"
        problems.write(file, problems.problem(**settings))
        problem, parameters = network.read(file)
        answer = reference(problem, parameters)
        notes = {"method": f"diffrax {diffrax.__version__} Dopri8, rtol = atol = {TOLERANCE:g}, a stop at every sample",
                 f"agrees_with_rk4_x{SUBSTEPS}": score.worst(score.errors(
                     second_way(problem, parameters, settings.get("irregular", False)), answer))}
        if program := os.environ.get("TAUSCOPE_BIN"):
            notes["agrees_with_tauscope_tsit45_1e-11"] = score.worst(score.errors(third_way(program, file), answer))
    write(folder / f"{name}.h5", answer, notes)
    print(name, notes, flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[2:] or [name for name, settings in problems.PROBLEMS.items() if settings["seed"] > 5]:
        make(name, Path(sys.argv[1]))
