use std::fs;

use clap::{Command, FromArgMatches};
use tempfile::NamedTempFile;

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

fn settings(flags: &[&str]) -> AuthSettings {
    let command = AuthSettings::augment_args(Command::new("test")).mut_args(|arg| arg.env(None::<&'static str>));
    let matches = command.try_get_matches_from(std::iter::once(&"test").chain(flags)).unwrap();
    AuthSettings::from_arg_matches(&matches).unwrap()
}

/// What is wrong with these flags of a gateway at `addr`.
fn mistakes(addr: &str, passes_on: bool, flags: &[&str]) -> Vec<String> {
    let mut mistakes = Vec::new();
    settings(flags).check(addr, passes_on, &mut mistakes);
    mistakes
}

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn loopback_is_this_machine_and_nothing_else() {
    for own in
        ["127.0.0.1:8000", "127.8.8.8:1", "[::1]:8000", "[::ffff:127.0.0.1]:8000", "localhost:8000", "LocalHost:1"]
    {
        assert!(is_loopback(own), "{own}");
    }
    for other in [
        "0.0.0.0:8000",
        "[::]:8000",
        "192.168.0.7:8000",
        ":8000",
        "gateway:8000",
        "localhost.example:8000",
        "[::ffff:10.0.0.1]:1",
    ] {
        assert!(!is_loopback(other), "{other}");
    }
}

#[test]
fn beyond_loopback_a_setting_has_to_say_who_may_ask() {
    let tokens = file(TOKEN);
    assert_eq!(mistakes("127.0.0.1:8000", true, &[]), [""; 0]);
    let told = mistakes("0.0.0.0:8000", false, &[]).join("\n");
    for name in [
        "GATEWAY_ADDR: 0.0.0.0:8000",
        "GATEWAY_API_TOKENS_FILE",
        "GATEWAY_AUTH_URL",
        "GATEWAY_JWT_KEY_FILE",
        "GATEWAY_OPEN=true",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    for flags in [
        vec!["--open", "true"],
        vec!["--api-tokens-file", tokens.path().to_str().unwrap()],
        vec!["--auth-url", "http://spring:8080/internal/member"],
    ] {
        assert_eq!(mistakes("0.0.0.0:8000", false, &flags), [""; 0], "{flags:?}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let (tokens, key) = (file(TOKEN), file(ED25519));
    let (tokens, key) = (tokens.path().to_str().unwrap(), key.path().to_str().unwrap());
    let jwt = ["--jwt-key-file", key, "--jwt-issuer", "careerbee", "--jwt-audience", "ssammu"];
    assert_eq!(mistakes("0.0.0.0:1", false, &jwt), [""; 0]);
    for (passes_on, flags, names) in [
        (false, vec!["--open", "true", "--api-tokens-file", tokens], vec!["GATEWAY_OPEN"]),
        (false, vec!["--open", "yes"], vec!["GATEWAY_OPEN"]),
        (false, [&jwt[..], &["--auth-url", "http://spring/member"]].concat(), vec!["GATEWAY_AUTH_URL"]),
        (false, vec!["--jwt-key-file", key], vec!["GATEWAY_JWT_ISSUER", "GATEWAY_JWT_AUDIENCE"]),
        (false, vec!["--open", "true", "--jwt-issuer", "careerbee"], vec!["GATEWAY_JWT_ISSUER"]),
        (false, [&jwt[..], &["--jwt-cookie", "session"]].concat(), vec!["GATEWAY_JWT_COOKIE"]),
        (false, vec!["--auth-url", "http://user:s3cret@spring/member"], vec!["GATEWAY_AUTH_URL"]),
        (false, vec!["--auth-url", "spring:8080"], vec!["GATEWAY_AUTH_URL"]),
        (
            false,
            vec!["--api-tokens-file", "/nowhere", "--jwt-key-file", "/nowhere"],
            vec!["GATEWAY_API_TOKENS_FILE", "GATEWAY_JWT_ISSUER", "GATEWAY_JWT_AUDIENCE", "GATEWAY_JWT_KEY_FILE"],
        ),
        (false, vec!["--open", "true", "--serve", "page,admin"], vec!["GATEWAY_SERVE"]),
        (false, vec!["--open", "true", "--serve", ","], vec!["GATEWAY_SERVE"]),
        (true, vec!["--open", "true", "--serve", "events"], vec!["GATEWAY_PASS_TO"]),
        (true, jwt.to_vec(), vec!["GATEWAY_PASS_TO"]),
    ] {
        let told = mistakes("0.0.0.0:1", passes_on, &flags);
        let of: Vec<&str> = told.iter().filter_map(|told| Some(told.split_once(':')?.0)).collect();
        assert_eq!(of, names, "{flags:?} {told:?}");
        assert!(!told.join("").contains("s3cret"), "{told:?}");
    }
    let both = [&jwt[..], &["--api-tokens-file", tokens]].concat();
    assert_eq!(mistakes("0.0.0.0:1", true, &both), [""; 0]);
}

#[test]
fn what_is_served_can_be_narrowed() {
    let served = |text: &str| settings(&["--serve", text]).check("127.0.0.1:1", false, &mut Vec::new()).1;
    assert_eq!(served("page,api,events,documents"), Parts::ALL);
    assert_eq!(served(" api"), Parts { page: false, api: true, events: false, documents: false });
    assert_eq!(served("events, documents,"), Parts { page: false, api: false, events: true, documents: true });
}
