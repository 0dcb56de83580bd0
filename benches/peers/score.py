#!/usr/bin/env python3
"""Relative L2 error of a gradient answer against a reference, block by block.

    score.py ANSWER.h5 reference/NAME.h5        exit 1 when a block of the reference is missing or not finite in the answer
"""
import sys

import h5py
import numpy as np


def read_answer(path):
    """`cost` and the gradient's blocks, by name."""
    with h5py.File(path) as file:
        blocks = {name: file["gradient"][name][()] for name in file["gradient"]} if "gradient" in file else {}
        return {"cost": float(file["cost"][()]), **blocks}


def errors(answer, reference):
    """By block of the reference; infinite where the answer lacks it, has another shape or is not finite."""
    return {name: relative_error(answer.get(name), expected) for name, expected in reference.items()}


def relative_error(found, expected):
    if found is None or np.shape(found) != np.shape(expected):
        return float("inf")
    difference = np.atleast_1d(found) - np.atleast_1d(expected)
    error = float(np.linalg.norm(difference) / np.linalg.norm(np.atleast_1d(expected)))
    return error if np.isfinite(error) else float("inf")


def worst(by_block):
    """The error of a gradient is that of its worst block; the cost does not count."""
    return max(error for name, error in by_block.items() if name != "cost")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    by_block = errors(read_answer(sys.argv[1]), read_answer(sys.argv[2]))
    for name, error in by_block.items():
        print(f"{name} {error:.2e}")
    print(f"worst {worst(by_block):.2e}")
    sys.exit(not np.isfinite(worst(by_block)))


if __name__ == "__main__":
    main()
