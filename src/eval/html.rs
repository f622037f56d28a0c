//! The report as a page for people: one file that asks nobody for anything, with every raw reply beside what a member would
//! read, and a place for their marks. A reply is text here, whatever it says.

use std::fmt::{self, Display, Formatter, Write as _};

use uuid::Uuid;

use crate::eval::baseline::Change;
use crate::eval::check::{Check, Kind};
use crate::eval::judge::{Against, Marks};
use crate::eval::recording::Call;
use crate::eval::report::{Item, Report, tallies};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Text within a page: nothing of it is markup, and what nobody sees is shown.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(c),
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{AD}' => {
                write!(f, "[U+{:04X}]", u32::from(c))
            }
            c if c.is_control() => write!(f, "[U+{:04X}]", u32::from(c)),
            c => f.write_char(c),
        })
    }
}

/// The whole page.
pub fn page(report: &Report, changes: Option<&[Change]>) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, report, changes);
    page
}

fn write_page(page: &mut String, report: &Report, changes: Option<&[Change]>) -> fmt::Result {
    // Only the script of the page itself runs.
    let nonce = Uuid::new_v4();
    let model = report.setup.model.as_deref().unwrap_or("?");
    write!(
        page,
        "<!doctype html>\n<html lang=\"ko\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'\">\
         <title>평가 보고서: {}</title><style>{STYLE}</style></head>\n<body data-began=\"{}\" data-model=\"{}\">",
        Text(model),
        Text(&report.began),
        Text(model)
    )?;
    writeln!(page, "<h1>평가 보고서: {}</h1>", Text(model))?;
    writeln!(
        page,
        "<p>{} 시작, {:.0}초 걸림, {}건. 점검은 프로그램이 볼 수 있는 것만 봅니다. 내용이 옳은지는 읽는 사람이 판단합니다.</p>",
        Text(&report.began),
        report.figures.seconds,
        report.items.len()
    )?;
    if report.left_out > 0 {
        writeln!(page, "<p class=bad>중단되어 {}건은 묻지 않았습니다.</p>", report.left_out)?;
    }
    figures(page, report)?;
    checks(page, report, changes)?;
    navigation(page)?;
    for item in &report.items {
        article(page, item)?;
    }
    writeln!(page, "<script nonce=\"{nonce}\">{SCRIPT}</script></body></html>")
}

fn figures(page: &mut String, report: &Report) -> fmt::Result {
    let figures = &report.figures;
    page.push_str("<h2>걸린 시간과 토큰</h2><table><tr><th>종류<th class=number>요청<th class=number>중앙값<th class=number>p99<th class=number>제한 초과</tr>");
    for (kind, times) in &figures.times {
        write!(
            page,
            "<tr><td>{}<td class=number>{}<td class=number>{:.1}초<td class=number>{:.1}초<td class=number>{}</tr>",
            korean(*kind),
            times.requests,
            seconds(times.median),
            seconds(times.p99),
            times.too_late
        )?;
    }
    write!(
        page,
        "</table><p>호출 {}번(실패 {}번), 프롬프트 {}토큰, 응답 {}토큰",
        figures.calls, figures.failed_calls, figures.prompt_tokens, figures.reply_tokens
    )?;
    if let Some(cached) = figures.cached {
        write!(page, ", 프롬프트의 {:.1}%가 서버에 캐시되어 있었음", cached * 100.0)?;
    }
    writeln!(page, "</p>")
}

