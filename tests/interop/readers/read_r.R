# Time constants and scores of a result in R: Rscript read_r.R RESULT.h5   (Debian: r-cran-ncdf4)
library(ncdf4)
file <- nc_open(commandArgs(trailingOnly = TRUE)[1])
tau <- ncvar_get(file, "parameters/tau_s")
units <- ncatt_get(file, "parameters/tau_s", "units")$value
unit <- ncvar_get(file, "parameters/unit")
cat(sprintf("%s %.6g %s\n", unit, tau, units), sep = "")
r2 <- ncvar_get(file, "metrics/r2")
split <- ncvar_get(file, "metrics/split")
cat(sprintf("R2 %s %.6g\n", split, r2), sep = "")
W <- ncvar_get(file, "parameters/W")   # R lists dimensions fastest first: W[source_unit, unit]
cat(sprintf("W[0, 1] %.6g\n", W[2, 1]))
nc_close(file)
