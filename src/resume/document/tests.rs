use std::collections::HashSet;
use std::io::Read;

use docx_rs::{DocumentChild, Paragraph, ParagraphChild, Run, RunChild, TableCellContent, TableChild, TableRowChild};
use proptest::prelude::*;
use quick_xml::events::Event;
use time::macros::datetime;

use super::*;
use crate::events::request::{MajorType, PreferredJob};
use crate::resume::markdown::{clean, lay_out};
use crate::state::session;

fn inputs() -> ResumeInputs {
    ResumeInputs {
        email: "member@careerbee.kr".to_owned(),
        preferred_job: Some(PreferredJob::Backend),
        major_type: Some(MajorType::NonMajor),
        ..session::tests::inputs()
    }
}

fn render_markdown(markdown: &str) -> Vec<u8> {
    let answers = &["a.kr, https://a.kr/?x=1&y=2"];
    render(&Document { inputs: &inputs(), answers, markdown, created: datetime!(2026-11-22 19:00:01.5 +9) }).unwrap()
}

fn part(docx: &[u8], path: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    let mut file = archive.by_name(path).unwrap();
    assert_eq!(file.compression(), zip::CompressionMethod::Deflated);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

/// The document part between the facts and the section.
fn rendered(markdown: &str) -> String {
    let text = part(&render_markdown(markdown), "word/document.xml");
    let (_, text) = text.split_once("AfterTable").unwrap();
    let (_, text) = text.split_once("</w:p>").unwrap();
    text.split_once("<w:sectPr").unwrap().0.to_owned()
}

/// The text that a reader sees, paragraphs and breaks as line ends.
fn seen(xml: &str) -> String {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut seen = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Text(text) => seen.push_str(&text.decode().unwrap()),
            Event::GeneralRef(name) => seen.push_str(match &*name {
                b"amp" => "&",
                b"lt" => "<",
                b"gt" => ">",
                b"quot" => "\"",
                b"apos" => "'",
                other => panic!("reference {other:?}"),
            }),
            Event::Empty(tag) if tag.name().as_ref() == b"w:br" => seen.push('\n'),
            Event::Empty(tag) if tag.name().as_ref() == b"w:tab" => seen.push('\t'),
            Event::End(tag) if tag.name().as_ref() == b"w:p" => seen.push('\n'),
            Event::Eof => return seen,
            _ => {}
        }
    }
}

/// Fails where a part is not well-formed XML 1.0, where the schema of WordprocessingML does not allow what it holds, or
/// where an id that it names is missing or given twice.
pub fn check(docx: &[u8]) {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    for name in &names {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.chars().all(xml::is_xml_char), "{name}");
        if name.starts_with("word/") && name.ends_with(".xml") {
            assert_eq!(schema::violation(&text), None, "{name}");
        }
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut depth = 0_i32;
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) => {
                    depth += 1;
                    tag.attributes().for_each(|attribute| {
                        drop(attribute.unwrap().normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap())
                    });
                }
                Event::Empty(tag) => tag.attributes().for_each(|attribute| drop(attribute.unwrap())),
                Event::End(_) => depth -= 1,
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0, "{name}");
    }
    let text = part(docx, "word/document.xml");
    let ids = attributes(&text, "w14:paraId=\"");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    for (attribute, defined, path) in [
        ("r:id=\"", "Id=\"", "word/_rels/document.xml.rels"),
        ("w:numId w:val=\"", "w:num w:numId=\"", "word/numbering.xml"),
        ("w:pStyle w:val=\"", "w:styleId=\"", "word/styles.xml"),
        ("w:rStyle w:val=\"", "w:styleId=\"", "word/styles.xml"),
        ("w:tblStyle w:val=\"", "w:styleId=\"", "word/styles.xml"),
    ] {
        let known = part(docx, path);
        for id in attributes(&text, attribute) {
            assert!(known.contains(&format!("{defined}{id}\"")), "{attribute}{id} is not in {path}");
        }
    }
}

/// The values of an attribute that is given by the text in front of them.
fn attributes<'a>(xml: &'a str, attribute: &str) -> Vec<&'a str> {
    xml.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The document as another program reads it: each paragraph with its style, the level of its list, and what is bold in
