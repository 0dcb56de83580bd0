"""Time constants and scores of a result in pandas:
tauscope export RESULT.h5 --format csv --out TABLES && python read_pandas.py TABLES
"""

import sys
from pathlib import Path

import pandas

tables = Path(sys.argv[1])
variables = pandas.read_csv(tables / "variables.csv").set_index(["group", "variable"])
tau = pandas.read_csv(tables / "parameters-unit.csv", index_col="unit").tau_s
for unit, value in tau.items():
    print(f"{unit} {value:.6g} {variables.units['parameters', 'tau_s']}")
r2 = pandas.read_csv(tables / "metrics-split.csv", index_col="split").r2
for split, value in r2.items():
    print(f"R2 {split} {value:.6g}")
weights = pandas.read_csv(tables / "parameters-unit-source_unit.csv")
print(f"W[0, 1] {weights.pivot(index='unit', columns='source_unit', values='W').loc[tau.index, tau.index].iloc[0, 1]:.6g}")
