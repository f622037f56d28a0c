//! Settings that may come from a file, as secrets are mounted: what a process was started with is seen by others.

use std::fs::File;
use std::io::{self, Read};

use clap::Args;

use super::check::Check;

/// Far more than any secret, and less than hurts.
const MAX_BYTES: u64 = 1 << 20;

/// The files as they were given; nothing is read yet.
#[derive(Args)]
pub(super) struct Files {
    /// File with librdkafka properties, one a=b a line, values as they stand; instead of KAFKA_PROPERTIES
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub kafka_properties_file: String,
    /// File with the address of Redis, instead of REDIS_URL
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub redis_url_file: String,
    /// File with the key of the model server, instead of VLLM_API_KEY
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub vllm_api_key_file: String,
    /// File with the key of the fallback, instead of OPENAI_API_KEY
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub openai_api_key_file: String,
}

impl Check {
    /// What a file holds that stands in for a setting; `None` where none is named.
    pub fn file(&mut self, [name, file_name]: [&str; 2], is_given: bool, path: &str) -> Option<String> {
        if path.is_empty() {
            return None;
        }
        if is_given {
            self.wrong(file_name, format_args!("{name} is set, too: only one of the two can count"));
        }
        let text = read(path);
        if let Err(problem) = &text {
            self.wrong(file_name, format_args!("{path} {problem}"));
        }
        Some(text.unwrap_or_default())
    }

    /// A setting, or the file that stands in for it.
    pub fn secret(&mut self, names: [&str; 2], value: String, path: &str) -> String {
        let before = self.0.len();
        let Some(text) = self.file(names, !value.is_empty(), path) else { return value };
        if text.is_empty() && self.0.len() == before {
            self.wrong(names[1], format_args!("{path} is empty"));
        }
        text
    }

    /// A key that is sent in a header.
    pub fn key(&mut self, names: [&str; 2], value: String, path: &str) -> String {
        let key = self.secret(names, value, path);
        if !key.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            let name = if path.is_empty() { names[0] } else { names[1] };
            self.wrong(name, "it holds a character that no HTTP header can carry");
        }
        key
    }
}

/// A file's text without the newline at its end, or what is wrong with it: never anything of what it holds.
///
/// # Errors
/// When it cannot be read, is too large or is no text.
pub fn read(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let reading = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    reading.map_err(|error: io::Error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is too large: more than 1 MiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "cannot be read: it is not UTF-8 text".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NAMES: [&str; 2] = ["VLLM_API_KEY", "VLLM_API_KEY_FILE"];

    /// What a file with these bytes is read as, or what is wrong with it, with `FILE` in the place of its path.
    fn key(value: &str, bytes: &[u8]) -> Result<String, Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let (mut check, path) = (Check::default(), file.path().display().to_string());
        let key = check.key(NAMES, value.to_owned(), &path);
        let mistakes = check.0.iter().map(|mistake| mistake.replace(&path, "FILE")).collect::<Vec<_>>();
        if mistakes.is_empty() { Ok(key) } else { Err(mistakes) }
    }

    #[test]
    fn a_file_stands_in_for_its_setting_without_the_newline_at_its_end() {
        for bytes in ["s3 cr,e\\t=#", "s3 cr,e\\t=#\n", "s3 cr,e\\t=#\r\n", "\u{feff}s3 cr,e\\t=#\n\n"] {
            assert_eq!(key("", bytes.as_bytes()).as_deref(), Ok("s3 cr,e\\t=#"), "{bytes:?}");
        }
        assert_eq!(key("", b" a \n").as_deref(), Ok(" a "), "spaces are its own");
        let mut check = Check::default();
        assert_eq!((check.key(NAMES, "k".to_owned(), ""), check.0), ("k".to_owned(), vec![]));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_what_it_holds() {
        let told = |problem: &str| Err(vec![format!("VLLM_API_KEY_FILE: {problem}")]);
        assert_eq!(key("k", b"s3cret"), told("VLLM_API_KEY is set, too: only one of the two can count"));
        assert_eq!(key("", b"\n"), told("FILE is empty"));
        assert_eq!(key("", b"s3cret\xff"), told("FILE cannot be read: it is not UTF-8 text"));
        assert_eq!(key("", &vec![b'a'; 1 << 21]), told("FILE is too large: more than 1 MiB"));
        assert_eq!(key("", "s3cret한".as_bytes()), told("it holds a character that no HTTP header can carry"));
        assert_eq!(key("", b"s3cret\nmore"), told("it holds a character that no HTTP header can carry"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_with_its_path_and_the_systems_words() {
        for (path, words) in [("/nowhere/key", "No such file or directory"), ("/", "Is a directory")] {
            let mut check = Check::default();
            check.key(NAMES, String::new(), path);
            let [told] = check.0.as_slice() else { panic!("{:?}", check.0) };
            assert!(told.starts_with(&format!("VLLM_API_KEY_FILE: {path} cannot be read: {words}")), "{told}");
        }
    }
}
