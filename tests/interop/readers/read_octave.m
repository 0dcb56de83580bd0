% Time constants and scores of a result in GNU Octave: octave read_octave.m RESULT.h5   (Debian: octave-netcdf)
pkg load netcdf
path = argv(){end};
tau = ncread(path, "parameters/tau_s");
units = ncreadatt(path, "parameters/tau_s", "units");
unit = ncread(path, "parameters/unit");
disp(class(unit))
printf("%g %s\n", tau(1), units);
