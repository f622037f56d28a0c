use super::*;

#[test]
fn only_web_and_mail_addresses_are_linked() {
    assert_eq!(
        allowed("https://github.com/한글?q=a b").as_deref(),
        Some("https://github.com/%ED%95%9C%EA%B8%80?q=a%20b")
    );
    assert_eq!(allowed("mailto:a@b.kr").as_deref(), Some("mailto:a@b.kr"));
    for address in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "github.com/a",
        "https://",
        "mailto:x",
        "mailto:a@b.kr?bcc=c@d.kr",
        "mailto:a@b.kr,c@d.kr",
        "https://bank.kr@evil.kr/",
        "https://bank.kr:443@evil.kr/",
        "\\\\server\\share",
    ] {
        assert_eq!(allowed(address), None, "{address}");
    }
    assert_eq!(allowed(&format!("https://a.kr/{}", "x".repeat(MAX_URL_BYTES))), None);
}

#[test]
fn an_address_in_a_sentence_ends_before_punctuation_and_particles() {
    assert_eq!(find_address("(https://a.kr/b_c), 끝"), Some(("(", "https://a.kr/b_c", "), 끝")));
    assert_eq!(find_address("주소는 http://a.kr/b에서"), Some(("주소는 ", "http://a.kr/b", "에서")));
    assert_eq!(find_address("https://로 시작하는 https://a.kr."), Some(("https://로 시작하는 ", "https://a.kr", ".")));
    assert_eq!(find_address("주소 없음"), None);
    for (text, address) in [
        ("https://velog.io/@hong/카프카-정리 를", "https://velog.io/@hong/카프카-정리"),
        ("(https://ko.wikipedia.org/wiki/A_(B))", "https://ko.wikipedia.org/wiki/A_(B)"),
        ("https://a.kr/에서 봅니다", "https://a.kr/"),
        ("https://a.kr/글/b를", "https://a.kr/글/b"),
        ("[https://a.kr/b]", "https://a.kr/b"),
        ("(보기: https://a.kr/(b).).", "https://a.kr/(b)"),
    ] {
        assert_eq!(find_address(text).map(|found| found.1), Some(address), "{text}");
    }
}

#[test]
fn a_link_whose_address_nobody_sees_leads_where_the_member_said() {
    let mut links = Links::given(["코드는 github.com/haneul/order 에.", "me@a.kr"].into_iter());
    for (url, seen, is_link) in [
        ("https://github.com/haneul/order", "코드", true),
        ("https://github.com/haneul/order/", "코드", true),
        ("https://github.com/haneul", "코드", false),
        ("https://evil.example/", "코드", false),
        ("https://evil.example/a", "evil.example/a", true),
        ("https://evil.example/", "github.com/haneul/order", false),
        ("mailto:me@a.kr", "메일", true),
        ("mailto:e@a.kr", "메일", false),
    ] {
        assert_eq!(links.add(url.to_owned(), seen).is_some(), is_link, "{url} {seen}");
    }
}
