"""Files that are valid HDF5 with the wrong contents: one object, attribute or link of a sound file changed by h5py.

    python structure.py SOUND.h5 OUT_FOLDER COUNT [SEED]
"""

import shutil
import sys
from pathlib import Path

import h5py
import numpy as np

HUGE = [2**31, 2**40, 2**60]
NUMBERS = [np.nan, np.inf, -np.inf, -1.0, 0.0, 1e308, 5e-324, 2.0**62]


def objects(file, kind):
    found = []
    file.visititems(lambda name, obj: found.append(name) if isinstance(obj, kind) else None)
    return found


def pick(rng, items):
    return items[rng.integers(len(items))]


def replace(file, name, **words):
    """A dataset in place of another, with its attributes where they fit."""
    attributes = list(file[name].attrs.items()) if not isinstance(file[name], h5py.Group) else []
    del file[name]
    new = file.create_dataset(name, **words)
    for key, value in attributes:
        if key not in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"):
            new.attrs[key] = value


def other_type(file, name, rng):
    shape = file[name].shape or ()
    size = int(np.prod(shape, dtype=int)) if shape else 1
    text = h5py.string_dtype()
    pair = np.dtype([("a", "f8"), ("b", "i4")])
    kinds = [
        dict(shape=shape, dtype=pair),
        dict(data=np.full(shape, "x", dtype=object), dtype=text),
        dict(data=np.full(shape, b"\xff\xfe", dtype="S2")),
        dict(shape=shape, dtype="c16"),
        dict(shape=shape, dtype="V7"),
        dict(shape=shape, dtype=h5py.ref_dtype),
        dict(shape=shape, dtype=h5py.vlen_dtype(np.int32)),
        dict(shape=shape, dtype=h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, basetype="i1")),
        dict(data=np.ones(shape, dtype=bool)),
        dict(data=np.ones(shape, dtype="f2")),
        dict(data=np.full(shape, 2**64 - 1, dtype="u8")),
        dict(data=np.full(shape, -(2**63), dtype=">i8")),
        dict(shape=shape, dtype=np.dtype(("f8", (3,)))),
        dict(data="one text", dtype=text),
        dict(data=3.0),
        dict(data=h5py.Empty("f8")),
        dict(data=np.arange(size, dtype="i2").reshape(shape)),
    ]
    replace(file, name, **pick(rng, kinds))


def other_shape(file, name, rng):
    values = file[name][()] if file[name].shape is not None else np.zeros(3)
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        values = np.zeros(values.shape)
    shapes = [values[None], values.ravel(), values.T, values[:0] if values.ndim else values, np.zeros((0,) * max(values.ndim, 1))]
    if values.ndim:
        shapes += [values[:-1], np.concatenate([values, values[:1]]), values[..., None], values[..., :-1], np.zeros((2,) * 20)]
    replace(file, name, data=pick(rng, shapes))


def other_values(file, name, rng):
    data = file[name]
    if data.dtype.kind not in "fiu" or data.shape is None:
        return other_type(file, name, rng)
    values = np.array(data[()], dtype="f8")
    flat = values.reshape(-1)
    if flat.size:
        where = pick(rng, [slice(0, 1), slice(-1, None), slice(None), slice(None, None, 3)])
        flat[where] = pick(rng, NUMBERS)
    if rng.integers(4) == 0:
        values = values[::-1] if values.ndim else values
    replace(file, name, data=values)


def too_large(file, name, rng):
    rank = max(len(file[name].shape or ()), 1)
    shape = tuple(1 if k < rank - 1 else pick(rng, HUGE) for k in range(rank))
    if rng.integers(2):
        shape = tuple(reversed(shape))
    chunks = tuple(min(64, n) for n in shape)
    kinds = [
        dict(shape=shape, dtype="f8", chunks=chunks, compression="gzip"),
        dict(shape=shape, dtype="i1", chunks=chunks),
        dict(shape=(7_000_000,) + (1,) * (rank - 1), dtype="f8", chunks=(1000,) + (1,) * (rank - 1)),
        dict(shape=shape, dtype=h5py.string_dtype(), chunks=chunks),
        dict(shape=(3,), dtype="S100000000", chunks=(1,)),
        dict(shape=(2**20,) * 3, dtype="f8", chunks=(8,) * 3),
    ]
    replace(file, name, **pick(rng, kinds))