fn checks(page: &mut String, report: &Report, changes: Option<&[Change]>) -> fmt::Result {
    page.push_str("<h2>점검</h2><table><tr><th>종류<th>점검<th class=number>통과<th class=number>%");
    page.push_str(if changes.is_some() { "<th>이전보다</tr>" } else { "</tr>" });
    for ((kind, check), tally) in tallies(&report.items) {
        write!(
            page,
            "<tr><td>{}<td>{}<td class=number>{} / {}<td class=number>{:.1}",
            korean(kind),
            check.korean(),
            tally.held,
            tally.of,
            percent(tally.held, tally.of)
        )?;
        let change = changes.into_iter().flatten().find(|change| (change.kind, change.check) == (kind, check));
        if let Some(change) = change {
            let class = if change.fell { " class=fell" } else { "" };
            let told = if change.fell { ": 나빠짐" } else { "" };
            match (change.better.len(), change.worse.len()) {
                (0, 0) => page.push_str("<td class=small>같음"),
                (better, worse) => {
                    write!(page, "<td{class}>나아짐 {better}, 나빠짐 {worse} (p {:.3}){told}", change.p)?;
                }
            }
        }
        page.push_str("</tr>");
    }
    writeln!(page, "</table>")
}

fn navigation(page: &mut String) -> fmt::Result {
    page.push_str(
        "<h2>응답</h2><nav><label>보기 <select id=filter><option value=\"\">모두<option value=\"fault=yes\">걸린 것만",
    );
    for kind in [Kind::Feedback, Kind::Question, Kind::Resume] {
        write!(page, "<option value=\"kind={}\">{}", kind.name(), korean(kind))?;
    }
    for check in Check::ALL {
        write!(page, "<option value=\"fallen={}\">걸림: {}", check.name(), check.korean())?;
    }
    writeln!(
        page,
        "</select></label><span id=count></span>\
         <label>읽은 사람 <input id=reader type=text size=12></label><button id=save>채점 저장(JSON)</button></nav>"
    )
}

fn article(page: &mut String, item: &Item) -> fmt::Result {
    let fallen: Vec<&str> =
        item.findings.iter().filter(|finding| !finding.holds).map(|finding| finding.check.name()).collect();
    write!(
        page,
        "<article data-id=\"{}\" data-kind=\"{}\" data-fault=\"{}\" data-fallen=\"{}\"><header><h3>{} {}</h3>\
         <span class=small>{:.1}초</span>",
        Text(&item.id),
        item.kind.name(),
        if fallen.is_empty() { "no" } else { "yes" },
        fallen.join(" "),
        korean(item.kind),
        Text(&item.id),
        seconds(item.millis)
    )?;
    // Who marks a feedback has to read what it is about; an interview is long.
    let open = if item.kind == Kind::Feedback { " open" } else { "" };
    write!(page, "</header><details{open}><summary>주어진 것</summary>")?;
    for (name, text) in &item.about.given {
        write!(page, "<b>{}</b><pre>{}</pre>", Text(name), Text(text))?;
    }
    if !item.about.wanted.is_empty() {
        write!(page, "<b>짚을 점</b><pre>{}</pre>", Text(&item.about.wanted.join("\n")))?;
    }
    write!(page, "<p class=small>{}</p></details>", Text(&item.about.note))?;
    page.push_str("<div class=beside><div><b>모델의 원문</b>");
    item.calls.iter().try_for_each(|call| raw(page, call))?;
    page.push_str("</div><div><b>회원이 읽는 글</b>");
    match (&item.read, &item.failure) {
        (Some(read), _) => write!(page, "<pre>{}</pre>", Text(read))?,
        (None, Some(failure)) => write!(page, "<p class=bad>{}</p>", Text(failure))?,
        (None, None) => page.push_str("<p class=small>없음</p>"),
    }
    if let Some(document) = &item.document {
        write!(page, "<p class=small>문서: {}</p>", Text(document))?;
    }
    page.push_str("</div></div><ul>");
    for finding in item.findings.iter().filter(|finding| !finding.holds) {
        let reason = finding.reason.as_deref().unwrap_or_default();
        write!(page, "<li class=bad>{}: {}</li>", finding.check.korean(), Text(reason))?;
    }
    page.push_str("</ul>");
    opinion(page, item)?;
    if item.read.is_some() {
        marks(page, item)?;
    }
    writeln!(page, "</article>")
}

