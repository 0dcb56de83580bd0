"""What the program writes is a netCDF-4 file in other programs' eyes, and it reads what they write."""

import subprocess

import h5py
import netCDF4
import numpy as np
import pytest
import xarray

ENGINES = ["h5netcdf", "netcdf4"]


@pytest.fixture(scope="module")
def written(examples, tmp_path_factory):
    """A file with everything that the program can write."""
    path = tmp_path_factory.mktemp("store") / "every thing.h5"
    subprocess.run([examples / "write_example", path], check=True)
    return path


@pytest.fixture
def read(examples):
    """What the program finds in a dataset, fact by fact."""

    def facts(path):
        shown = subprocess.run([examples / "read_example", path], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        return {" ".join(words): rest for words, rest in map(fact, shown.stdout.splitlines())}

    return facts


def fact(line):
    words = 2 if line.startswith("over ") else 1
    parts = line.split(" ")
    return parts[:words], " ".join(parts[words:])


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def load(path, engine, group=None):
    with xarray.open_dataset(path, engine=engine, group=group) as dataset:
        return dataset.load()


def test_parameters_open_with_named_dimensions_units_and_labels(written, engine):
    parameters = load(written, engine, "parameters")
    assert list(parameters.data_vars) == ["W", "U", "tau_s", "converged", "count", "total"]
    assert parameters.W.dims == ("unit", "source_unit")
    assert parameters.W.values.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert parameters.U.dims == ("unit", "input")
    assert "input" not in parameters.coords
    assert parameters.unit.values.tolist() == ["left-1", "Ωmega", ""]
    assert parameters.source_unit.values.tolist() == [0, 1, 2]
    assert parameters.source_unit.dtype.kind == "i"
    assert parameters.tau_s.attrs == {"units": "ms", "long_name": "synaptic time constant"}


def test_every_kind_of_value_keeps_its_kind(written, engine):
    parameters = load(written, engine, "parameters")
    expected = np.array([[0.5, np.nan], [1.5, np.inf], [-0.0, 1e-310]])
    assert parameters.U.values.tobytes() == expected.tobytes()
    assert parameters.converged.dtype == bool
    assert parameters.converged.values.tolist() == [True, False, True]
    assert parameters["count"].values.tolist() == [1, 2**63 - 1, -(2**63)]
    assert parameters.total.shape == () and parameters.total.item() == 42


def test_attributes_of_the_file_are_plain_values(written, engine):
    attributes = load(written, engine).attrs
    assert attributes["title"] == "Grüße, 世界"
    assert attributes["empty"] == ""
    assert attributes["schema_version"] == 1
    assert attributes["cost"] == 0.25
    assert attributes["converged"] == 1
    assert list(attributes["tau_bounds"]) == [0.002, 3.0]
    assert list(attributes["files"]) == ["a.toml", "b.toml"]
    assert attributes["configuration"] == "x = 1\n" * 20000


def test_a_group_inherits_the_dimensions_above_it(written, engine):
    train = load(written, engine, "predictions/train")
    assert train.prediction.dims == ("trial", "time")
    assert train.prediction.shape == (40, 5000)
    assert train.prediction.values.ravel()[:3].tolist() == [0, 1, 2]


def test_a_dimension_may_be_empty(written, engine):
    assert load(written, engine, "predictions/test").prediction.shape == (0, 5000)


def test_h5py_follows_the_dimension_scales_in_both_directions(written):
    with h5py.File(written) as file:
        weights = file["parameters/W"]
        assert [d.label or d.keys()[0] for d in weights.dims] == ["unit", "source_unit"]
        assert weights.dims[0][0] == file["parameters/unit"]
        assert file["parameters/unit"].is_scale
        users = {file[reference].name for reference, _ in file["parameters/unit"].attrs["REFERENCE_LIST"]}
        assert users == {f"/parameters/{name}" for name in ["W", "U", "tau_s", "converged", "count"]}
        assert file["predictions/train/prediction"].compression == "gzip"
        assert file["predictions/train/prediction"].chunks == (26, 5000)
        assert file["parameters/tau_s"].chunks is None
        assert file.attrs["title"] == "Grüße, 世界"


def test_netcdf_appends_to_the_file(written, tmp_path):
    path = tmp_path / "copy.nc"
    path.write_bytes(written.read_bytes())
    with netCDF4.Dataset(path, "a") as file:
        group = file["parameters"]
        group.createVariable("extra", "f8", ("unit",))[:] = [1, 2, 3]
        group["W"][0, 0] = 7
    with xarray.open_dataset(path, engine="h5netcdf", group="parameters") as parameters:
        assert parameters.extra.dims == ("unit",)
        assert parameters.W.values[0, 0] == 7


def test_the_netcdf_library_of_the_system_reads_it(debian, written):
    ncdump = debian("ncdump", "netcdf-bin")
    shown = subprocess.run([ncdump, "-h", written], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    for line in ["double W(unit, source_unit) ;", "string unit(unit) ;", "ubyte converged(unit) ;", 'W:long_name = "recurrent weights" ;']:
        assert line in shown.stdout


def test_the_hdf5_library_of_the_system_reads_it(debian, written):
    h5dump = debian("h5dump", "hdf5-tools")
    shown = subprocess.run([h5dump, "-H", written], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


TIME = np.array([0.0, 0.5, 1.0, 1.5])
EXPECTED = {
    "shape": "3 4 1 2",
    "time": "[0.0, 0.5, 1.0, 1.5]",
    "inputs": "66",
    "targets": "265 of 23",
    "trial": "a,b,ç",
    "output": "10,20",
    "split": "train,valid,test",
    "over trials": "condition=1,2,1 good=true,false,true",
    "over outputs": "layer=deep,top",
}


def recording():
    targets = np.arange(24.0).reshape(3, 4, 2)
    targets[1, 1, 1] = np.nan
    return xarray.Dataset(
        {
            "inputs": (("trial", "time", "input"), np.arange(12.0).reshape(3, 4, 1).astype("f4")),
            "targets": (("trial", "time", "output"), targets),
            "split": ("trial", ["train", "valid", "test"]),
            "condition": ("trial", np.array([1, 2, 1], "i2")),
            "good": ("trial", np.array([True, False, True])),
            "layer": ("output", ["deep", "top"]),
        },
        coords={"time": TIME, "trial": ["a", "b", "ç"], "output": np.array([10, 20], "i4")},
        attrs={"tauscope_format": "dataset", "schema_version": 1, "time_units": "s", "interpolation": "hold"},
    )


def test_what_xarray_writes_is_read(read, tmp_path, engine):
    path = tmp_path / "x.nc"
    recording().to_netcdf(path, engine=engine)
    assert read(path) == EXPECTED


def test_packed_and_filled_values_of_xarray_are_undone(read, tmp_path, engine):
    path = tmp_path / "x.nc"
    packing = {
        "targets": {"dtype": "i2", "scale_factor": 0.5, "add_offset": 1.0, "_FillValue": -1, "zlib": True},
        "inputs": {"dtype": ">f4"},
    }
    recording().to_netcdf(path, engine=engine, encoding=packing)
    assert read(path) == EXPECTED


def test_text_of_fixed_length_is_read(read, tmp_path, engine):
    path = tmp_path / "x.nc"
    plain = recording()
    plain["split"] = ("trial", np.array([b"train", b"valid", b"test"]))
    plain["layer"] = ("output", np.array([b"deep", b"top"]))
    plain.to_netcdf(path, engine=engine)
    assert read(path) == EXPECTED


def test_what_h5py_writes_without_any_dimension_is_read(read, tmp_path):
    path = tmp_path / "x.h5"
    source = recording()
    with h5py.File(path, "w") as file:
        for name in ["time", "condition", "good", "output"]:
            file[name] = source[name].values
        file["inputs"] = source.inputs.values.astype("f2")
        file.create_dataset("targets", data=source.targets.values, chunks=True, compression="gzip", shuffle=True)
        file["split"] = np.array(["train", "valid", "test"], "S5")
        file["trial"] = ["a", "b", "ç"]
        file["layer"] = np.array([b"deep", b"top"])
        file.attrs["tauscope_format"] = np.bytes_("dataset")
        file.attrs["schema_version"] = np.array([1], "u1")
        file.attrs["time_units"] = np.array(["s"], dtype=h5py.string_dtype())
        file.attrs["interpolation"] = "hold"
    assert read(path) == EXPECTED


def test_labels_and_inputs_may_be_missing(read, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["time"] = np.arange(4, dtype="i4")
        file["targets"] = np.ones((3, 4, 2), "i1")
        file.attrs.update(tauscope_format="dataset", schema_version=1, time_units="frames")
    facts = read(path)
    assert facts["shape"] == "3 4 0 2"
    assert facts["trial"] == "0,1,2"
    assert facts["time"] == "[0.0, 1.0, 2.0, 3.0]"


def test_another_compression_is_refused_with_the_remedy(examples, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["time"] = np.arange(4)
        file.create_dataset("targets", data=np.ones((3, 4, 2)), compression="lzf")
        file.attrs.update(tauscope_format="dataset", schema_version=1, time_units="s")
    shown = subprocess.run([examples / "read_example", path], capture_output=True, text=True)
    assert shown.returncode == 1
    remedy = "write it again with gzip or without compression"
    assert shown.stderr == f"{path}: targets is compressed by a method that is not built in: {remedy}\n"


def elsewhere(kind, folder):
    """A dataset whose targets are not in its file."""
    values = np.random.default_rng(0).normal(size=(2, 10, 1))
    with h5py.File(folder / "source.h5", "w") as file:
        file["y"] = values
    with h5py.File(folder / "data.h5", "w") as file:
        file.attrs.update(tauscope_format="dataset", schema_version=1, time_units="s")
        file["time"] = np.arange(10.0)
        if kind == "dangling":
            file["targets"] = h5py.ExternalLink("gone.h5", "y")
        elif kind == "link":
            file["targets"] = h5py.ExternalLink("source.h5", "y")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(values.shape, values.dtype)
            layout[:] = h5py.VirtualSource("source.h5", "y", values.shape)
            file.create_virtual_dataset("targets", layout)
        elif kind == "external":
            values.tofile(folder / "raw")
            file.create_dataset("targets", values.shape, values.dtype, external=[("raw", 0, values.nbytes)])
        else:
            file.create_dataset("targets", values.shape, values.dtype)
    return folder / "data.h5"


@pytest.mark.parametrize("kind, said", [
    ("link", "is a link to another file"),
    ("virtual", "is a virtual dataset, whose values lie in other files"),
    ("external", "has its values in another file (external storage)"),
    ("unwritten", "was created and never written"),
    ("dangling", "is a link to something that is not there"),
])
def test_values_that_are_not_in_the_file_are_refused(kind, said, tauscope, tmp_path):
    path = elsewhere(kind, tmp_path)
    run = subprocess.run([tauscope, "fit", path, "--units", "1", "--out", tmp_path / "x.h5"], capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert run.stderr.startswith(f"error: {path}: targets {said}: write "), run.stderr
    assert not (tmp_path / "x.h5").exists()
