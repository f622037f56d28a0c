//! Opening a document as Word's rules and as another program would.

use std::io::{Cursor, Read};
use std::process::Stdio;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::kit::services::native::installed;

/// What python-docx sees: paragraphs with their styles, tables, and properties.
const PYTHON: &str = r#"
import io, json, sys, docx
d = docx.Document(io.BytesIO(sys.stdin.buffer.read()))
print(json.dumps({
    "paragraphs": [{"style": p.style.name, "text": p.text} for p in d.paragraphs],
    "tables": [[[c.text for c in r.cells] for r in t.rows] for t in d.tables],
    "title": d.core_properties.title, "author": d.core_properties.author}))
"#;

/// The document as python-docx reads it. Every XML part must be well-formed first.
pub async fn open(document: &[u8]) -> Value {
    assert_parts_are_well_formed(document);
    let mut python = Command::new(installed().join("venv/bin/python"))
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/run installs python-docx");
    let mut stdin = python.stdin.take().expect("its input");
    stdin.write_all(document).await.expect("the document is taken");
    drop(stdin);
    let output = python.wait_with_output().await.expect("python ends");
    assert!(output.status.success(), "python-docx cannot open the document");
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// The texts of a document's paragraphs.
pub fn paragraphs(document: &Value) -> Vec<&str> {
    let paragraphs = document["paragraphs"].as_array().into_iter().flatten();
    paragraphs.filter_map(|paragraph| paragraph["text"].as_str()).collect()
}

fn assert_parts_are_well_formed(document: &[u8]) {
    let mut archive = zip::ZipArchive::new(Cursor::new(document)).expect("the document is a zip file");
    let mut parts = 0;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).expect("a part");
        let name = part.name().to_owned();
        if !name.ends_with(".xml") && !name.ends_with(".rels") {
            continue;
        }
        let mut xml = String::new();
        part.read_to_string(&mut xml).expect("XML parts are UTF-8");
        let mut reader = Reader::from_str(&xml);
        loop {
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(_) => {}
                Err(error) => panic!("{name} is not well-formed: {error}"),
            }
        }
        parts += 1;
    }
    assert!(parts >= 3, "the document has only {parts} XML parts");
}
