use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn hidden(text: &str) -> String {
    Masks::default().hide(text).into_owned()
}

#[test]
fn what_says_who_somebody_is_is_hidden_however_it_is_written() {
    for (text, expected) in [
        // Resident numbers, and foreigners'.
        ("주민번호는 990101-1234567입니다.", "주민번호는 [주민등록번호]입니다."),
        ("9901011234567", "[주민등록번호]"),
        ("050131 - 4123456", "[주민등록번호]"),
        ("990101 2345678", "[주민등록번호]"),
        ("990101–1******", "[주민등록번호]"),
        ("990101-2XXXXXX", "[주민등록번호]"),
        ("９９０１０１－１２３４５６７", "[주민등록번호]"),
        ("123456-1234567", "[주민등록번호]"),
        ("외국인등록번호 900315-5123456", "외국인등록번호 [외국인등록번호]"),
        ("9003157123456은 제 번호", "9003157123456은 제 번호"),
        ("0503157123456은 제 번호", "[외국인등록번호]은 제 번호"),
        // Phones.
        ("010-1234-5678로 연락 주세요", "[전화번호]로 연락 주세요"),
        ("01012345678", "[전화번호]"),
        ("010 1234 5678", "[전화번호]"),
        ("010.1234.5678", "[전화번호]"),
        ("010 - 1234 - 5678", "[전화번호]"),
        ("(010) 1234-5678", "[전화번호]"),
        ("010)1234-5678", "[전화번호]"),
        ("0101234-5678", "[전화번호]"),
        ("010-12345678", "[전화번호]"),
        ("０１０－１２３４－５６７８", "[전화번호]"),
        ("𝟎𝟏𝟎-𝟏𝟐𝟑𝟒-𝟓𝟔𝟕𝟖", "[전화번호]"),
        ("010‑1234‑5678", "[전화번호]"),
        ("010\u{a0}1234\u{3000}5678", "[전화번호]"),
        ("011-234-5678, 019-9876-5432", "[전화번호], [전화번호 2]"),
        ("tel:01012345678/01087654321", "tel:[전화번호]/[전화번호 2]"),
        ("HP010-1234-5678", "HP[전화번호]"),
        ("1. 010-1234-5678", "1. [전화번호]"),
        ("2.010-1234-5678", "2.[전화번호]"),
        ("+82 10-1234-5678", "[전화번호]"),
        ("+82-10-1234-5678", "[전화번호]"),
        ("+821012345678", "[전화번호]"),
        ("+82 (0)10-1234-5678", "[전화번호]"),
        ("82-10-1234-5678", "[전화번호]"),
        ("821012345678", "[전화번호]"),
        ("0082 10 1234 5678", "[전화번호]"),
        ("+82-2-123-4567", "[전화번호]"),
        ("＋８２ １０ １２３４ ５６７８", "[전화번호]"),
        ("+1 650-555-1234", "[전화번호]"),
        ("02-123-4567", "[전화번호]"),
        ("02-1234-5678", "[전화번호]"),
        ("(02) 123-4567", "[전화번호]"),
        ("02)123-4567", "[전화번호]"),
        ("0212345678", "[전화번호]"),
        ("031-123-4567 / 064-1234-5678", "[전화번호] / [전화번호 2]"),
        ("070-1234-5678", "[전화번호]"),
        ("회사는 02-123-4567. 010-1234-5678은 제 것입니다.", "회사는 [전화번호]. [전화번호 2]은 제 것입니다."),
        ("0507-1234-5678", "[전화번호]"),
        // Addresses.
        ("hong@example.kr", "[이메일]"),
        ("메일은 hong.gil-dong+1@mail.example.co.kr입니다.", "메일은 [이메일]입니다."),
        ("이메일:hong@example.com.", "이메일:[이메일]."),
        ("-hong@naver.com", "-[이메일]"),
        ("<hong_1@naver.com>,kim@daum.net", "<[이메일]>,[이메일 2]"),
        ("ｈｏｎｇ＠ｎａｖｅｒ．ｃｏｍ", "[이메일]"),
        ("hong @ naver.com", "[이메일]"),
        ("홍길동@회사.com", "[이메일]"),
        ("01012345678@naver.com", "[이메일]"),
        ("mailto:hong@example.io)", "mailto:[이메일])"),
        // Cards and passports.
        ("4111-1111-1111-1111", "[카드번호]"),
        ("4111 1111 1111 1111", "[카드번호]"),
        ("4111111111111111", "[카드번호]"),
        ("9410-1234-5678-9012", "[카드번호]"),
        ("3782 822463 10005", "[카드번호]"),
        ("여권번호 M12345678", "여권번호 [여권번호]"),
        ("Passport No. S12345678", "Passport No. [여권번호]"),
        ("M123A4567", "[여권번호]"),
        // The same is the same, and all at once.
        ("a@b.kr, 010-1234-5678, a@b.kr", "[이메일], [전화번호], [이메일]"),
    ] {
        assert_eq!(hidden(text), expected, "{text}");
    }
}

