"""Sound and unsound files for the fuzz test, in a folder for each reader: files of the program, of pynwb, and both changed by h5py.

    python corpus.py OUT_FOLDER [FILES_OF_EACH_KIND]

TAUSCOPE_BIN names the program.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/interop"), str(TOP / "tests/fuzz")]

from structure import make  # noqa: E402
from test_import_nwb import write_session  # noqa: E402

SPECIFICATION = """units = 3
inputs = 2
trials = 6
duration = 0.2
[tau]
s = [0.02, 0.2]
r = [0.02, 0.2]
"""
FIT = "fit dataset.h5 --starts 2 --max-iterations 3 --report false --identify false"


def sound(folder):
    """One file of each kind: reader, path."""
    run = lambda line: subprocess.run([os.environ["TAUSCOPE_BIN"], *line.split()], cwd=folder, check=True, capture_output=True)
    (folder / "spec.toml").write_text(SPECIFICATION)
    run("generate spec.toml --out dataset.h5")
    run(f"{FIT} --out result.h5")
    run("identify result.h5 --out identification.h5")
    run("compare dataset.h5 --from result.h5 --methods euler,tsit45 --budget 1 --out comparison.h5 --report comparison.html")
    run(f"{FIT} --max-time 1e-9 --out stopped.h5")
    run("simulate result.h5 --out simulation.h5")
    shutil.copy(folder / "stopped.h5.checkpoint", folder / "checkpoint.h5")
    write_session(folder / "nwb.h5")
    kinds = ["dataset", "result", "identification", "comparison", "checkpoint", "nwb"]
    return [(kind, folder / f"{kind}.h5") for kind in kinds] + [("program", folder / "simulation.h5")]


def main(out, count):
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for seed, (kind, path) in enumerate(sound(Path(folder))):
            make(path, out / kind, count, seed)
            shutil.copy(path, out / kind / f"sound-{path.name}")
            if kind != "program":
                make(path, out / "program", count // 4, seed + 100)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
