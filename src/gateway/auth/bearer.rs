//! `Authorization: Bearer` (RFC 6750).

use axum::http::{HeaderMap, header};

/// What stands in a request's `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    None,
    Token(&'a str),
    /// Something else, or several.
    Other,
}

/// Reads it.
pub fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (all.next(), all.next());
    let Some(first) = first else { return Bearer::None };
    let text = first.to_str().ok().filter(|_| second.is_none());
    let parts = text.and_then(|text| text.trim().split_once(' '));
    match parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        Some((_, token)) => Bearer::Token(token.trim()),
        None => Bearer::Other,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn one_bearer_token_is_read_and_anything_else_is_something_else() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            match bearer(&headers) {
                Bearer::Token(token) => format!("token {token}"),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(read(&[]), "None");
        assert_eq!((read(&["Bearer a.b"]), read(&["bearer  a.b "])), ("token a.b".to_owned(), "token a.b".to_owned()));
        for other in [&["Basic YTpi"][..], &["Bearer"], &[""], &["Bearer a", "Bearer a"]] {
            assert_eq!(read(other), "Other", "{other:?}");
        }
    }
}