#[test]
fn ordinary_numbers_and_signs_stay_as_they_are() {
    for text in [
        "2019-2023, 2019-2023년, 2019~2023, 2019.03-2023.12, 2019.03 ~ 2023.12",
        "2024-01-15, 2024.01.15, 24/01/15, 2024년 1월 15일, 20240115-20241231, 20240115",
        "2024-02-12T09:30:15.123+09:00, 09:30:15, 02-12-2024, 2019 2020 2021 2022",
        "1,000,000원, 10,000,000원, 1000000원, 500000-1000000원, 100-200ms, 3.14, 0.01012345678, 1e400",
        "v1.2.3, 10.0.2.15, 192.168.010.001, 1.10.0-rc.2, node@18.2.0, react@18.2.0, Java 17, Python 3.12.1",
        "problemId 42, 문제 1012345678, 주문번호 2024011500012, 이슈 #10123, PR-1024, RFC 9110, JIRA-12345",
        "1701234567890, 1712345678901, 1764201600000, 1700000000000000, 1234567890123456789",
        "550e8400-e29b-41d4-a716-446655440000, 12345678-1234-1234-1234-123456789012",
        "8080, 127.0.0.1:8080, 3306/tcp, HTTP 404, 99.9%, p99 120ms, 64GB, 12개월, 3-4년, 1-2-3",
        "01010101, 01010101010, 0101 0101 010, 2의 10제곱은 1024, 0x1012345678, 1/3, 24시간 365일",
        "계좌 123-456-789012, 사업자번호 123-45-67890, 1588-1234, 114, 우편번호 06236",
        "@Transactional, @Autowired, @org.junit.Test, @types/node, a @ b, user@host, kafka@, @naver, 골뱅이@",
        "method @org.junit.jupiter.api.Test, array[i], 이메일, 전화번호, O(n log n), C++11-14-17, R20231115, M12345678",
        "991301-10, 주문번호 1990101-10000001, 202311-0001234, 1:1, 4-4-2, 16-16-16-16, 2021-2022-2023-2024",
        "",
    ] {
        assert_eq!(hidden(text), text);
    }
}

#[test]
fn a_reply_gets_back_what_was_hidden_and_no_number_that_it_does_not_need() {
    let mut masks = Masks::default();
    masks.hide("010-1234-5678, 010-8765-4321, hong@example.kr, 990101-1234567, 4111-1111-1111-1111");
    for (reply, whole) in [
        ("[전화번호]로 연락", "010-1234-5678로 연락"),
        ("[전화번호 2], [전화번호2], [ 전화번호  2 ]", "010-8765-4321, 010-8765-4321, 010-8765-4321"),
        ("\\[이메일\\], ［이메일］", "hong@example.kr, hong@example.kr"),
        (
            r#"{"question": "\\[이메일\\]은 [이메일]인가요?"}"#,
            r#"{"question": "hong@example.kr은 hong@example.kr인가요?"}"#,
        ),
        ("[주민등록번호]와 [카드번호]는 빼세요.", "주민등록번호와 카드번호는 빼세요."),
        ("[전화번호 7]", "전화번호"),
        ("[여권번호], [회사명], [전화], [전화번호], [", "[여권번호], [회사명], [전화], 010-1234-5678, ["),
        ("[전화번호", "[전화번호"),
        ("[[이메일]]", "[hong@example.kr]"),
    ] {
        assert_eq!(masks.put_back(reply), whole);
    }
}

#[test]
fn what_members_write_in_the_form_of_a_placeholder_stays_theirs() {
    let mut masks = Masks::default();
    let hidden = masks.hide("[전화번호]와 [전화번호 3] 자리에 010-1234-5678, 010-1111-2222를 씁니다.").into_owned();
    assert_eq!(hidden, "[전화번호]와 [전화번호 3] 자리에 [전화번호 2], [전화번호 4]를 씁니다.");
    assert_eq!(masks.put_back("[전화번호] [전화번호 2] [전화번호 4]"), "[전화번호] 010-1234-5678 010-1111-2222");
}

#[test]
fn half_a_placeholder_at_the_end_of_a_reply_is_dropped() {
    for (reply, whole) in [
        ("연락처는 [전화", "연락처는 "),
        ("연락처는 \\[전화번호 2", "연락처는 "),
        ("연락처는 [", "연락처는 ["),
        ("배열 [1, 2", "배열 [1, 2"),
        ("[전화번호]", "[전화번호]"),
    ] {
        assert_eq!(restoring::without_half(reply), whole);
    }
}