/// stars.
fn read(docx: &[u8]) -> Vec<String> {
    let mut read = Vec::new();
    for child in docx_rs::read_docx(docx).unwrap().document.children {
        match child {
            DocumentChild::Paragraph(paragraph) => read.push(read_paragraph(&paragraph)),
            DocumentChild::Table(table) => {
                for TableChild::TableRow(row) in &table.rows {
                    let cells = row.cells.iter().flat_map(|TableRowChild::TableCell(cell)| &cell.children);
                    read.extend(cells.map(|content| match content {
                        TableCellContent::Paragraph(paragraph) => format!("| {}", read_paragraph(paragraph)),
                        other => panic!("{other:?}"),
                    }));
                }
            }
            other => panic!("{other:?}"),
        }
    }
    read
}

fn read_paragraph(paragraph: &Paragraph) -> String {
    let property = &paragraph.property;
    let style = property.style.as_ref().map_or("", |style| style.val.as_str());
    let level = property.numbering_property.as_ref().and_then(|list| list.level.as_ref()).map(|level| level.val);
    let text = paragraph.children.iter().map(|child| match child {
        ParagraphChild::Run(run) => read_run(run),
        ParagraphChild::Hyperlink(link) => {
            let runs = link.children.iter().map(|child| match child {
                ParagraphChild::Run(run) => read_run(run),
                other => panic!("{other:?}"),
            });
            format!("[{}]", runs.collect::<String>())
        }
        other => panic!("{other:?}"),
    });
    format!("{style}{}: {}", level.map_or(String::new(), |level| format!(" {level}")), text.collect::<String>())
}

fn read_run(run: &Run) -> String {
    let text = run.children.iter().map(|child| match child {
        RunChild::Text(text) => text.text.as_str(),
        RunChild::Break(_) => "\n",
        RunChild::Tab(_) => "\t",
        other => panic!("{other:?}"),
    });
    let text: String = text.collect();
    if run.run_property.bold.is_some() { format!("*{text}*") } else { text }
}

#[test]
fn another_program_reads_what_was_written() {
    let docx = render_markdown(
        "## 경력\n\n**주문(Order)**를 [맡았다](https://a.kr) `a < b`\n다음 줄\n\n- 하나\n  1. 둘\n\n| a | b |\n|---|---|\n| 1 | <2> |\n",
    );
    assert_eq!(
        read(&docx),
        [
            "Title: 이력서",
            "Subtitle: 백엔드",
            "Heading1: 기본 정보",
            "| TableHeading: 이메일",
            "| TableText: member@careerbee.kr",
            "| TableHeading: 희망 직무",
            "| TableText: 백엔드",
            "AfterTable: ",
            "Heading1: 경력",
            ": *주문(Order)*를 [맡았다] a < b\n다음 줄",
            "ListBullet 0: 하나",
            "ListNumber 1: 둘",
            "AfterTable: ",
            "| TableHeading: a",
            "| TableHeading: b",
            "| TableText: 1",
            "| TableText: <2>",
            "AfterTable: ",
        ]
    );
}

#[test]
fn title_and_facts_come_first_and_absent_facts_are_left_out() {
    let text = part(&render_markdown(""), "word/document.xml");
    assert_eq!(seen(&text), "이력서\n백엔드\n기본 정보\n이메일\nmember@careerbee.kr\n희망 직무\n백엔드\n\n");

    let inputs = ResumeInputs {
        major_type: Some(MajorType::Major),
        company_name: Some("카카오".to_owned()),
        position: Some("백엔드 개발자".to_owned()),
        work_period: 23,
        ..inputs()
    };
    let docx =
        render(&Document { inputs: &inputs, answers: &[], markdown: "", created: OffsetDateTime::UNIX_EPOCH }).unwrap();
    let text = seen(&part(&docx, "word/document.xml"));
    assert!(text.ends_with("최근 경력\n카카오 · 백엔드 개발자 · 1년 11개월\n전공 여부\n전공\n\n"), "{text}");

    let inputs = ResumeInputs { preferred_job: None, ..super::tests::inputs() };
    let docx =
        render(&Document { inputs: &inputs, answers: &[], markdown: "", created: OffsetDateTime::UNIX_EPOCH }).unwrap();
    assert_eq!(seen(&part(&docx, "word/document.xml")), "이력서\n기본 정보\n이메일\nmember@careerbee.kr\n\n");
}

#[test]
fn the_properties_name_title_language_and_time_and_nobody() {
    let core = part(&render_markdown(""), "docProps/core.xml");
    for property in
        ["<dc:title>이력서</dc:title>", "<dc:language>ko-KR</dc:language>", ">2026-11-22T10:00:01Z</dcterms:created>"]
    {
        assert!(core.contains(property), "{core}");
    }
    // They would outlast what the member takes off the page.
    assert!(!core.contains('@') && !core.contains("creator"), "{core}");
}

