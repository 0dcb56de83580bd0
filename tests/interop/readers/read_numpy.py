"""Time constants and scores of a result in NumPy alone:
tauscope export RESULT.h5 --format npz --out RESULT.npz && python read_numpy.py RESULT.npz
"""

import json
import sys

import numpy

result = numpy.load(sys.argv[1])
attributes = json.loads(str(result["attributes"]))
for unit, value in zip(result["parameters/unit"], result["parameters/tau_s"]):
    print(f"{unit} {value:.6g} {attributes['parameters/tau_s']['units']}")
for split, value in zip(result["metrics/split"], result["metrics/r2"]):
    print(f"R2 {split} {value:.6g}")
print(f"W[0, 1] {result['parameters/W'][0, 1]:.6g}")
