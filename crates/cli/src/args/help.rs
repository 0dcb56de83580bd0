//! The parts of `--help` that are more than a line an option.

pub const TOP: &str = "\
Examples:
  tauscope fit zebrafish                      fit data/zebrafish.h5 with its defaults
  tauscope import csv mine.csv --inputs x     your own table as a dataset
  tauscope inspect data/zebrafish.h5          what is in the file
  tauscope report results/FILE.h5             a result as one HTML page
  tauscope generate teacher.toml --out t.h5   a dataset with known time constants
  tauscope fit t.h5 --activation sigmoid      recover them

Exit codes: 0 done, 1 a file or a computation failed, 2 wrong option or configuration, 130 interrupted.";

pub const FIT: &str = "\
Examples:
  tauscope fit zebrafish
  tauscope fit recording.h5 --units 20 --readout linear --tau-bounds 0.002,3
  tauscope fit recording.h5 --time-constants global --bias false --json
  tauscope fit recording.h5 --print-config > mine.toml
  tauscope fit recording.h5 --config mine.toml --max-time 600 --out fit.h5
  tauscope fit recording.h5 --config mine.toml --max-time 600 --out fit.h5 --resume

`--help` adds the objective, the scores and the rules behind `auto`.";

pub const FIT_LONG: &str = "\
Examples:
  tauscope fit zebrafish
  tauscope fit recording.h5 --units 20 --readout linear --tau-bounds 0.002,3
  tauscope fit recording.h5 --time-constants global --bias false --json
  tauscope fit recording.h5 --print-config > mine.toml
  tauscope fit recording.h5 --config mine.toml --max-time 600 --out fit.h5
  tauscope fit recording.h5 --config mine.toml --max-time 600 --out fit.h5 --resume

Model, for current I and rate r of each unit, input x:
  tau_s dI/dt = -I + W r + U x + b        tau_r dr/dt = -r + f(I)
  rate:    tau_r dr/dt = -r + f(W r + U x + b)
  current: tau_s dI/dt = -I + W f(I) + U x + b,  r = f(I)

Objective, minimised over W, U, b, log tau, readout and initial state on the train trials:
  objective = cost / V + l2 (sum W^2 + sum U^2)
  cost = mean over the observed targets of the squared residual, divided by target_std^2
         where the dataset has one
  V    = the cost of predicting each output's mean over the train trials
Without target_std, cost / V = 1 - R2 of the train split.

With observation = poisson, spike_counts of the dataset take the place of its targets: a count y over
a bin has the mean mu = integral of lambda = link(z) over it, z an output and lambda in spikes per
time unit; then cost = mean over the observed counts of the deviance 2 (y log(y / mu) - y + mu), V
that of each output's mean rate over the train trials.

Scores, by split (train, valid, test):
  R2 = 1 - SSE / SST over the observed targets of all trials and outputs of the split,
  SST about each output's mean over the train trials.
  Of counts also the deviance and bits per spike = (log-likelihood - that of the mean rates over the
  train trials) / (log 2 x number of spikes).
  --score-by VARIABLE adds R2 by the values of a variable of the dataset over trials.

Optimizer: auto takes gauss-newton for a model of up to 2000 parameters and lbfgs beyond, whatever
the data and the machine. Gauss-Newton holds its matrix up to that size; when asked for by name it
goes on without it beyond, by conjugate gradients.

Precedence: command line, then --config FILE, then DATASET.toml beside the dataset, then the
defaults. The key of an option in a file is its long name with _ for -.
Ctrl-C or SIGTERM stops at the best point so far, writes it and exits with 130; a second one
stops at once. --max-time does the same with exit code 0, and counts for each session.

A long fit saves its state every --checkpoint-interval seconds to OUT.checkpoint, and a fit that is
stopped saves it at the end. The same command with --resume goes on from there, also after a crash,
to the same bits as if nothing had happened. What changes no number may differ: --threads,
--max-time, --max-iterations (not with adam), --checkpoint-interval, --report. A fit that has ended
leaves no checkpoint. --resume with an --out of which nothing is there begins a fit, and with that of
the same fit that has ended does nothing, so that one line serves a job that may be killed and started
again.";

pub const GENERATE: &str = "\
Examples:
  tauscope generate teacher.toml
  tauscope generate teacher.toml --seed 3 --out teacher-3.h5

`--help` shows a specification.";

pub const GENERATE_LONG: &str = r#"Examples:
  tauscope generate teacher.toml
  tauscope generate teacher.toml --seed 3 --out teacher-3.h5