fn raw(page: &mut String, call: &Call) -> fmt::Result {
    let tokens = |tokens: Option<u64>| tokens.map_or("?".to_owned(), |tokens| tokens.to_string());
    write!(
        page,
        "<p class=small>{}번째 요청, {:.1}초, 토큰 {} + {}{}</p>",
        call.prompt,
        seconds(call.millis),
        tokens(call.prompt_tokens),
        tokens(call.reply_tokens),
        if call.truncated { ", 잘림" } else { "" }
    )?;
    match (&call.raw, &call.fault) {
        (Some(raw), _) => write!(page, "<pre>{}</pre>", Text(raw)),
        (None, fault) => write!(page, "<p class=bad>{}</p>", Text(fault.as_deref().unwrap_or_default())),
    }
}

fn opinion(page: &mut String, item: &Item) -> fmt::Result {
    let Some(opinion) = &item.opinion else { return Ok(()) };
    if let Some(Marks { core, mistakes, advice }) = &opinion.marks {
        for (name, mark) in [("핵심 판단", core), ("틀린 점·빠진 점", mistakes), ("개선 방법", advice)] {
            write!(page, "<p class=small>심사 모델: {name} {}점. {}</p>", mark.mark, Text(&mark.reason))?;
        }
    }
    let against = match opinion.against {
        Some(Against::Better) => "이전보다 나음",
        Some(Against::Worse) => "이전보다 못함",
        Some(Against::Same) => "이전과 같음",
        Some(Against::Disagreement) => "순서를 바꾸면 판단이 달라짐",
        None => return Ok(()),
    };
    write!(page, "<p class=small>심사 모델: {against}</p>")
}

fn marks(page: &mut String, item: &Item) -> fmt::Result {
    page.push_str("<div class=marks><span>내 점수</span>");
    for mark in 1..=5 {
        let name = format!("{} {}", item.kind.name(), item.id);
        write!(page, "<label><input type=radio name=\"{}\" value={mark}>{mark}</label>", Text(&name))?;
    }
    page.push_str("<input type=text placeholder=\"한마디\" aria-label=\"한마디\"></div>");
    Ok(())
}

fn korean(kind: Kind) -> &'static str {
    match kind {
        Kind::Feedback => "피드백",
        Kind::Question => "질문",
        Kind::Resume => "이력서",
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// A share, in percent.
pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::check::Finding;
    use crate::eval::report::{About, FORMAT, Figures, Setup};

    fn report(text: &str) -> Report {
        let call = Call {
            prompt: 1,
            raw: Some(text.to_owned()),
            truncated: false,
            fault: None,
            prompt_tokens: Some(9),
            reply_tokens: None,
            millis: 1_500,
            first_token_millis: Some(200),
        };
        let item = Item {
            id: text.to_owned(),
            kind: Kind::Feedback,
            about: About { given: vec![("질문".to_owned(), text.to_owned())], ..About::default() },
            read: Some(text.to_owned()),
            failure: None,
            document: None,
            millis: 1_500,
            calls: vec![call],
            findings: vec![Finding::of(Check::Points, Some(text.to_owned()))],
            opinion: None,
        };
        let setup = Setup {
            model: Some(text.to_owned()),
            judge: None,
            cases: String::new(),
            only: Vec::new(),
            at_once: 1,
            limit_seconds: 1,
            deadline_seconds: 1,
        };
        let figures = Figures::of(std::slice::from_ref(&item), 1.0, None, 1);
        let (version, began) = (String::new(), text.to_owned());
        Report { format: FORMAT, version, began, setup, figures, left_out: 0, items: vec![item] }
    }

    #[test]
    fn what_a_model_says_is_text_wherever_it_stands() {
        let evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='x' &\u{202E}";
        let page = page(&report(evil), None);
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        let left = page.replace(SCRIPT, "").replace(STYLE, "");
        assert_eq!(left.matches("<script").count(), 1, "the page's own");
        assert!(!left.contains("<img") && !left.contains("\" onclick") && !left.contains('\u{202E}'));
        assert!(left.contains("[U+202E]"));
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        let page = page(&report("좋습니다."), None);
        assert!(page.contains("default-src 'none'"));
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    }
}