#[test]
fn heading_levels_are_never_skipped() {
    let text = rendered("### a\n\n##### b\n\n#### c\n\n## d\n\n### e\n\n# f\n\n- # in a list\n");
    assert_eq!(
        attributes(&text, "w:pStyle w:val=\""),
        ["Heading1", "Heading2", "Heading2", "Heading1", "Heading2", "Heading1", "ListBullet"]
    );
}

#[test]
fn the_styles_are_korean_and_their_headings_stay_with_the_text() {
    let styles = include_str!("template/styles.xml");
    assert_eq!(styles.matches("w:styleId=\"Normal\"").count(), 1);
    // Latin text is no Korean one: else it breaks within words, and is proofread as such.
    assert!(styles.contains("<w:lang w:val=\"en-US\" w:eastAsia=\"ko-KR\""));
    let normal = styles.split_once("w:styleId=\"Normal\"").unwrap().1.split_once("</w:style>").unwrap().0;
    for demand in ["<w:wordWrap/>", "<w:autoSpaceDE w:val=\"0\"/>", "<w:autoSpaceDN w:val=\"0\"/>"] {
        assert!(normal.contains(demand), "{demand}");
    }
    for heading in 1..=6 {
        let (_, style) = styles.split_once(&format!("w:styleId=\"Heading{heading}\"")).unwrap();
        let style = style.split_once("</w:style>").unwrap().0;
        let fonts = ["ascii", "hAnsi", "eastAsia", "cs"].map(|slot| format!("w:{slot}=\"맑은 고딕\"")).join(" ");
        for demand in [&*fonts, "<w:keepNext/>", "w:color w:val=\"2F5496\"", &format!("heading {heading}\"")] {
            assert!(style.contains(demand), "{heading}: {demand}");
        }
        assert_eq!(style.contains("<w:bottom w:val=\"single\""), heading == 1);
    }
}

#[test]
fn every_numbered_list_starts_anew_and_keeps_its_first_number() {
    let docx = render_markdown("1. a\n   1. b\n2. c\n\ntext\n\n7. d\n\n- e\n  - f\n");
    let text = part(&docx, "word/document.xml");
    let markers: Vec<(&str, &str)> = text
        .split("<w:numPr><w:ilvl w:val=\"")
        .skip(1)
        .map(|rest| {
            let mut values = rest.split('"');
            (values.next().unwrap(), values.nth(1).unwrap())
        })
        .collect();
    assert_eq!(markers, [("0", "2"), ("1", "3"), ("0", "2"), ("0", "4"), ("0", "1"), ("1", "1")]);
    let numbering = part(&docx, "word/numbering.xml");
    for (id, level, start) in [(2, 0, 1), (3, 1, 1), (4, 0, 7)] {
        let instance = format!(
            "<w:num w:numId=\"{id}\"><w:abstractNumId w:val=\"2\"/><w:lvlOverride w:ilvl=\"{level}\"><w:startOverride w:val=\"{start}\"/>"
        );
        assert!(numbering.contains(&instance), "{numbering}");
    }
}

#[test]
fn emphasis_and_code_are_runs_with_properties_in_schema_order() {
    let text = rendered("**b** *i* ~~s~~ `c` ***~~all~~*** [**link**](https://a.kr) **주문(Order)**를");
    for run in [
        "<w:rPr><w:b/><w:bCs/></w:rPr><w:t xml:space=\"preserve\">b<",
        "<w:rPr><w:i/><w:iCs/></w:rPr><w:t xml:space=\"preserve\">i<",
        "<w:rPr><w:strike/></w:rPr><w:t xml:space=\"preserve\">s<",
        "<w:rPr><w:rStyle w:val=\"InlineCode\"/></w:rPr><w:t xml:space=\"preserve\">c<",
        "<w:rPr><w:b/><w:bCs/><w:i/><w:iCs/><w:strike/></w:rPr><w:t xml:space=\"preserve\">all<",
        "<w:rPr><w:rStyle w:val=\"Hyperlink\"/><w:b/><w:bCs/></w:rPr><w:t xml:space=\"preserve\">link<",
        "<w:rPr><w:b/><w:bCs/></w:rPr><w:t xml:space=\"preserve\">주문(Order)<",
    ] {
        assert!(text.contains(run), "{run}\n{text}");
    }
}

