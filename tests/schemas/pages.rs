//! What the pages name is there: files, where links lead, and the constants in the table of limits.

use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 12] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/contract.md",
    "docs/environments.md",
    "docs/eval.md",
    "docs/measured.md",
    "docs/migration.md",
    "schemas/released/README.md",
    "tests/README.md",
    "tests/eval/README.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A file or folder by its name; those of the program are named from `src/`.
fn named(word: &str) -> Option<PathBuf> {
    let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'));
    let is_file = word.ends_with(".rs")
        || word.contains('/') && [".lua", ".py", ".md", ".yaml", "/"].iter().any(|end| word.ends_with(end));
    (is_name && is_file && !word.starts_with('/')).then(|| {
        let of_program = root().join("src").join(word);
        if of_program.exists() { of_program } else { root().join(word) }
    })
}

/// A heading as links name it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn files_that_the_pages_name_are_there() {
    for page in PAGES {
        let text = read(page);
        let gone: Vec<&str> = quoted(&text).filter(|word| named(word).is_some_and(|file| !file.exists())).collect();
        assert_eq!(gone, [""; 0], "{page}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut count = 0;
    for page in PAGES {
        let text = read(page);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { root().join(page) } else { root().join(page).with_file_name(file) };
            assert!(target.exists(), "{page}: {link}");
            let leads = |text: &str| text.lines().any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
            assert!(heading.is_empty() || leads(&read(target)), "{page}: {link}");
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn constants_in_the_table_of_limits_are_in_their_files() {
    let text = read("docs/architecture.md");
    let (_, limits) = text.split_once("\n## Limits\n").unwrap();
    let mut count = 0;
    for row in limits.lines().filter(|line| line.starts_with('|')) {
        let place = row.split('|').nth(4).unwrap();
        let code: String = quoted(place).filter_map(named).filter(|file| file.is_file()).map(read).collect();
        for name in quoted(place).filter(|word| named(word).is_none()) {
            count += 1;
            assert!(code.contains(&format!("const {name}:")), "{name} in{place}");
        }
    }
    assert!(count > 40, "{count}");
}
