//! Secrets are not taken as flags: whoever may list the machine's processes reads those.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error};

/// Secret whatever they say.
const KEYS: [&str; 3] = ["vllm_api_key", "openai_api_key", "judge_api_key"];
/// Secret when they hold a user's password.
const URLS: [&str; 3] = ["redis_url", "vllm_url", "openai_base_url"];
/// Secret when one of these stands in them.
const PROPERTIES: &str = "kafka_properties";
const SECRET_PROPERTIES: [&str; 5] = ["password", "secret", "oauthbearer.config", "key.pem", "token"];

/// # Errors
/// Where the command line has a secret: what to do instead, without its value.
pub fn refuse(command: &mut Command, matches: &ArgMatches) -> Result<(), Error> {
    let mut leaf = matches;
    while let Some((_, inner)) = leaf.subcommand() {
        leaf = inner;
    }
    let names = KEYS.iter().chain(&URLS).chain([&PROPERTIES]);
    match names.filter(|name| is_given(leaf, name)).find(|name| is_secret(leaf, name)) {
        None => Ok(()),
        Some(name) => {
            let (flag, variable) = (name.replace('_', "-"), name.to_uppercase());
            let told = format!("--{flag} holds a secret, which others see among the processes: set {variable} instead");
            Err(command.error(ErrorKind::ArgumentConflict, told))
        }
    }
}

fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.try_contains_id(name).unwrap_or(false) && matches.value_source(name) == Some(ValueSource::CommandLine)
}

fn is_secret(matches: &ArgMatches, name: &str) -> bool {
    let mut values = matches.get_raw(name).into_iter().flatten().map(|value| value.to_string_lossy().to_lowercase());
    match name {
        PROPERTIES => values.any(|value| SECRET_PROPERTIES.iter().any(|secret| value.contains(secret))),
        _ if URLS.contains(&name) => values.any(|value| value.contains('@')),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn refused(arguments: &[&str]) -> Option<String> {
        let program = std::iter::once(&"ssammu-worker");
        let matches = Cli::command().try_get_matches_from(program.chain(arguments)).unwrap();
        refuse(&mut Cli::command(), &matches).err().map(|error| error.to_string())
    }

    #[test]
    fn a_secret_among_the_flags_is_refused_without_being_shown() {
        for (arguments, variable) in [
            (vec!["run", "--vllm-api-key", "hunter2"], "VLLM_API_KEY"),
            (vec!["run", "--openai-api-key=hunter2"], "OPENAI_API_KEY"),
            (vec!["eval", "--judge-api-key", "hunter2"], "JUDGE_API_KEY"),
            (vec!["session", "list", "--redis-url", "rediss://u:hunter2@redis:6379"], "REDIS_URL"),
            (vec!["dlt", "list", "--kafka-properties", "sasl.password=hunter2"], "KAFKA_PROPERTIES"),
            (vec!["gateway", "--kafka-properties", "a=b,SSL.key.pem=hunter2"], "KAFKA_PROPERTIES"),
        ] {
            let told = refused(&arguments).unwrap_or_default();
            assert!(told.contains(variable) && !told.contains("hunter2"), "{arguments:?}: {told}");
        }
    }

    #[test]
    fn what_is_no_secret_may_be_a_flag() {
        for arguments in [
            vec!["run"],
            vec!["run", "--redis-url", "redis://redis:6379"],
            vec!["topics", "--kafka-properties", "security.protocol=SSL,ssl.ca.location=/ca.pem"],
            vec!["eval", "--vllm-url", "http://model:8001/v1"],
            vec!["dlt", "list"],
            vec!["dev"],
        ] {
            assert_eq!(refused(&arguments), None, "{arguments:?}");
        }
    }

    #[test]
    fn every_key_that_the_program_takes_is_known_here() {
        fn arguments(command: &Command) -> Vec<String> {
            let inner = command.get_subcommands().flat_map(arguments);
            command.get_arguments().map(|argument| argument.get_id().to_string()).chain(inner).collect()
        }
        let all = arguments(&Cli::command());
        for name in KEYS.iter().chain(&URLS).chain([&PROPERTIES]) {
            assert!(all.iter().any(|argument| argument == name), "there is no {name}");
        }
        let looks_secret =
            |name: &&String| ["key", "password", "secret", "token"].iter().any(|end| name.ends_with(end));
        let unknown = all.iter().filter(looks_secret).find(|name| !KEYS.contains(&name.as_str()));
        assert_eq!(unknown, None);
    }
}
