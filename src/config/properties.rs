//! librdkafka's properties, as `KAFKA_PROPERTIES` has them (`a=b,c=d`) and as its file does (one a line). Some are secrets
//! with any character in them: what cannot be read for certain is refused, by its place, and nothing of it is shown.

use super::check::Check;
use crate::kafka::client::{is_property, is_secret};

/// Names and values.
pub(super) type Properties = Vec<(String, String)>;

/// A character, and whether a backslash before it says that it belongs to the value.
type Letter = (char, bool);

const COMMA: Letter = (',', false);
const ESCAPES: &str = "within a value, `\\,` is a comma, `\\\\` a backslash and `\\ ` a space at its beginning or end; \
                       KAFKA_PROPERTIES_FILE takes values as they stand";

impl Check {
    /// Properties in one line.
    pub fn properties(&mut self, name: &str, text: &str) -> Properties {
        let letters = unescaped(text);
        let mut found: Vec<(String, Vec<Letter>)> = Vec::new();
        for part in letters.split(|letter| *letter == COMMA) {
            match (begins(part), found.last_mut()) {
                (Some((property, value)), _) => found.push((property, value.to_vec())),
                (None, None) if trimmed(part).is_empty() => {}
                (None, None) => self.wrong(name, "expected a=b,c=d"),
                // Nobody knows whether the comma is the end of the secret or a slip.
                (None, Some((property, _))) if trimmed(part).is_empty() && is_secret(property) => {
                    self.wrong(name, format_args!("{property} is followed by a stray comma ({ESCAPES})"));
                }
                (None, Some(_)) if trimmed(part).is_empty() => {}
                // A value with commas, such as debug=broker,topic.
                (None, Some((_, value))) => {
                    value.push(COMMA);
                    value.extend(part);
                }
            }
        }
        let mut properties = Properties::new();
        for (index, (property, value)) in found.into_iter().enumerate() {
            let (value, is_cut) = (trimmed(&value), is_cut(&value));
            if !is_property(&property) {
                let place = index.saturating_add(1);
                self.wrong(name, format_args!("property {place} is none that librdkafka has ({ESCAPES})"));
            } else if is_cut && is_secret(&property) {
                self.wrong(name, format_args!("{property} begins or ends with a space ({ESCAPES})"));
            } else {
                properties.push((property, value.iter().map(|(letter, _)| letter).collect()));
            }
        }
        named_after_this_machine(properties)
    }

    /// Properties one a line, values as they stand; lines that begin with # are left out.
    pub fn property_lines(&mut self, name: &str, text: &str) -> Properties {
        let mut properties = Properties::new();
        for (line, place) in text.lines().zip(1_usize..) {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match line.split_once('=') {
                Some((property, value)) if is_property(property.trim()) => {
                    properties.push((property.trim().to_owned(), value.to_owned()));
                }
                Some(_) => self.wrong(name, format_args!("line {place} is no property that librdkafka has")),
                None => self.wrong(name, format_args!("line {place} is not a=b")),
            }
        }
        named_after_this_machine(properties)
    }
}

/// A container that is started again has the same host name, and so is the same member of its groups.
fn named_after_this_machine(mut properties: Properties) -> Properties {
    let names =
        properties.iter_mut().filter(|(property, _)| property == "group.instance.id" || property == "client.id");
    for (_, value) in names {
        *value = value.replace("{hostname}", &rustix::system::uname().nodename().to_string_lossy());
    }
    properties
}

fn unescaped(text: &str) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        // Before anything else a backslash is itself.
        match rest.next_if(|next| letter == '\\' && matches!(next, ',' | '\\' | ' ')) {
            Some(next) => letters.push((next, true)),
            None => letters.push((letter, false)),
        }
    }
    letters
}

/// A property's name, and the beginning of its value: what looks like a name is taken for one.
fn begins(part: &[Letter]) -> Option<(String, &[Letter])> {
    let end = part.iter().position(|(letter, _)| *letter == '=')?;
    let (before, value) = (part.get(..end)?, part.get(end.checked_add(1)?..)?);
    let name: String = trimmed(before).iter().map(|(letter, _)| letter).collect();
    let is_name = name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'));
    is_name.then_some((name, value))
}

/// Without the spaces at its ends.
fn trimmed(letters: &[Letter]) -> &[Letter] {
    without_ends(letters, char::is_whitespace)
}

/// Whether more than line breaks is cut off at its ends.
fn is_cut(letters: &[Letter]) -> bool {
    without_ends(letters, |letter| matches!(letter, '\n' | '\r')).len() > trimmed(letters).len()
}

