#!/bin/sh
# Time constants with their units, and the scores, on the terminal: sh read_ncdump.sh RESULT.h5   (Debian: netcdf-bin)
ncdump -g parameters -v unit,tau_s "$1"
ncdump -g metrics -v split,r2 "$1"
