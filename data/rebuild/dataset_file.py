"""The project's dataset format, which is also a netCDF-4 file: dimensions are HDF5 dimension scales."""

from dataclasses import dataclass, field

import h5py
import numpy as np


@dataclass
class Variable:
    """One array with the names of its dimensions; `attributes` holds at least `long_name`, and `units` for a quantity."""

    dimensions: tuple[str, ...]
    values: np.ndarray
    attributes: dict = field(default_factory=dict)


@dataclass
class Dataset:
    """`variables` in the order of the file; one that is named like its only dimension gives that dimension its values."""

    attributes: dict
    variables: dict[str, Variable]


def write(path, dataset):
    """Writes beside `path` first: a run that is stopped leaves the old file whole."""
    partial = path.with_name(path.name + ".partial")
    # Not compressed: the files are small, and the bytes then do not depend on the zlib that h5py was built with.
    # Bounds that HDF5 1.10 can read; creation order is what keeps variables and attributes in the order given.
    with h5py.File(partial, "w", libver=("earliest", "v110"), track_order=True) as file:
        put_attributes(file, {"tauscope_format": "dataset", "schema_version": 1, **dataset.attributes})
        for name, variable in dataset.variables.items():
            put_variable(file, name, variable)
        for name, variable in dataset.variables.items():
            if variable.dimensions != (name,):
                attach_scales(file, name, variable)
    partial.replace(path)


def put_variable(file, name, variable):
    values = np.asarray(variable.values)
    dtype = h5py.string_dtype("utf-8") if values.dtype.kind == "U" else values.dtype
    stored = file.create_dataset(name, values.shape, dtype, track_order=True)
    stored[...] = values.astype(object) if values.dtype.kind == "U" else values
    put_attributes(stored, variable.attributes)
    if variable.dimensions == (name,):
        stored.make_scale(name)


def attach_scales(file, name, variable):
    for axis, dimension in enumerate(variable.dimensions):
        file[name].dims[axis].attach_scale(file[dimension])


def put_attributes(owner, attributes):
    for name, value in attributes.items():
        owner.attrs[name] = value