A specification, with every key and its default:
  units = 10                      # required
  inputs = 2                      # required
  outputs = 10                    # the first units, observed directly [default: units]
  model = "two-constant"          # rate, current
  activation = "sigmoid"          # identity, tanh, relu, softplus
  connectivity = "full"           # no-self, none
  trials = 20
  duration = 1.0                  # in time_units
  interval = 0.01                 # between samples, in time_units
  time_units = "s"                # ms, frames
  sampling = "regular"            # irregular: intervals drawn log-normal, same mean
  split = [0.7, 0.15, 0.15]       # train, valid, test
  seed = 0                        # --seed wins
  noise = 0.0                     # fraction of each output's standard deviation
  initial_state = "shared"        # one for all trials; or steady, zero
  observation = "gaussian"        # poisson: spike_counts between samples, targets = counts / interval
  [weights]
  std = 4.0                       # of W, over sqrt(units)
  input_std = 2.0                 # of U
  bias = "centred"                # minus half the row sum of W; or a number: normal with that std
  [tau]
  s = [0.02, 0.2]                 # log-uniform, one draw a unit; or { global = 0.05 },
  r = [0.02, 0.2]                 # { global = [0.02, 0.2] } (one draw), { units = [..] }
  min_log_ratio = 0.0             # keeps |log(tau_s / tau_r)| above it
  [input]
  kind = "sinusoids"              # white, smoothed, steps
  amplitude = 1.0
  interpolation = "linear"        # hold
  [spikes]                        # for observation = "poisson": rate = link(c r + d)
  link = "softplus"               # exp
  rate = 50.0                     # per time unit, of a unit at its mean
  modulation = 0.5                # of the rate (of its logarithm), by one standard deviation"#;

pub const COMPARE: &str = "\
Examples:
  tauscope compare zebrafish
  tauscope compare recording.h5 --from fit.h5 --report comparison.html
  tauscope compare recording.h5 --methods euler,rk4,elman --steps 0.01,0.02 --json
  tauscope compare recording.h5 --refit false

`--help` adds what is measured, and how.";

pub const COMPARE_LONG: &str = "\
Examples:
  tauscope compare zebrafish
  tauscope compare recording.h5 --from fit.h5 --report comparison.html
  tauscope compare recording.h5 --methods euler,rk4,elman --steps 0.01,0.02 --json
  tauscope compare recording.h5 --refit false

At the parameters of --from, or of a fit that takes at most a quarter of --budget:
1. Every method integrates the train trials over its steps or tolerances, against a reference at
   1e-12. Errors: of all rates at the samples (root mean square, relative), of the cost (relative to
   that of predicting each output's mean), of each block of the gradient (relative, near the optimum,
   where the gradient does not vanish). Four seconds a method unless --steps or --tolerances name
   what to run. An error as large as the rates themselves counts as unstable.
2. Every method fits, with the configuration of the first fit and its penalty, from the adaptive
   optimum and from a perturbed one. Drift of a time constant: value / value of the adaptive fit - 1.
   `no_tau_fits`: a decay with the adaptive time constant, sampled at that step, has no counterpart in
   the scheme (heun above dt/tau = 0.69, rk4 above 1.31). Where a scheme is unstable at its start,
   time constants are raised to the step and, if that is not enough, recurrent weights lowered.
3. The adaptive optimum is fitted again at its tolerance, a tenth and a hundredth of it, without early
   stopping: time constants that move belong to the integration, not to the differential equation.

Ctrl-C writes what has been measured and exits with 130.";

pub const SIMULATE: &str = "\
Examples:
  tauscope simulate results/zebrafish-20250102-030405.h5
  tauscope simulate fit.h5 --dataset other.h5 --rtol 1e-8 --out simulation.h5

Method and tolerances are those of the fit unless given.";

pub const CHECK: &str = "\
Examples:
  tauscope check zebrafish
  tauscope check recording.h5 --from results/fit.h5 --directions 10

Exits with 1 when the gradients disagree.";

pub const CHECK_LONG: &str = "\
Examples:
  tauscope check zebrafish
  tauscope check recording.h5 --from results/fit.h5 --directions 10

The gradient of the objective on the train trials, by block of parameters, computed by the adjoint,
by forward sensitivities, and by central differences in random directions. Each entry of the table
is a relative difference. Exits with 1 when one is above the tolerance and above what the errors of
the solves explain: near an optimum the parts of a gradient cancel, and little or nothing is left to
compare, which is said.";

pub const REPRODUCE: &str = "\
Examples:
  tauscope reproduce limits
  tauscope reproduce all --small --out /tmp/small
  tauscope reproduce recovery --out benches/runs/2026-11-27-reproduction --threads 2