#[test]
fn the_parts_of_an_ask_that_are_ours_stay_and_prompts_that_share_their_text_share_it_still() {
    let prompt = |text: &Arc<str>| Prompt { preamble: crate::llm::Preamble::kept([]), text: text.clone() };
    let (own, other): (Arc<str>, Arc<str>) = ("<답변>\n010-1234-5678\n</답변>".into(), "짧게: 010-1234-5678".into());
    let ask = |prompts| Ask { flow: None, prompts, temperature: 0.7, max_tokens: 1, min_tokens: 1, schema: None };
    let plain = ask(vec![prompt(&"캐시는 사본입니다.".into())]);
    assert!(matches!(masked(&plain), (Cow::Borrowed(_), None)));
    let asked = ask(vec![prompt(&own), prompt(&own), prompt(&other)]);
    let (masked, masks) = masked(&asked);
    let texts: Vec<&str> = masked.prompts.iter().map(|prompt| &*prompt.text).collect();
    assert_eq!(texts, ["<답변>\n[전화번호]\n</답변>", "<답변>\n[전화번호]\n</답변>", "짧게: [전화번호]"]);
    assert!(Arc::ptr_eq(&masked.prompts[0].text, &masked.prompts[1].text) && masks.is_some());
}

#[test]
fn a_long_text_of_whatever_may_be_a_number_is_read_once() {
    let began = Instant::now();
    let numbers: String = (0..10_000).map(|n| format!("010-{:04}-{:04} ", n / 10_000 + 1_234, n % 10_000)).collect();
    for text in
        ["0", "01", "010-", "0 ", "+", "@", "a@", "a@b.", "(0", "[전화번호", "[", "\\", "990101-", "M1", "1-1-1 "]
            .map(|piece| piece.repeat((1 << 17) / piece.len()))
            .into_iter()
            .chain([numbers])
    {
        let mut masks = Masks::default();
        let hidden = masks.hide(&text).into_owned();
        masks.put_back(&hidden);
    }
    // Seconds; half an hour where something is read again and again.
    assert!(began.elapsed() < Duration::from_secs(120));
}

/// Pieces that come back, so that a text with them is the same after the way there and back.
fn pieces() -> impl Strategy<Value = String> {
    let phone = ("01[016789]", "[-. ]?", "[2-9][0-9]{3}", "[-. ]?", "[0-9]{4}")
        .prop_map(|(a, b, c, d, e)| [a, b, c, d, e].concat());
    prop_oneof![
        phone,
        "02-[2-9][0-9]{2,3}-[0-9]{4}",
        "\\+82[- ]10-[2-9][0-9]{3}-[0-9]{4}",
        "[a-z][a-z0-9._]{0,8}[a-z]@[a-z]{2,8}\\.(com|co\\.kr|io)",
        "\\[(전화번호|이메일|카드번호)( [1-3])?\\]",
        "[가-힣 ,.()]{0,6}",
        "[0-9]{1,4}",
        "\\PC{0,6}",
    ]
}

proptest! {
    #[test]
    fn what_is_hidden_and_put_back_is_as_it_was(pieces in prop::collection::vec(pieces(), 0..10)) {
        let text = pieces.join(" ");
        let mut masks = Masks::default();
        let hidden = masks.hide(&text).into_owned();
        let comes_back = masks.originals.values().all(Option::is_some);
        if comes_back {
            prop_assert_eq!(masks.put_back(&hidden), text.as_str());
        }
        // JSON in a reply stays JSON, whatever is put back into it.
        for original in masks.originals.values().flatten() {
            prop_assert!(!original.contains(['"', '\\']) && !original.contains(char::is_control));
        }
        let again = Masks::default().hide(&hidden).into_owned();
        prop_assert_eq!(again, hidden);
    }

    #[test]
    fn no_phone_or_address_or_resident_number_is_left(
        before in "[가-힣 ,:(]{0,4}", phone in "01[016789][-. ]?[2-9][0-9]{3}[-. ]?[0-9]{4}",
        address in "[a-z][a-z0-9]{0,8}@[a-z]{2,8}\\.(com|kr)", birth in "[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9])",
        serial in "[1-8][0-9]{6}", hyphen in "[-–－]| - | ", after in "[가-힣 ,)]{0,4}",
    ) {
        let text = format!("{before}{phone}{after} {before}{address}{after} {before}{birth}{hyphen}{serial}{after}");
        let hidden = hidden(&text);
        for secret in [phone.as_str(), address.as_str(), serial.as_str()] {
            prop_assert!(!hidden.contains(secret), "{}: {}", secret, hidden);
        }
    }

    #[test]
    fn a_reply_that_comes_in_pieces_is_the_same_as_one_that_comes_whole(
        pieces in prop::collection::vec(pieces(), 0..8), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut masks = Masks::default();
        masks.hide("010-1234-5678 010-8765-4321 hong@example.kr 990101-1234567");
        let (reply, masks) = (pieces.concat(), Arc::new(masks));
        let places: Vec<usize> = reply.char_indices().map(|(at, _)| at).chain([reply.len()]).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| places[cut.index(places.len())]).chain([0, reply.len()]).collect();
        cuts.sort_unstable();
        let mut restoring = Restoring::new(masks.clone());
        let heard: String = cuts.windows(2).map(|pair| restoring.push(reply.get(pair[0]..pair[1]).unwrap())).collect();
        prop_assert_eq!(masks.whole(&reply), heard + &restoring.rest());
    }
}