def elsewhere(file, name, rng):
    """Values that lie in another file, or nowhere."""
    shape = file[name].shape or (3,)
    size = int(np.prod(shape, dtype=int)) * 8
    kind = rng.integers(3)
    if kind == 0:
        layout = h5py.VirtualLayout(shape=shape, dtype="f8")
        source = h5py.VirtualSource("nowhere.h5", "x", shape=shape)
        layout[...] = source
        del file[name]
        file.create_virtual_dataset(name, layout)
    else:
        place = pick(rng, ["/dev/zero", "/dev/urandom", "/nowhere", "/proc/self/maps"])
        del file[name]
        file.create_dataset(name, shape=shape, dtype="f8", external=[(place, 0, max(size, 8))])


def links(file, name, rng):
    kind = rng.integers(6)
    if kind == 0:
        del file[name]
        file[name] = h5py.SoftLink("/nowhere/at/all")
    elif kind == 1:
        del file[name]
        file[name] = h5py.SoftLink("/" + name)
    elif kind == 2:
        parent = file[name].parent
        for k in range(rng.integers(1, 9)):
            parent[f"again{k}"] = file["/"]
    elif kind == 3:
        del file[name]
        file[name] = h5py.ExternalLink(pick(rng, ["nowhere.h5", "case.h5", "/dev/zero"]), "/" + name)
    elif kind == 4:
        del file[name]
        file.create_group(name)
    else:
        for k in range(5):
            file[f"loop{k}"] = h5py.SoftLink(f"/loop{(k + 1) % 5}")


def attribute(file, name, rng):
    owner = pick(rng, [file, file[name], file[name].parent])
    keys = list(owner.attrs) or ["units"]
    key = pick(rng, keys + ["_FillValue", "scale_factor", "add_offset", "units", "dtype", "missing_value"])
    kinds = [
        None, 1, -1, 2**62, np.nan, np.inf, True, "", "x" * 60_000, "a\nb\x1b[31m", np.bytes_(b"\xff\xfe"), [1.0, np.nan], ["a", "b"], np.zeros((3, 3)),
        h5py.Empty("f8"), np.array([], dtype="f8"), np.array((1.0, 2), dtype=[("a", "f8"), ("b", "i4")]), file.ref, np.float16(1), np.uint64(2**64 - 1), 0,
    ]
    value = pick(rng, kinds)
    if key in owner.attrs:
        del owner.attrs[key]
    if value is None:
        return
    try:
        owner.attrs[key] = value
    except ValueError:  # NUL and the like, which h5py does not store
        owner.attrs[key] = "other"


def gone(file, name, rng):
    del file[pick(rng, [name, file[name].parent.name]) if file[name].parent.name != "/" else name]


def extra(file, name, rng):
    names = ["..", "a b", "é", "a\nb", "x" * 3000, "W", "tau_s", "-", "\x1b[2J", "<script>"]
    where = file[name].parent
    key = pick(rng, names)
    if key not in where:
        where.create_dataset(key, data=pick(rng, [np.zeros(3), 1.0, "text"]))


CHANGES = [other_type, other_shape, other_values, too_large, elsewhere, links, attribute, attribute, gone, extra]


def change(path, rng):
    with h5py.File(path, "a") as file:
        for _ in range(1 + rng.integers(2)):
            names = objects(file, h5py.Dataset)
            if not names:
                return
            pick(rng, CHANGES)(file, pick(rng, names), rng)


def make(sound, folder, count, seed):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        path = folder / f"{sound.name.split('.')[0]}-{k:04}.h5"
        for attempt in range(100):
            shutil.copy(sound, path)
            try:
                change(path, np.random.default_rng([seed, k, attempt]))
                break
            except (ValueError, TypeError, KeyError, OSError, RuntimeError):
                pass  # what h5py itself refuses to write


if __name__ == "__main__":
    sound, folder, count, *seed = sys.argv[1:]
    make(Path(sound), Path(folder), int(count), int(seed[0]) if seed else 0)
