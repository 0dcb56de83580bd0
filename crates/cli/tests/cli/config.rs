use crate::bench::Bench;

#[test]
fn a_printed_configuration_is_a_configuration_that_prints_the_same() {
    let bench = Bench::with_dataset();
    let options = "--units 5 --tau-bounds 0.002,3 --signs 1,1,-1,0,0 --bias false --l2 1e-4 --method rk4 --step 0.005";
    let first = bench.run(&format!(
        "fit tiny.h5 {options} --connectivity mask.csv --print-config"
    ));
    assert_eq!(first.code, Some(0));
    bench.write("mine/mine.toml", &first.stdout);
    let second = bench.run("fit tiny.h5 --config mine/mine.toml --print-config --quiet");
    assert_eq!(second.stdout, first.stdout);
    assert_eq!((second.code, second.stderr.as_str()), (Some(0), ""));
}

#[test]
fn options_win_over_config_and_config_over_the_file_beside_the_dataset() {
    let bench = Bench::with_dataset();
    bench.write("tiny.toml", "units = 4\nstarts = 5\nrtol = 0.001\n");
    bench.write("mine.toml", "starts = 6\nrtol = 0.002\n");
    let run = bench.run("fit tiny.h5 --config mine.toml --rtol 0.004 --print-config");
    for line in ["units = 4\n", "starts = 6\n", "rtol = 0.004\n"] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
    assert_eq!(
        run.stderr,
        "configuration: mine.toml\nconfiguration: tiny.toml\n"
    );
}

#[test]
fn the_file_beside_the_dataset_can_be_skipped() {
    let bench = Bench::with_dataset();
    bench.write("tiny.toml", "units = 4\n");
    let run = bench.run("fit tiny.h5 --no-config --print-config");
    assert!(
        run.stdout.contains("\nunits = \"auto\"\n"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn a_wrong_key_in_any_file_ends_with_2_and_its_neighbour() {
    let bench = Bench::with_dataset();
    bench.write("tiny.toml", "tau_bound = [1, 2]\n");
    bench.write("mine.toml", "time_constant = \"unit\"\n");
    bench.run("fit tiny.h5").refused(
        2,
        "error: tiny.toml: unknown key `tau_bound`, did you mean `tau_bounds`; --print-config lists all keys",
    );
    bench.run("fit tiny.h5 --no-config --config mine.toml").refused(
        2,
        "error: mine.toml: unknown key `time_constant`, did you mean `time_constants`; --print-config lists all keys",
    );
}

#[test]
fn a_wrong_value_in_a_file_ends_with_2_even_where_it_is_overridden() {
    let bench = Bench::with_dataset();
    bench.write("tiny.toml", "tau_bounds = [3, 0.002]\n");
    bench.run("fit tiny.h5 --tau-bounds 0.002,3").refused(
        2,
        "error: tiny.toml: key `tau_bounds`: the low bound 3 must lie below the high bound 0.002; write low first",
    );
}

#[test]
fn a_missing_configuration_file_ends_with_2() {
    let run = Bench::with_dataset().run("fit tiny.h5 --config nowhere.toml");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(
        run.stderr
            .starts_with("error: configuration file nowhere.toml: "),
        "{}",
        run.stderr
    );
}

#[test]
fn a_specification_beside_its_dataset_is_not_taken_for_a_configuration() {
    let bench = Bench::new();
    bench.write(
        "t.toml",
        "units = 2\ninputs = 1\ntrials = 3\nduration = 0.1\n",
    );
    assert_eq!(bench.run("generate t.toml --out t.h5").code, Some(0));
    let run = bench.run("fit t.h5 --print-config");
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.stderr,
        "t.toml is a specification for `generate`, not a configuration: not used\n"
    );
}

#[test]
fn an_unknown_activation_in_a_file_ends_with_2_and_the_list() {
    let bench = Bench::with_dataset();
    bench.write("mine.toml", "activation = \"softmax\"\n");
    bench.run("fit tiny.h5 --config mine.toml").refused(
        2,
        "error: mine.toml: key `activation`: unknown value \"softmax\"; the values are identity, sigmoid, tanh, relu, softplus",
    );
}