Claims of doi:10.1038/s41598-020-68169-x: limits (C7), exchange (C6), recovery (C3), elman (C4), relu (C5), local (C9),
memory (C8), hierarchy (C10), grid (C1, C2). Each leaves NAME.h5, figures, and its rows in README.md. Ctrl-C keeps the
parts that are done; the same command goes on. Numbers depend on seed and effort alone.";

pub const IDENTIFY: &str = "\
Examples:
  tauscope identify results/teacher-20250102-030405.h5
  tauscope identify fit.h5 --profile 'tau_s[3]' --profile 'tau_r[left-12]' --out judged.h5
  tauscope identify fit.h5 --json

`--help` adds what is computed, and how.";

pub const IDENTIFY_LONG: &str = "\
Examples:
  tauscope identify results/teacher-20250102-030405.h5
  tauscope identify fit.h5 --profile 'tau_s[3]' --profile 'tau_r[left-12]' --out judged.h5
  tauscope identify fit.h5 --json

On the train trials, at the minimum of the unpenalised cost that a refit reaches from the result:
1. Fisher information F = J^T J / sigma^2 of network and initial state, the readout fitted along;
   sigma^2 from the residuals (their number less that of parameters), or target_std. Its smallest
   eigenvalues are the combinations of parameters that the data hardly tell; those of zero are named.
2. Standard errors and intervals of 95 % of log tau, F^-1 with the noise of each output by itself.
   Refused, with the reason: on a bound, along a null direction, for relu, where the refit does not
   converge, where parameters are as many as targets. An end under a tenth of the shortest sample
   interval, or beyond ten times the longest trial, is open: the data do not bound it there.
