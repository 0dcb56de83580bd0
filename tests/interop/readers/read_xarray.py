"""Time constants and scores of a result in xarray: python read_xarray.py RESULT.h5 [h5netcdf | netcdf4]"""

import sys

import xarray

engine = sys.argv[2] if len(sys.argv) > 2 else "h5netcdf"
with xarray.open_datatree(sys.argv[1], engine=engine) as result:
    tau = result["parameters"].tau_s
    for unit in tau.unit.values:
        print(f"{unit} {tau.sel(unit=unit).item():.6g} {tau.units}")
    r2 = result["metrics"].r2
    for split in ["train", "valid", "test"]:
        print(f"R2 {split} {r2.sel(split=split).item():.6g}")
    print(f"W[0, 1] {result['parameters'].W[0, 1].item():.6g}")