#[test]
fn a_heading_names_who_and_what_and_its_period_stands_at_the_right() {
    let text = rendered(
        "# 경력\n\n## 카카오 | 백엔드 개발자 | 2022.03 ~ 2024.02\n\n가\n\n## **라인** (2021.01 ~ 2022.02)\n\n나\n",
    );
    for run in [
        "<w:t xml:space=\"preserve\">카카오</w:t>",
        "<w:rPr><w:rStyle w:val=\"EntryRole\"/><w:b w:val=\"0\"/><w:bCs w:val=\"0\"/></w:rPr><w:t xml:space=\"preserve\"> | 백엔드 개발자</w:t>",
        "<w:rPr><w:rStyle w:val=\"EntryPeriod\"/><w:b w:val=\"0\"/><w:bCs w:val=\"0\"/></w:rPr><w:tab/><w:t xml:space=\"preserve\">2022.03 ~ 2024.02</w:t>",
        "<w:tab/><w:t xml:space=\"preserve\">2021.01 ~ 2022.02</w:t>",
    ] {
        assert!(text.contains(run), "{run}\n{text}");
    }
}

#[test]
fn each_page_but_the_first_says_whose_it_is_and_which() {
    let docx = render_markdown("가");
    let footer = part(&docx, "word/footer.xml");
    assert!(
        footer.contains("member@careerbee.kr · 백엔드 이력서")
            && footer.contains(" PAGE ")
            && footer.contains(" NUMPAGES ")
    );
    let text = part(&docx, "word/document.xml");
    assert!(text.contains("<w:footerReference w:type=\"default\" r:id=\"footer\"/>") && text.contains("<w:titlePg/>"));
    assert!(part(&docx, "[Content_Types].xml").contains("/word/footer.xml"));
}

#[test]
fn a_wide_table_breaks_no_word() {
    let six = "| 데이터베이스 | 기간 | 인원 | 프레임워크 | 자격 | 비고 |\n|---|---|---|---|---|---|\n\
        | PostgreSQL | 2022.03 | 5명 | SpringWebFlux | Professional | 없음 |\n";
    let text = rendered(six);
    assert!(text.contains("TableTextSmall") || text.contains("\"TableText\""));
    let seven = "|a|b|c|d|e|f|g|\n|---|---|---|---|---|---|---|\n|1|2|3|4|5|6||\n|7|8|9|10|11|12|13|\n";
    let text = rendered(seven);
    assert_eq!(text.matches("<w:tbl>").count(), 2);
    assert_eq!(seen(&text), "a\n1\nb\n2\nc\n3\nd\n4\ne\n5\nf\n6\n\na\n7\nb\n8\nc\n9\nd\n10\ne\n11\nf\n12\ng\n13\n\n");
    assert_eq!(text.matches("<w:tr>").count(), text.matches("<w:cantSplit/>").count());
}

#[test]
fn what_is_indented_is_no_code() {
    let text = rendered("가\n\n    2019.11 - 2020.03\n    나\n");
    assert!(!text.contains("CodeBlock") && seen(&text).contains("2019.11 - 2020.03\n나"));
}

#[test]
fn nothing_hides_or_turns_text_around() {
    assert_eq!(
        seen(&rendered("가\u{202E}나\u{200B}다\u{2066}라\u{3164}마\u{AD}바 \u{1F468}\u{200D}\u{1F4BB}")),
        "가나다라마바 \u{1F468}\u{200D}\u{1F4BB}\n"
    );
}

#[test]
fn periods_with_tildes_are_not_struck_through() {
    let text = rendered("2022.03~2023.05, 2023.06~2024.05");
    assert!(!text.contains("strike"));
    assert_eq!(seen(&text), "2022.03~2023.05, 2023.06~2024.05\n");
}

#[test]
fn only_web_and_mail_links_are_links() {
    let markdown =
        "[a](https://a.kr/?x=1&y=2) [b](javascript:alert(1)) <c@d.kr> https://e.kr/f_g. [h](file:///etc/passwd)";
    let docx = render_markdown(markdown);
    let targets = part(&docx, "word/_rels/document.xml.rels");
    assert_eq!(
        attributes(&targets, "/hyperlink\" Target=\""),
        ["https://a.kr/?x=1&amp;y=2", "mailto:c@d.kr", "https://e.kr/f_g"]
    );
    assert_eq!(seen(&rendered(markdown)), "a b c@d.kr https://e.kr/f_g. h\n");
}

#[test]
fn a_table_has_a_marked_and_shaded_header() {
    let text = rendered("| a | b |\n|---|--:|\n| 1 | 2 <br> 3 |\n");
    assert_eq!(text.matches("<w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>").count(), 1);
    assert_eq!(text.matches("w:fill=\"DEEAF6\"").count(), 2);
    assert!(text.contains("<w:tblPr><w:tblStyle w:val=\"TableGrid\"/><w:tblW"));
    assert_eq!(text.matches("<w:jc w:val=\"right\"/>").count(), 2);
    assert_eq!(seen(&text), "a\nb\n1\n2 \n 3\n\n");
}

