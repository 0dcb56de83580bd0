% Time constants and scores of a result in GNU Octave (Debian: octave-netcdf):
%   tauscope export RESULT.h5 --format json --out RESULT.json && octave read_octave.m RESULT.h5 RESULT.json
% Numbers come from the result itself. octave-netcdf 1.0.16 reads no text of netCDF-4 files, so names and units come from the export.
pkg load netcdf
arguments = argv();
[result, exported] = arguments{end-1:end};
about = jsondecode(fileread(exported)).groups;
tau = ncread(result, "/parameters/tau_s");
unit = about.parameters.variables.unit.values;
for i = 1:numel(tau)
  printf("%s %.6g %s\n", unit{i}, tau(i), about.parameters.variables.tau_s.units);
end
r2 = ncread(result, "/metrics/r2");
split = about.metrics.variables.split.values;
for i = 1:numel(r2)
  printf("R2 %s %.6g\n", split{i}, r2(i));
end
W = ncread(result, "/parameters/W");  % dimensions come fastest first: W(source_unit, unit)
printf("W[0, 1] %.6g\n", W(2, 1));
