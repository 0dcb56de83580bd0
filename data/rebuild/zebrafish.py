"""Zebrafish: whole-brain calcium imaging during whole-field motion in twelve directions.

Source: thunder-python 0.5.1 (source distribution), thunder/utils/data/fish/series: a strongly down-sampled light-sheet
movie, 76 x 87 x 2 voxels, 240 frames = 12 directions x 20 frames, the pattern moving in frames 10..19 of each block.

Reference: Freeman J. et al. (2014) Nature Methods 11:941-950, doi:10.1038/nmeth.3041.
"""

import json

import numpy as np

from dataset_file import Dataset, Variable
from packages import checked, unpack_source

SERIES = "key02_00000-key01_00000-key00_00000.bin"
SHA256 = {
    "conf.json": "effaa0bc2b77760f37689c7dc29452161a8716ae2fdfe6e36fb7c51a8bc9b0f7",
    SERIES: "9da41f5aaf9254fc354ae1816d290f9a667fbc828a1495441207933de63346e7",
}
TRIALS, FRAMES = 12, 20
UNITS = 64
BLOCK = 3  # voxels along each side of a unit, in x and y
BRIGHTEST_BACKGROUND = 40  # the background lies at 25..30 grey levels
FRAMES_BEFORE = 9  # dropped from the front of a block: a trial is 1 frame of rest, 10 of motion, 9 of decay
MIDLINE_X = 40  # voxels


def published(scratch):
    """The movie (x, y, z, frame), in grey levels."""
    folder = unpack_source("thunder-python==0.5.1", "thunder-python", scratch) / "thunder/utils/data/fish/series"
    content = {name: checked((folder / name).read_bytes(), name, sha256) for name, sha256 in SHA256.items()}
    shape = json.loads(content["conf.json"])
    # A record is one voxel: its three indices as int16, then its frames as uint8.
    keys = shape["nkeys"]
    records = np.frombuffer(content[SERIES], np.uint8).reshape(-1, 2 * keys + shape["nvalues"])
    x, y, z = records[:, : 2 * keys].copy().view("<i2").T
    movie = np.zeros((*shape["dims"], shape["nvalues"]))
    movie[x, y, z] = records[:, 2 * keys :]
    return movie


def dataset(movie):
    position, activity = units(movie)
    # The recording is cyclic: the frames before the first block's motion are those after the last one's.
    frames = np.roll(np.arange(TRIALS * FRAMES), -FRAMES_BEFORE).reshape(TRIALS, FRAMES)
    targets = activity[:, frames].transpose(1, 2, 0)
    direction = -np.pi + np.arange(TRIALS) * np.pi / 6
    return Dataset(ATTRIBUTES, variables(position, direction, inputs(direction), targets))


def units(movie):
    """The blocks of voxels that vary most: their centres (unit, 3) in voxels and their dF/F (unit, frame)."""
    across, along = movie.shape[0] // BLOCK, movie.shape[1] // BLOCK
    trimmed = movie[: across * BLOCK, : along * BLOCK]
    planes, frames = movie.shape[2:]
    blocks = trimmed.reshape(across, BLOCK, along, BLOCK, planes, frames).mean((1, 3)).reshape(-1, frames)
    baseline = np.percentile(blocks, 10, axis=1, keepdims=True)
    relative = np.where(baseline > BRIGHTEST_BACKGROUND, (blocks - baseline) / baseline, 0)
    chosen = np.sort(np.argsort(-relative.std(1))[:UNITS])
    index = np.stack(np.unravel_index(chosen, (across, along, planes)), axis=1)
    centre = index * [BLOCK, BLOCK, 1] + [(BLOCK - 1) / 2, (BLOCK - 1) / 2, 0]
    return centre, relative[chosen]


def inputs(direction):
    moving = np.zeros(FRAMES)
    moving[10 - FRAMES_BEFORE : 20 - FRAMES_BEFORE] = 1
    channels = [np.ones(TRIALS), np.cos(direction), np.sin(direction)]
    return np.stack(channels, axis=1)[:, None, :] * moving[None, :, None]


def split():
    names = np.array(["train"] * TRIALS)
    names[[1, 5, 9]] = "test"
    names[[3, 11]] = "valid"
    return names


def variables(position, direction, inputs, targets):
    labels = {
        "trial": np.array([f"{round(angle):+d}deg" for angle in np.degrees(direction)]),
        "input": np.array(["motion_on", "cos_direction", "sin_direction"]),
        "output": np.array([f"x{int(x)}_y{int(y)}_z{int(z)}" for x, y, z in position]),
    }
    centre = {
        f"output_{axis}": Variable(
            ("output",),
            position[:, column].astype("f4"),
            {"units": "1", "long_name": f"{axis} of the centre of the block, in voxels of the package's movie"},
        )
        for column, axis in enumerate("xyz")
    }
    return {
        "time": Variable(("time",), np.arange(FRAMES, dtype="f8"), {"units": "frames", "long_name": "time in the trial"}),
        "trial": Variable(("trial",), labels["trial"], {"long_name": "direction of motion"}),
        "input": Variable(("input",), labels["input"], {"long_name": "input channel"}),
        "output": Variable(("output",), labels["output"], {"long_name": "block of voxels, by the position of its centre"}),
        "inputs": Variable(("trial", "time", "input"), inputs.astype("f4"), INPUTS),
        "targets": Variable(("trial", "time", "output"), targets.astype("f4"), TARGETS),
        "split": Variable(("trial",), split(), {"long_name": "train, valid or test"}),
        "direction": Variable(("trial",), direction, DIRECTION),
        **centre,
        "output_hemisphere": Variable(("output",), np.where(position[:, 0] > MIDLINE_X, 1, -1).astype("i1"), HEMISPHERE),
    }


INPUTS = {"units": "1", "long_name": "1 while the pattern moves, else 0; times the cosine and sine of its direction"}
TARGETS = {"units": "1", "long_name": "dF/F of a block of 3 x 3 voxels, F0 = its 10th percentile"}
DIRECTION = {"units": "rad", "long_name": "direction of motion", "comment": "the direction that is called zero is arbitrary"}
HEMISPHERE = {
    "units": "1",
    "long_name": "side of the midline",
    "flag_values": np.array([-1, 1], "i1"),
    "flag_meanings": "x_below_midline x_above_midline",
}
ATTRIBUTES = {
    "title": "Zebrafish: direction of whole-field motion",
    "source": "thunder-python 0.5.1 (Python package, source distribution), thunder/utils/data/fish/series; recorded in the "
    "Ahrens laboratory (Vladimirov N. et al. 2014, Nature Methods 11:883-884)",
    "references": "Freeman J. et al. (2014) Mapping brain activity at scale with cluster computing, Nature Methods "
    "11:941-950, doi:10.1038/nmeth.3041",
    "licence": "Apache-2.0, the licence of the package's repository; the package states no separate licence for the data",
    "time_units": "frames",
    "interpolation": "hold",
    "target_sampling": "point",
    "processing": "blocks of 3 x 3 voxels, the 64 with the largest standard deviation of dF/F; 12 trials of 20 frames",
    "comment": "The package does not state the frame interval: time is in frames, not seconds. The responses are very "
    "smooth, most likely averages over repeats. Directions and motion frames come from design matrices in the history of "
    "the package's repository (data/regression/fish_linear_X.mat and fish_linear_s.mat of 2013).",
}
