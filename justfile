# Recipes of the project. `./just` stands for `just` where that is not installed.

set positional-arguments

top := justfile_directory()
python := quote(top / ".tools/python/bin/python")
peers_python := quote(top / ".tools/peers/bin/python")
release := "binary=$(" + quote(top / ".cargo/binary") + " build --release -p tauscope) && exec \"$binary\""

# lists the recipes
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# fits a network to a recording: just fit zebrafish
[group('program')]
[no-cd]
[no-exit-message]
fit dataset *args:
    @{{ release }} fit "$@"

# makes a synthetic data set from a specification: just generate SPEC.toml
[group('program')]
[no-cd]
[no-exit-message]
generate spec *args:
    @{{ release }} generate "$@"

# makes a data set of a table or an NWB file: just import csv FILE.csv --list
[group('program')]
[no-cd]
[no-exit-message]
import *args:
    @{{ release }} import "$@"

# runs a fitted network on a data set: just simulate RESULT.h5
[group('program')]
[no-cd]
[no-exit-message]
simulate result *args:
    @{{ release }} simulate "$@"

# compares the gradients on your own data, three ways: just check zebrafish
[group('program')]
[no-cd]
[no-exit-message]
check dataset *args:
    @{{ release }} check "$@"

# compares adaptive with fixed-step integration: just compare zebrafish
[group('program')]
[no-cd]
[no-exit-message]
compare dataset *args:
    @{{ release }} compare "$@"

# judges the time constants of a result: just identify RESULT.h5
[group('program')]
[no-cd]
[no-exit-message]
identify result *args:
    @{{ release }} identify "$@"

# says what is in a data set or a result: just inspect FILE.h5
[group('program')]
[no-cd]
[no-exit-message]
inspect file *args:
    @{{ release }} inspect "$@"

# shows a result as one HTML page: just report RESULT.h5
[group('program')]
[no-cd]
[no-exit-message]
report result *args:
    @{{ release }} report "$@"

# draws one figure of a result: just plot RESULT.h5 tau --out tau.svg
[group('program')]
[no-cd]
[no-exit-message]
plot result *args:
    @{{ release }} plot "$@"

# writes what a result holds in another format: just export RESULT.h5 --format csv
[group('program')]
[no-cd]
[no-exit-message]
export result *args:
    @{{ release }} export "$@"

# computes one gradient and times it: just gradient PROBLEM.h5
[group('program')]
[no-cd]
[no-exit-message]
gradient problem *args:
    @{{ release }} gradient "$@"

# refits generated teachers and counts the time constants that come back
[group('evidence')]
[no-exit-message]
recover *args: _python
    @binary=$(.cargo/binary build --release -p tauscope) && TAUSCOPE_BIN="$binary" exec {{ python }} {{ quote(top / "tests/recovery/recover.py") }} "$@"

# kills fits at random moments and goes on with them, to the same bits: just kills 100
[group('evidence')]
[no-exit-message]
kills n="100":
    TAUSCOPE_KILLS={{ quote(n) }} cargo test -p tauscope --test cli killed -- --nocapture

# reads a million damaged files: no reader may panic, hang or take more than 2 GiB: just fuzz 1000000 [result,nwb]
[group('evidence')]
[no-exit-message]
fuzz cases="1000000" readers="": _python
    @binary=$(.cargo/binary build -p tauscope) && TAUSCOPE_BIN="$binary" {{ python }} {{ quote(top / "tests/fuzz/corpus.py") }} target/fuzz
    TAUSCOPE_FUZZ_CASES={{ quote(cases) }} TAUSCOPE_FUZZ_READERS={{ quote(readers) }} TAUSCOPE_FUZZ_CORPUS={{ quote(top / "target/fuzz") }} cargo test -p tauscope --test fuzz -- --nocapture

# computes the experiments of Quax et al. 2020 anew: just reproduce recovery, just reproduce all --small
[group('evidence')]
[no-cd]
[no-exit-message]
reproduce name *args:
    @{{ release }} reproduce "$@"

# judges generated teachers and counts the true time constants within their intervals: just coverage --teachers 20
[group('evidence')]
[no-exit-message]
coverage *args: _python
    @binary=$(.cargo/binary build --release -p tauscope) && TAUSCOPE_BIN="$binary" exec {{ python }} {{ quote(top / "tests/coverage/coverage.py") }} "$@"

# error and coverage of recovered time constants by activation, noise, step, ..: just table --teachers 20
[group('evidence')]
[no-exit-message]
table *args: _python
    @binary=$(.cargo/binary build --release -p tauscope) && TAUSCOPE_BIN="$binary" exec {{ python }} {{ quote(top / "tests/coverage/table.py") }} "$@"

# runs the benchmarks
[group('evidence')]
[no-exit-message]
bench *args:
    cargo bench --workspace "$@"

# our gradients against JAX and diffrax, alternately: a table and a plot in benches/runs/
[group('evidence')]
[no-exit-message]
bench-peers *args: _peers
    @binary=$(.cargo/binary build --release -p tauscope) && TAUSCOPE_BIN="$binary" exec {{ peers_python }} {{ quote(top / "benches/peers/bench.py") }} "$@"

# time and memory of one gradient by units, trials and samples: a table and a plot in benches/runs/
[group('evidence')]
[no-exit-message]
bench-cost *args: _python
    @binary=$(.cargo/binary build --release -p tauscope) && TAUSCOPE_BIN="$binary" exec {{ python }} {{ quote(top / "benches/peers/cost.py") }} "$@"

# everything that must hold before a change is merged: format, lints, tests, documentation, other programs' readers
[group('development')]
test: format-check lint unit doc interop

# exactly what continuous integration runs
[group('development')]
ci: test

# formats the code
[group('development')]
fmt: _components
    cargo fmt --all

# checks the format
[group('development')]
format-check: _components
    cargo fmt --all --check

# clippy, with warnings as errors
[group('development')]
lint: _components
    cargo clippy --workspace --all-targets -- -D warnings

# the Rust tests and the examples in the documentation
[group('development')]
unit *args:
    cargo test --workspace "$@"

# builds the documentation, with warnings as errors
[group('development')]
doc *args:
    RUSTDOCFLAGS="-D warnings ${RUSTDOCFLAGS:-}" cargo doc --workspace --no-deps "$@"

# reads our files with h5py and xarray, and the other way round
[group('development')]
interop *args: _python
    @binary=$(.cargo/binary test --workspace --no-run) && TAUSCOPE_BIN="$binary" exec {{ python }} -m pytest tests/interop "$@"

# makes the shipped recordings anew from the published packages
[group('development')]
[no-cd]
data *args: _python
    @{{ python }} {{ quote(top / "data/rebuild") }} "$@"

_python:
    @python3 -I .cargo/tools.py python tests/interop/requirements.txt

_peers:
    @python3 -I .cargo/tools.py peers benches/peers/requirements.txt

# A minimal rustup toolchain lacks both.
_components:
    @cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
