//! What real models say as the résumé, and the document that must come of it: `tests/cases/`. `b-markdown-to-docx.jsonl`
//! comes from public reports, `b-siblings.jsonl` has more of each kind, and what only looks like it and has to stay.
//!
//! Of `want`, all has to hold, with spaces squeezed: `body` is the document below the basic facts, paragraph by paragraph, as
//! kind (`h`, `p`, `li`) and text; `lines` and `kinds` are paragraphs of it; `has` and `lacks` are looked for in all of it;
//! `bold`, `italic`, `strike` and `links` are pieces formatted or linked so; `table` says whether there is one, and
//! `holds_no_code` that nothing is set as code; `calls` is how many replies were read. A list's number belongs to the text of
//! its paragraph, a bullet does not.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::create_resume::{Written, create_resume, read};
use crate::llm::Reply;
use crate::resume::document::read_back::{self, Block, squeezed};
use crate::resume::document::{self, Document};
use crate::state::session::Session;
use crate::state::session::tests::asked;

const REPORTED: &str = include_str!("../../../tests/cases/b-markdown-to-docx.jsonl");
const OURS: &str = include_str!("../../../tests/cases/b-siblings.jsonl");

#[derive(Deserialize)]
struct Case {
    id: String,
    given: Given,
    want: Want,
}

#[derive(Deserialize)]
struct Given {
    replies: Vec<Said>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Cut { text: String, finish: String },
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Want {
    degraded: Option<bool>,
    calls: Option<usize>,
    body: Option<Vec<(String, String)>>,
    has: Vec<String>,
    lacks: Vec<String>,
    lines: Vec<String>,
    kinds: BTreeMap<String, String>,
    bold: Vec<String>,
    italic: Vec<String>,
    strike: Vec<String>,
    links: Vec<String>,
    table: Option<bool>,
    holds_no_code: bool,
    any: Vec<Want>,
}

/// What came of a case.
struct Came {
    degraded: bool,
    calls: usize,
    blocks: Vec<Block>,
    links: Vec<String>,
}

#[test]
fn what_models_write_becomes_the_document_that_is_wanted() {
    let tried = std::env::var("CASES").map(|path| std::fs::read_to_string(path).expect("a file of cases"));
    let files: Vec<&str> = tried.as_deref().map_or(vec![REPORTED, OURS], |tried| vec![tried]);
    let cases = files.into_iter().flat_map(str::lines).filter(|line| line.contains("\"kind\": \"b\""));
    let mut faults = Vec::new();
    for line in cases {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let came = come(&case.given.replies);
        faults.extend(came.lacks(&case.want).map(|fault| format!("{}: {fault}", case.id)));
    }
    assert!(faults.is_empty(), "{} cases fail:\n{}", faults.len(), faults.join("\n"));
}

/// As `Graph::step` has it: asked at most twice, the last reply said again for ever.
fn come(replies: &[Said]) -> Came {
    let session: Session = asked(1);
    let mut calls = 0;
    let written = loop {
        let said = replies.get(calls).or(replies.last()).unwrap().clone();
        calls += 1;
        let reply = match said {
            Said::Text(text) => Reply { text, truncated: false },
            Said::Cut { text, finish } => Reply { text, truncated: finish == "length" },
        };
        match read(Ok(reply)) {
            Written::Markdown(markdown) => break Some(markdown),
            Written::Unusable if calls < 2 => {}
            _ => break None,
        }
    };
    let resume = create_resume(&session, written);
    let document =
        Document { inputs: &session.inputs, answers: &[], markdown: &resume.markdown, created: session.started_at };
    let docx = document::render(&document).unwrap();
    let (blocks, links) = (read_back::below_the_facts(&docx), read_back::links(&docx));
    Came { degraded: resume.degraded, calls, blocks, links }
}

impl Came {
    /// The first thing that is not as wanted.
    fn lacks(&self, want: &Want) -> Option<String> {
        let text = self.blocks.iter().map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n");
        let has_line = |line: &String| self.blocks.iter().any(|block| block.text == squeezed(line));
        let holds = |pieces: fn(&Block) -> &Vec<String>, wanted: &String| {
            self.blocks.iter().any(|block| squeezed(&pieces(block).concat()).contains(wanted.as_str()))
        };
        let body = || -> Vec<_> { self.blocks.iter().map(|block| (block.kind().into(), block.text.clone())).collect() };
        let is_of_kind = |(text, kind): (&String, &String)| {
            self.blocks.iter().any(|block| block.text == squeezed(text) && block.kind() == kind)
        };
        let checks = [
            ("degraded", want.degraded.is_none_or(|wanted| wanted == self.degraded)),
            ("calls", want.calls.is_none_or(|wanted| wanted == self.calls)),
            ("body", want.body.as_ref().is_none_or(|wanted| *wanted == body())),
            ("has", want.has.iter().all(|wanted| squeezed(&text).contains(&squeezed(wanted)))),
            ("lacks", !want.lacks.iter().any(|unwanted| text.contains(unwanted.as_str()))),
            ("lines", want.lines.iter().all(has_line)),
            ("kinds", want.kinds.iter().all(is_of_kind)),
            ("bold", want.bold.iter().all(|wanted| holds(|block| &block.bold, wanted))),
            ("italic", want.italic.iter().all(|wanted| holds(|block| &block.italic, wanted))),
            ("strike", want.strike.iter().all(|wanted| holds(|block| &block.struck, wanted))),
            ("links", want.links.iter().all(|wanted| self.links.contains(wanted))),
            ("table", want.table.is_none_or(|wanted| wanted == self.blocks.iter().any(|block| block.row))),
            ("code", !want.holds_no_code || !self.blocks.iter().any(|block| block.code)),
            ("any", want.any.is_empty() || want.any.iter().any(|wanted| self.lacks(wanted).is_none())),
        ];
        let (wanted, _) = checks.into_iter().find(|(_, is_met)| !is_met)?;
        Some(format!("{wanted}: degraded {}, calls {}, links {:?}\n{text}", self.degraded, self.calls, self.links))
    }
}
