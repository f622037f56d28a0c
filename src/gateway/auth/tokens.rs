//! Tokens of servers that may ask for any member.

use subtle::{Choice, ConstantTimeEq};

/// Shortest token, in characters: what `openssl rand -hex 16` writes.
const TOKEN_MIN: usize = 32;
/// Most tokens: one for each server that asks, and another while it is rotated.
const TOKENS_MAX: usize = 32;

/// The tokens that count now.
pub struct Tokens(Vec<String>);

impl Tokens {
    /// Reads one token a line.
    ///
    /// # Errors
    /// What is wrong, by the line's number and never by what stands there.
    pub fn read(text: &str) -> Result<Self, String> {
        let tokens: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        if tokens.is_empty() {
            return Err("it holds no token".to_owned());
        }
        if tokens.len() > TOKENS_MAX {
            return Err(format!("it holds more than {TOKENS_MAX} tokens"));
        }
        for (line, token) in (1..).zip(&tokens) {
            if token.len() < TOKEN_MIN {
                return Err(format!("line {line} is shorter than {TOKEN_MIN} characters"));
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("line {line} holds something else than visible ASCII characters"));
            }
        }
        Ok(Self(tokens))
    }

    /// Whether this is one of them; how long that takes tells nothing of how much of it is right.
    pub fn hold(&self, given: &str) -> bool {
        let nothing = Choice::from(0);
        self.0.iter().fold(nothing, |found, token| found | token.as_bytes().ct_eq(given.as_bytes())).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210+/=";

    #[test]
    fn each_line_is_a_token_to_the_letter() {
        let tokens = Tokens::read(&format!("{ONE}\r\n{OTHER}")).unwrap();
        assert!(tokens.hold(ONE) && tokens.hold(OTHER));
        for wrong in
            ["", ONE.trim_start_matches('0'), &format!("{ONE}0"), &ONE.to_uppercase(), &format!("{ONE}\n{OTHER}")]
        {
            assert!(!tokens.hold(wrong), "{wrong}");
        }
    }

    #[test]
    fn blank_short_and_unprintable_tokens_are_refused_by_their_line() {
        let wrong = |text: &str| Tokens::read(text).err().unwrap_or_default();
        assert_eq!(wrong(""), "it holds no token");
        assert_eq!(wrong("s3cret"), "line 1 is shorter than 32 characters");
        assert_eq!(wrong(&format!("{ONE}\n\n{OTHER}")), "line 2 is shorter than 32 characters");
        assert_eq!(wrong(&format!("{ONE} {OTHER}")), "line 1 holds something else than visible ASCII characters");
        assert_eq!(
            wrong(&format!("{ONE}\n{}", "비".repeat(32))),
            "line 2 holds something else than visible ASCII characters"
        );
        assert!(wrong(&[ONE; 33].join("\n")).contains("more than 32"));
    }
}
