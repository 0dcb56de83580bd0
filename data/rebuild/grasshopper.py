"""Grasshopper: spikes of an auditory receptor neuron of Locusta migratoria, driven by a noisy sound envelope.

Source: nitime 0.12.1 (wheel), nitime/data/grasshopper_{stimulus,spike_times}{1,2}.txt: two recordings of 10 s with a
Gaussian amplitude modulation (standard deviation 6 dB, cut-off 200 Hz and 800 Hz) of a carrier of 2.5 kHz.

Reference: Rokem A. et al. (2006) Journal of Neurophysiology 95:2541-2552.
"""

import zipfile

import numpy as np

from dataset_file import Dataset, Variable
from packages import checked, download_wheel

SHA256 = {
    "nitime/data/grasshopper_stimulus1.txt": "4b47a4cbca8c5f694f87dd510db608a868dffbaba96845199c8afa545a4c37fa",
    "nitime/data/grasshopper_spike_times1.txt": "840014ad9a8f591d02ab108bcbd46715badb3459e0ef7eac95fdd661ff134e3d",
    "nitime/data/grasshopper_stimulus2.txt": "69f257a8e7a5019897111b07f9cd317b136357d256e99682d40c09d5add18e6a",
    "nitime/data/grasshopper_spike_times2.txt": "389e5dccb709fbe0552589ff2e0b64e15d46665e4d2d4172071f2175c8641541",
}
INTERVAL = 1e-3  # s, of the data set
FINE = 50e-6  # s, of the published stimulus
TRIAL = 0.5  # s
KERNEL = 2e-3  # s, standard deviation
PEAK_LEVEL = {1: 76.4286, 2: 71.2}  # dB SPL, from the headers of the spike files


def published(scratch):
    """By recording (1, 2): the sound envelope every 50 us, its maximum 1, and the spike times in s."""
    wheel = zipfile.ZipFile(download_wheel("nitime==0.12.1", scratch))
    return {
        signal: (table(wheel, "stimulus", signal)[:, 1], table(wheel, "spike_times", signal)[:, 0] * 1e-6)
        for signal in PEAK_LEVEL
    }


def table(wheel, what, signal):
    name = f"nitime/data/grasshopper_{what}{signal}.txt"
    text = checked(wheel.read(name), name, SHA256[name]).decode()
    return np.loadtxt(text.splitlines(), comments="#", ndmin=2)


def dataset(recordings):
    pieces = {signal: trials(*recording) for signal, recording in recordings.items()}
    signal = np.concatenate([np.full(len(inputs), signal) for signal, (inputs, _, _) in pieces.items()])
    start = np.concatenate([np.arange(len(inputs)) * TRIAL for inputs, _, _ in pieces.values()])
    inputs, targets, counts = (np.concatenate(parts)[..., None] for parts in zip(*pieces.values()))
    return Dataset(ATTRIBUTES, variables(signal, start, inputs, targets, counts))


def trials(envelope, spikes):
    """Standardised envelope, firing rate in 1/s and spike counts of consecutive trials, each (trial, time)."""
    level = (20 * np.log10(envelope) + 18.0) / 6.0
    train = np.zeros(len(envelope))
    np.add.at(train, np.minimum((spikes / FINE).astype(int), len(train) - 1), 1)
    rate = np.convolve(train, gaussian(), "same") / FINE
    return cut(bins(level).mean(1)), cut(bins(rate).mean(1)), cut(bins(train).sum(1))


def gaussian():
    reach = int(np.ceil(4 * KERNEL / FINE))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * FINE / KERNEL) ** 2)
    return kernel / kernel.sum()


def bins(fine):
    width = round(INTERVAL / FINE)
    return fine[: len(fine) // width * width].reshape(-1, width)


def cut(series):
    samples = round(TRIAL / INTERVAL)
    return series[: len(series) // samples * samples].reshape(-1, samples)


def split(n_trials):
    names = np.array(["train"] * n_trials)
    names[4::5] = "test"
    names[2::10] = "valid"
    return names


def variables(signal, start, inputs, targets, counts):
    time = np.arange(round(TRIAL / INTERVAL)) * INTERVAL
    cutoff = {1: "200Hz", 2: "800Hz"}
    trial = np.array([f"{cutoff[s]}-{t:.1f}s" for s, t in zip(signal, start)])
    peak = np.array([PEAK_LEVEL[s] for s in signal])
    return {
        "time": Variable(("time",), time, {"units": "s", "long_name": "time in the trial"}),
        "trial": Variable(("trial",), trial, {"long_name": "cut-off of the sound envelope, start of the trial"}),
        "input": Variable(("input",), np.array(["envelope_dB_z"]), {"long_name": "input channel"}),
        "output": Variable(("output",), np.array(["receptor"]), {"long_name": "recorded neuron"}),
        "inputs": Variable(("trial", "time", "input"), inputs.astype("f4"), INPUTS),
        "targets": Variable(("trial", "time", "output"), targets.astype("f4"), TARGETS),
        "spike_counts": Variable(("trial", "time", "output"), counts.astype("u1"), COUNTS),
        "split": Variable(("trial",), split(len(signal)), {"long_name": "train, valid or test"}),
        "trial_signal": Variable(("trial",), signal.astype("u1"), SIGNAL),
        "trial_start": Variable(("trial",), start, {"units": "s", "long_name": "start of the trial in its recording"}),
        "trial_peak_level": Variable(("trial",), peak, {"units": "1", "long_name": "peak sound pressure level in dB SPL"}),
    }


INPUTS = {
    "units": "1",
    "long_name": "sound envelope, standardised: (level in dB relative to the maximum + 18) / 6",
    "cell_methods": "time: mean",
}
TARGETS = {
    "units": "s-1",
    "long_name": "firing rate: spike train smoothed with a Gaussian of 2 ms (acausal), spikes per second",
    "cell_methods": "time: mean",
}
COUNTS = {"units": "1", "long_name": "spikes in the bin that begins at this time", "cell_methods": "time: sum"}
SIGNAL = {
    "units": "1",
    "long_name": "recording, by the cut-off of the sound envelope",
    "flag_values": np.array([1, 2], "u1"),
    "flag_meanings": "cutoff_200_Hz cutoff_800_Hz",
}
ATTRIBUTES = {
    "Conventions": "CF-1.11",
    "title": "Grasshopper: auditory receptor neuron",
    "source": "nitime 0.12.1 (Python package), nitime/data/grasshopper_*; recorded by A. Rokem in the Herz laboratory, "
    "Humboldt-Universitaet zu Berlin; the full set is CRCNS ia-1",
    "references": "Rokem A. et al. (2006) Spike-timing precision underlies the coding efficiency of auditory receptor "
    "neurons, Journal of Neurophysiology 95:2541-2552",
    "licence": "BSD-3-Clause, the licence of nitime, whose author made the recordings",
    "time_units": "s",
    "interpolation": "hold",
    "target_sampling": "bin_mean",
    "processing": "means over bins of 1 ms; consecutive trials of 500 ms; targets smoothed with a Gaussian of 2 ms first",
    "comment": "The stimulus is not repeated, so there is no noise ceiling. Slow adaptation from about 130 to 76 spikes/s "
    "over the 10 s of each recording. Trials are consecutive: a trial begins in the state in which the one before it ended.",
}
