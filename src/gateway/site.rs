//! Pages of other sites that make a browser ask without a word of their own: a picture, a script or a frame has no
//! `Origin`. Browsers say in `Sec-Fetch-*` that it is another site which asks.

use axum::http::{HeaderMap, Method, header};

const SITE: &str = "sec-fetch-site";
const MODE: &str = "sec-fetch-mode";
const DESTINATION: &str = "sec-fetch-dest";

/// Whether a page of another site asks that may not. `has_friends`: some other origins may; those have an `Origin` where
/// they call, which is judged by itself, and none where they lead a member to a document.
pub fn is_of_another(method: &Method, path: &str, headers: &HeaderMap, has_friends: bool) -> bool {
    let says = |name: &str, value: &str| {
        let mut said = headers.get_all(name).iter();
        said.any(|said| said.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
    };
    let is_foreign = says(SITE, "cross-site") || says(SITE, "same-site");
    if !is_foreign || headers.contains_key(header::ORIGIN) {
        return false;
    }
    let opens = method == Method::GET && says(MODE, "navigate") && says(DESTINATION, "document");
    let may_be_opened = path == "/" || (has_friends && path.starts_with("/documents/"));
    !(opens && may_be_opened)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn refused(path: &str, headers: &[(&'static str, &'static str)], has_friends: bool) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_of_another(&Method::GET, path, &headers.collect(), has_friends)
    }

    const PICTURE: [(&str, &str); 3] =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    const LINK: [(&str, &str); 3] =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

    #[test]
    fn another_sites_page_opens_the_page_and_nothing_else() {
        assert!(!refused("/", &LINK, false));
        for path in ["/", "/api/v1/sse/subscribe", "/documents/a.docx", "/page/page.js", "/old"] {
            assert!(refused(path, &PICTURE, true), "{path}");
            assert!(path == "/" || refused(path, &LINK, false), "{path}");
        }
        let frame = [LINK[0], LINK[1], ("sec-fetch-dest", "iframe")];
        assert!(refused("/", &frame, true) && refused("/", &[("sec-fetch-site", "same-site")], false));
        let link: HeaderMap =
            LINK.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
        assert!(is_of_another(&Method::POST, "/", &link, true));
    }

    #[test]
    fn pages_of_allowed_origins_lead_to_documents_and_are_judged_by_their_origin_otherwise() {
        assert!(!refused("/documents/a.docx", &LINK, true));
        let call = [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors"), ("origin", "https://www.example.com")];
        assert!(!refused("/api/v1/sse/subscribe", &call, true));
    }

    #[test]
    fn our_own_page_people_and_programs_are_let_by() {
        for site in ["same-origin", "none"] {
            assert!(!refused("/api/v1/sse/subscribe", &[("sec-fetch-site", site)], false), "{site}");
        }
        assert!(!refused("/api/v1/sse/subscribe", &[], false));
    }

    #[test]
    fn of_two_words_the_foreign_one_counts() {
        let mut headers = HeaderMap::new();
        headers.append(SITE, HeaderValue::from_static("none"));
        headers.append(SITE, HeaderValue::from_static("Cross-Site"));
        assert!(is_of_another(&Method::GET, "/", &headers, false));
    }
}