fn without_ends(letters: &[Letter], is_left_out: impl Fn(char) -> bool) -> &[Letter] {
    let stays = |(letter, is_escaped): &Letter| *is_escaped || !is_left_out(*letter);
    let start = letters.iter().position(stays).unwrap_or(letters.len());
    let end = letters.iter().rposition(stays).map_or(start, |last| last.saturating_add(1));
    letters.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of sasl.password, or the mistakes.
    fn password(properties: &str) -> Result<String, Vec<String>> {
        read(properties, Check::properties)
    }

    fn in_file(lines: &str) -> Result<String, Vec<String>> {
        read(lines, Check::property_lines)
    }

    fn read(
        text: &str,
        read: impl FnOnce(&mut Check, &'static str, &str) -> Properties,
    ) -> Result<String, Vec<String>> {
        let mut check = Check::default();
        let mut properties = read(&mut check, "KAFKA_PROPERTIES", text);
        properties.retain(|(name, _)| name == "sasl.password");
        if check.0.is_empty() { Ok(properties.remove(0).1) } else { Err(check.0) }
    }

    #[test]
    fn any_secret_can_be_written_in_one_line() {
        for secret in
            ["ab,c=d", "x, y", " x ", "x,", ",", "a\\b", "a\\", "a\\,b", "p=ss w0rd;#&%", "'\"", "비밀", "a\tb"]
        {
            let escaped: String = secret
                .chars()
                .map(
                    |letter| {
                        if matches!(letter, ',' | '\\' | ' ') { format!("\\{letter}") } else { letter.to_string() }
                    },
                )
                .collect();
            assert_eq!(password(&format!("sasl.password={escaped}")).as_deref(), Ok(secret));
            let between = format!("sasl.username=a, sasl.password={escaped},linger.ms=7\n");
            assert_eq!(password(&between).as_deref(), Ok(secret));
        }
    }

    #[test]
    fn what_needs_no_escape_is_taken_as_it_stands() {
        for secret in ["p=ss w0rd;#&%", "a\\b", "x, y", "a,=b", "a,1=b", "{hostname}", "비밀,비밀=1"] {
            assert_eq!(password(&format!("sasl.password={secret}")).as_deref(), Ok(secret));
        }
    }

    #[test]
    fn what_cannot_be_read_for_certain_is_refused_without_a_piece_of_it() {
        for secret in ["ab,c=d", "x,y.z=1", "x,Y=1", " x", "x ", "x,", "x,,y", "x\t"] {
            let Err(told) = password(&format!("sasl.password={secret},linger.ms=7")) else { panic!("{secret:?}") };
            assert_eq!(told.len(), 1, "{secret:?} {told:?}");
            let told =
                told[0].strip_prefix("KAFKA_PROPERTIES: ").and_then(|told| told.strip_suffix(&format!(" ({ESCAPES})")));
            let told = told.unwrap();
            let places = ["property 2 is none that librdkafka has", "sasl.password begins or ends with a space"];
            assert!(places.contains(&told) || told == "sasl.password is followed by a stray comma", "{told}");
        }
        let mut check = Check::default();
        assert_eq!(check.properties("KAFKA_PROPERTIES", "s3cret"), []);
        assert_eq!(check.0, ["KAFKA_PROPERTIES: expected a=b,c=d"]);
    }

    #[test]
    fn spaces_and_stray_commas_do_no_harm_where_nothing_is_secret() {
        let mut check = Check::default();
        let text = " linger.ms = 7 ,, debug=broker, topic ,\n client.id=a,";
        let taken = [("linger.ms", "7"), ("debug", "broker, topic"), ("client.id", "a")];
        let taken = taken.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!((check.properties("KAFKA_PROPERTIES", text), check.0), (taken.to_vec(), vec![]));
    }

    #[test]
    fn a_file_has_one_property_a_line_with_its_value_as_it_stands() {
        for secret in ["ab,c=d", " x ", "x,", "a\\b", "a\\,b", "#", "비밀=", "", "a\tb"] {
            let lines = format!("# TLS\n\nsecurity.protocol=SASL_SSL\r\n sasl.password={secret}\nlinger.ms=7");
            assert_eq!(in_file(&lines).as_deref(), Ok(secret));
        }
    }

    #[test]
    fn what_is_wrong_with_a_files_line_is_told_by_its_number() {
        let told = in_file("linger.ms=7\n\ns3cret\nsasl.passwort=s3cret\nsasl.password\n").unwrap_err();
        let lines = ["line 3 is not a=b", "line 4 is no property that librdkafka has", "line 5 is not a=b"];
        assert_eq!(told, lines.map(|line| format!("KAFKA_PROPERTIES: {line}")));
    }
}