#[test]
fn other_blocks_are_shown_as_what_they_are() {
    let text = rendered(
        "> q\n\n---\n\n```rust\nfn a() {\n\t<b>\n}\n```\n\n- [x] done\n- [ ] open\n\n![alt](x.png) a\\\nb\nc <i>d</i> List<String>\n\n<div>e</div>\n",
    );
    for style in ["Quote", "Rule", "CodeBlock"] {
        assert!(text.contains(&format!("w:pStyle w:val=\"{style}\"")), "{style}");
    }
    assert_eq!(seen(&text), "q\n\nfn a() {\n\t<b>\n}\n☑\tdone\n☐\topen\nalt a\nb\nc d List<String>\ne\n");
}

#[test]
fn what_xml_forbids_is_left_out_and_emoji_stay() {
    let docx = render_markdown("a\0b\u{b}c\u{1b}d\u{FFFE}e\u{1F680}\u{1F468}\u{200D}\u{1F4BB} <&> \"'");
    check(&docx);
    assert_eq!(
        seen(&part(&docx, "word/document.xml")).lines().last(),
        Some("abcde\u{1F680}\u{1F468}\u{200D}\u{1F4BB} <&> \"'")
    );
}

#[test]
fn the_same_resume_gives_the_same_bytes_and_few_of_them() {
    let markdown =
        "## 경력\n\n- [링크](https://a.kr) **굵게**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n1. 하나\n".repeat(10);
    let docx = render_markdown(&markdown);
    assert_eq!(docx, render_markdown(&markdown));
    assert!(docx.len() < 15 * 1024, "{}", docx.len());
}

#[test]
fn pathological_markdown_gives_a_document_of_bounded_size() {
    let wide = format!("{}\n{}\n{}", "|a".repeat(20_000), "|-".repeat(20_000), "|b\n".repeat(2_000));
    for markdown in [
        "> ".repeat(10_000) + "a",
        "- ".repeat(10_000) + "a",
        "1. ".repeat(10_000) + "a",
        "*".repeat(10_000) + "a" + &"*".repeat(10_000),
        "[".repeat(10_000) + "a" + &"](b)".repeat(10_000),
        "**a".repeat(10_000),
        "<".repeat(10_000),
        "`".repeat(10_000),
        "a\n\n".repeat(20_000),
        "https://".repeat(10_000),
        "| a | b |\n|---|---|\n".to_owned() + &"| 1 | 2 |\n".repeat(10_000),
        wide,
    ] {
        let docx = render_markdown(&markdown);
        check(&docx);
        let paragraphs = part(&docx, "word/document.xml").matches("<w:p ").count();
        assert!(paragraphs < MAX_PARAGRAPHS_SEEN, "{paragraphs}");
    }
}

/// The limit, one more row of a table, the facts and the last line.
const MAX_PARAGRAPHS_SEEN: usize = 3_100;

#[test]
fn what_is_cut_off_is_told() {
    let text = rendered(&"a\n\n".repeat(5_000));
    assert!(seen(&text).ends_with("a\n(이하 생략)\n"));
}

#[test]
fn a_time_that_properties_cannot_hold_is_left_out() {
    let inputs = inputs();
    let created = time::Date::MIN.midnight().assume_offset(time::macros::offset!(+9));
    let docx = render(&Document { inputs: &inputs, answers: &[], markdown: "", created }).unwrap();
    check(&docx);
    assert!(!part(&docx, "docProps/core.xml").contains("created"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gives_a_document_that_opens(
        text in r"(\PC|[\x00-\x7f]|[\u{fffe}\u{ffff}]|\*\*|```\n|\n\n|\n- |\n1\. |\n# |\| a |\n\|---\||https://|<b>|\[a\]\(https:)*"
    ) {
        let inputs = ResumeInputs {
            email: text.clone(),
            preferred_job: Some(PreferredJob::Other(text.clone())),
            additional_experiences: Some(text.clone()),
            ..inputs()
        };
        read(&render(&Document { inputs: &inputs, answers: &[], markdown: &text, created: OffsetDateTime::UNIX_EPOCH }).unwrap());
        let laid_out = lay_out(&inputs, &[&text]);
        for markdown in [text, laid_out] {
            let cleaned = clean(&markdown).unwrap_or_default();
            for markdown in [&markdown, &cleaned] {
                check(&render(&Document { inputs: &inputs, answers: &[], markdown, created: OffsetDateTime::UNIX_EPOCH }).unwrap());
            }
        }
    }
}
