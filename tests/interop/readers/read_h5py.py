"""Time constants and scores of a result in h5py: python read_h5py.py RESULT.h5"""

import sys

import h5py

with h5py.File(sys.argv[1]) as result:
    tau = result["parameters/tau_s"]
    unit = tau.dims[0][0]  # the dimension scale: the labels of the units
    labels = unit.asstr()[:] if h5py.check_string_dtype(unit.dtype) else unit[:]
    for label, value in zip(labels, tau[:]):
        print(f"{label} {value:.6g} {tau.attrs['units']}")
    for split, value in zip(result["metrics/split"].asstr()[:], result["metrics/r2"][:]):
        print(f"R2 {split} {value:.6g}")
    print(f"W[0, 1] {result['parameters/W'][0, 1]:.6g}")
