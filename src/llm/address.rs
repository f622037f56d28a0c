//! Where an API may be, by the address that a person gave. Pure.

use url::Url;

/// The bases at which it may be, the likelier ones first: with its version and without, or whatever else its path ends in.
pub fn bases(given: &Url) -> Vec<Url> {
    let url = trimmed(given);
    let versioned = below(&url, &["v1"]);
    match version_of(&url) {
        Some("v1") => vec![url],
        Some(_) => vec![url, versioned],
        None => vec![versioned, url],
    }
}

/// What has no version, such as vLLM's own paths, is below this.
pub fn root(given: &Url) -> Url {
    let mut url = trimmed(given);
    if let Some(version) = version_of(&url) {
        let path = url.path().strip_suffix(version).unwrap_or_default().trim_end_matches('/').to_owned();
        url.set_path(&path);
    }
    url
}

/// `base` with more path segments.
pub fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Without empty segments, and without the path of a call: some give the whole address of what is called.
fn trimmed(given: &Url) -> Url {
    let mut url = given.clone();
    let path: Vec<&str> = given.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let path = path.join("/");
    url.set_path(path.strip_suffix("chat/completions").unwrap_or(&path).trim_end_matches('/'));
    url
}

/// The last segment, where it is a version: `v1`, `v4`, `v1beta`.
fn version_of(url: &Url) -> Option<&str> {
    let last = url.path().rsplit('/').next()?;
    last.strip_prefix('v')?.starts_with(|c: char| c.is_ascii_digit()).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse(&format!("http://gpu:8001{path}")).unwrap()
    }

    fn paths(given: &str) -> Vec<String> {
        bases(&url(given)).iter().map(|base| base.path().to_owned()).collect()
    }

    #[test]
    fn an_api_is_below_its_version_or_at_the_address_itself() {
        for (given, expected) in [
            ("", &["/v1", "/"][..]),
            ("/", &["/v1", "/"]),
            ("/v1", &["/v1"]),
            ("/v1/", &["/v1"]),
            ("//v1//", &["/v1"]),
            ("/llm", &["/llm/v1", "/llm"]),
            ("/llm/v1/", &["/llm/v1"]),
            ("/api/v3", &["/api/v3", "/api/v3/v1"]),
            ("/v1/chat/completions", &["/v1"]),
            ("/vllm", &["/vllm/v1", "/vllm"]),
            ("/v1beta/openai/", &["/v1beta/openai/v1", "/v1beta/openai"]),
        ] {
            assert_eq!(paths(given), expected, "{given}");
        }
    }

    #[test]
    fn a_query_stays_where_it_is() {
        let base = bases(&url("/deployments/aya?api-version=1")).remove(1);
        assert_eq!(below(&base, &["models"]), url("/deployments/aya/models?api-version=1"));
    }

    #[test]
    fn what_has_no_version_is_beside_it() {
        for (given, expected) in [("/v1", "/"), ("/llm/v1/", "/llm"), ("/llm", "/llm"), ("/api/v3", "/api"), ("", "/")]
        {
            assert_eq!(root(&url(given)).path(), expected, "{given}");
        }
    }

    #[test]
    fn paths_go_below_the_base_with_and_without_a_slash() {
        for base in ["/v1", "/v1/"] {
            assert_eq!(below(&url(base), &["chat", "completions"]), url("/v1/chat/completions"));
        }
    }
}
