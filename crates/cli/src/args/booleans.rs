use clap::{Arg, Command};
use std::collections::BTreeSet;
use std::ffi::OsString;

/// The words that a boolean option takes as its value when they follow it.
const VALUES: [&str; 3] = ["true", "false", "auto"];

/// Writes `--flag` as `--flag=true` unless a value follows, so that `--json zebrafish` is a flag and a dataset.
pub fn spell_out(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // an option may be a flag of one command and take a file in another
    let named = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let subcommand = named
        .filter_map(|word| command.find_subcommand(word))
        .next();
    let flags = boolean_options(subcommand.unwrap_or(command));
    let mut arguments = arguments.into_iter().peekable();
    let mut spelled = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            spelled.push(argument);
            spelled.extend(arguments);
            break;
        }
        let is_flag = argument.to_str().is_some_and(|text| flags.contains(text));
        let has_value = arguments
            .peek()
            .is_some_and(|next| VALUES.iter().any(|value| next == value));
        match (is_flag, has_value) {
            (true, false) => spelled.push(joined(argument, "true")),
            (true, true) => spelled.extend(
                arguments
                    .next()
                    .and_then(|value| Some(joined(argument, value.to_str()?))),
            ),
            _ => spelled.push(argument),
        }
    }
    spelled
}

fn joined(mut flag: OsString, value: &str) -> OsString {
    flag.push("=");
    flag.push(value);
    flag
}

/// `--name` of every option, here or in a subcommand, that takes its value or leaves it.
fn boolean_options(command: &Command) -> BTreeSet<String> {
    let optional_value = |argument: &&Arg| {
        argument
            .get_num_args()
            .is_some_and(|range| range.min_values() == 0 && range.max_values() == 1)
    };
    let own = command
        .get_arguments()
        .filter(optional_value)
        .filter_map(|argument| argument.get_long());
    let own = own.map(|long| format!("--{long}"));
    own.chain(command.get_subcommands().flat_map(boolean_options))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn spelled(line: &str) -> String {
        let mut command = super::super::Cli::command();
        command.build();
        let words = spell_out(&command, line.split(' ').map(OsString::from));
        words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_flag_before_a_dataset_does_not_swallow_it() {
        assert_eq!(
            spelled("tauscope fit --json zebrafish"),
            "tauscope fit --json=true zebrafish"
        );
        assert_eq!(
            spelled("tauscope fit --bias false zebrafish"),
            "tauscope fit --bias=false zebrafish"
        );
        assert_eq!(
            spelled("tauscope fit --early-stopping auto x"),
            "tauscope fit --early-stopping=auto x"
        );
    }

    #[test]
    fn an_option_is_a_flag_in_the_command_where_it_is_one() {
        assert_eq!(
            spelled("tauscope fit --report x"),
            "tauscope fit --report=true x"
        );
        assert_eq!(
            spelled("tauscope --json compare x --report r.html"),
            "tauscope --json=true compare x --report r.html"
        );
    }

    #[test]
    fn options_with_values_and_what_follows_two_dashes_stay() {
        assert_eq!(
            spelled("tauscope fit --starts 3 --bias=false"),
            "tauscope fit --starts 3 --bias=false"
        );
        assert_eq!(spelled("tauscope fit -- --json"), "tauscope fit -- --json");
    }
}