3. The swapped twin of each unit: tau_s and tau_r exchanged, then the best fit that keeps the reversed
   order. Rise of the cost, over that of predicting each output's mean, before and after that refit. The
   probability of the order is 1 / (1 + exp(-X/2)), X = n (twin's cost - cost) / sigma^2: a likelihood
   ratio under Gaussian noise, both orders equally likely beforehand. ordered: at least 0.95.
   Below 1e-10 (at a relative tolerance of 1e-12) both orders are the same prediction.
4. Near tau_s = tau_r, where the cost grows with the fourth power of the log ratio, intervals come from
   the profile of the likelihood over log(tau_s / tau_r), through equality to the other order.
5. Decay times of the network linearised at its mean state: what recurrence makes of the constants.
6. Where an order or a constant is told badly: the fitted network is simulated with larger inputs and with
   steps, and what as many trials of them would tell is predicted (information about each constant; for an
   order the distance of the twin, all else fitted along).
7. What else predicts the same: hidden units in another order, turned, or scaled. The group `canonical` of
   the file has them in one order and with one sign, so that two fits can be compared.
--profile holds one constant at values around the estimate, and around that of the twin, and fits all
else.

JSON: identification, units (unit, pair, intervals, order_probability, verdict: ordered, order-unknown
or not-identifiable, ..), sloppiest. An upper end that is open is null, a lower one 0; `open` tells. Ctrl-C writes what has been judged and exits with 130.";

pub const INSPECT: &str = "\
Examples:
  tauscope inspect zebrafish
  tauscope inspect results/zebrafish-20250102-030405.h5 --json";

pub const GRADIENT: &str = "\
Examples:
  tauscope gradient problem.h5 --rtol 1e-4 --repeat 5 --json
  tauscope gradient problem.h5 --method rk4 --step 0.005 --threads 2

Times are of a whole forward and backward pass; reading the file is not counted.";

pub const REPORT: &str = "\
Examples:
  tauscope report results/zebrafish-20250102-030405.h5 --out fish.html
  tauscope report fit.h5 --out fit.html --trials 0,7 --outputs left-12 --force

The page needs no network and no script. `fit` writes one beside its result unless `--report false`.";

pub const PLOT: &str = "\
Examples:
  tauscope plot fit.h5 tau --out tau.svg
  tauscope plot fit.h5 prediction --out prediction.png

The ending of --out decides: .svg keeps text selectable, .png has 2 pixels a unit.";

pub const EXPORT: &str = "\
Examples:
  tauscope export fit.h5 --format csv --out fit-tables
  tauscope export fit.h5 --format npz --out fit.npz

`--help` says what is in each.";

pub const EXPORT_LONG: &str = "\
Examples:
  tauscope export fit.h5 --format csv --out fit-tables
  tauscope export fit.h5 --format npz --out fit.npz

csv   a folder with one table for all variables of a group that lie over the same dimensions, a row
      a place: the labels of the dimensions, then the values. parameters-unit.csv has tau_s, tau_r,
      b by unit; parameters-unit-source_unit.csv has W. variables.csv lists units and meaning of
      every variable, attributes.csv every attribute. A number that does not exist is empty.
json  one object: attributes, dimensions, variables (dims, units, long_name, values nested by
      dimension), groups. A number that does not exist is null.
npz   one array a variable, named with its groups: numpy.load(FILE)[\"parameters/tau_s\"];
      \"attributes\" is JSON text with the attributes of every group and variable.";

pub const IMPORT: &str = "\
Examples:
  tauscope import csv recording.csv --list
  tauscope import csv recording.csv --inputs stimulus --out recording.h5
  tauscope import nwb session.nwb --list
  tauscope import nwb session.nwb --inputs stimulus --targets units --bin 0.02 --out session.h5

`tauscope import csv --help` and `tauscope import nwb --help` have the rules.";

pub const IMPORT_CSV: &str = "\
Examples:
  tauscope import csv recording.csv --list
  tauscope import csv recording.csv --inputs stimulus --out recording.h5
  tauscope import csv recording.csv --time t_ms --trial sweep --inputs light --targets 'cell*'
  tauscope import csv long.csv --unit neuron --value rate --inputs stimulus

`--help` adds the rules.";

pub const IMPORT_CSV_LONG: &str = "\
Examples:
  tauscope import csv recording.csv --list
  tauscope import csv recording.csv --inputs stimulus --out recording.h5
  tauscope import csv recording.csv --time t_ms --trial sweep --inputs light --targets 'cell*'
  tauscope import csv long.csv --unit neuron --value rate --inputs stimulus

Wide table: one row a time, one column a unit or input. Long table: one row a time and unit, with a
column that names the unit and a column of values; inputs are units of that table, or columns that say
the same on every row of a time. The first line names the columns. LIST: names separated by commas; a
name with a comma stands in double quotes; `cell*` stands for all names that begin so.

- An empty cell (or NaN, NA, n/a, null, none) of a target is not observed. An input must be known at
  each of its times.
- Times increase within a trial (long: within a trial and unit); others are refused with their lines.
- Times that are equal in all trials are kept. Where each trial begins after the one before has ended,
  times count from each trial's first sample; --time-origin decides otherwise.
- Trials with different times share the union of them: targets are not observed at the times of other
  trials, inputs have the value of their own signal there, which leaves it as it was. Trials may end
  early. Targets that lie outside of their trial's inputs are left out, and counted in a warning.
- Targets with other times than the inputs lie on target_time. Inputs with different times in one
  trial are refused: resample them, or import one.

JSON: dataset, trials, samples, target_samples, inputs, outputs, time_units, time, observed, missing,
warnings. With --list: file, delimiter, rows, columns.";

pub const IMPORT_NWB: &str = "\
Examples:
  tauscope import nwb session.nwb --list
  tauscope import nwb session.nwb --inputs stimulus --targets calcium --out session.h5
  tauscope import nwb session.nwb --inputs 'running[0],stimulus' --targets units --bin 0.02
  tauscope import nwb session.nwb --targets 'lfp[0:8]' --trials epochs --split part

`--help` adds the rules.";

pub const IMPORT_NWB_LONG: &str = "\
Examples:
  tauscope import nwb session.nwb --list
  tauscope import nwb session.nwb --inputs stimulus --targets calcium --out session.h5
  tauscope import nwb session.nwb --inputs 'running[0],stimulus' --targets units --bin 0.02
  tauscope import nwb session.nwb --targets 'lfp[0:8]' --trials epochs --split part

A series is named by its name, or by its path where several have that name; NAME[3] and NAME[0:8]
choose channels, counted from 0, the end left out. Values are data * conversion (* channel_conversion)
+ offset, as pynwb's get_data_in_units. Times are seconds.

- Without trials the recording is one trial, and its times stay as they are. With trials each is
  [start_time, stop_time), and times count from its first input sample (else its first target sample,
  else its start). Columns of the trials with one value each are carried along; one of the words
  train, valid, test is the split.
- `units`: spikes counted in whole bins from there, a spike on an edge in the bin that begins there;
  targets and spike_counts are the counts, compared with means over bins (--target-sampling). Bins
  outside of obs_intervals are not observed.
- Inputs must have the same times: import those of one rate, or resample them. Targets of another rate
  than the inputs lie on target_time; targets of different rates are not observed at each other's
  times. Spike counts and a series are targets together only where the series has a sample a bin.
- Targets outside of their trial's inputs are left out, and counted in a warning.

JSON: dataset, trials, samples, target_samples, inputs, outputs, time_units, time, observed, missing,
warnings. With --list: file, series, units, intervals.";
