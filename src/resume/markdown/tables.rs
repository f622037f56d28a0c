//! Tables whose frame has slips: no line below the header, none of the outer pipes, a blank line within, other numbers of
//! cells.

use super::line::Line;
use super::words::protected;

/// Cells of a row at most; a longer one is no table's.
const MAX_CELLS: usize = 40;

/// The lines with their tables as Markdown wants them.
pub fn made_plain(lines: Vec<Line>) -> Vec<Line> {
    let mut plain: Vec<Line> = Vec::with_capacity(lines.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rows = rows_from(&lines, at);
        if rows.is_empty() {
            plain.push(line.clone());
            at += 1;
            continue;
        }
        let table = table(&rows.iter().filter_map(|at| lines.get(*at)).map(|line| &*line.text).collect::<Vec<_>>());
        let parts = plain.last().is_some_and(|line| !line.is_blank());
        plain.extend((parts && !table.is_empty()).then(|| Line::prose(String::new())));
        plain.extend(table.into_iter().map(Line::prose));
        at = rows.last().map_or(at + 1, |last| last + 1);
        let parts = lines.get(at).is_some_and(|line| !line.is_blank());
        plain.extend(parts.then(|| Line::prose(String::new())));
    }
    plain
}

/// The lines of the table that begins at a line; none where no table does.
fn rows_from(lines: &[Line], start: usize) -> Vec<usize> {
    let mut rows = Vec::new();
    let mut at = start;
    while let Some(line) = lines.get(at) {
        let framed = line.is_row();
        let next_is_framed = || lines.get(at + 1).is_some_and(Line::is_row);
        let goes_on = rows.len() > 1 && line.text.contains('|');
        if !line.code && line.heading().is_none() && (has_cells(&line.text) || goes_on) {
            rows.push(at);
        } else if !(line.is_blank()
            && next_is_framed()
            && rows.last().and_then(|at| lines.get(*at)).is_some_and(Line::is_row))
        {
            break;
        }
        // Rows that nothing frames are lines with a sign between their parts, unless the second says otherwise.
        let is_second = rows.len() == 2 && rows.last() == Some(&at);
        let delimits =
            rows.first().into_iter().chain([&at]).filter_map(|at| lines.get(*at)).any(|line| is_delimiter(&line.text));
        let first_is_framed = rows.first().and_then(|at| lines.get(*at)).is_some_and(Line::is_row);
        if is_second && !delimits && !(first_is_framed && framed) {
            return Vec::new();
        }
        at += 1;
    }
    let delimits = rows.iter().filter_map(|at| lines.get(*at)).any(|line| is_delimiter(&line.text));
    if rows.len() >= 2 || delimits { rows } else { Vec::new() }
}

fn has_cells(text: &str) -> bool {
    (text.contains('|') || text.contains('｜'))
        && (cells(text).len() >= 2 || text.trim().starts_with('|') && text.trim().len() > 1)
}

/// The line between a header and its rows: `|---|:--:|`.
pub fn is_delimiter(text: &str) -> bool {
    let cells = cells(text);
    let is_dash = |c: char| matches!(c, '-' | '–' | '—' | '─' | '=' | ':' | ' ');
    !cells.is_empty()
        && text.contains('|')
        && cells.iter().all(|cell| cell.chars().all(is_dash) && cell.contains(|c| is_dash(c) && c != ':' && c != ' '))
}

/// The cells of a row, trimmed.
pub fn cells(text: &str) -> Vec<String> {
    let text = text.trim();
    let text = text.strip_prefix(['|', '｜']).unwrap_or(text);
    let is_code = protected(text);
    let mut cells = vec![String::new()];
    for (at, c) in text.char_indices() {
        let parts = matches!(c, '|' | '｜') && !is_code.get(at).copied().unwrap_or_default();
        match cells.last_mut() {
            Some(cell) if !parts => cell.push(c),
            _ => cells.push(String::new()),
        }
    }
    if cells.len() > 1 && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

fn table(lines: &[&str]) -> Vec<String> {
    let alignments: Vec<String> =
        lines.iter().find(|line| is_delimiter(line)).map_or_else(Vec::new, |line| cells(line));
    let rows: Vec<Vec<String>> = lines.iter().filter(|line| !is_delimiter(line)).map(|line| cells(line)).collect();
    let width = rows.iter().map(Vec::len).max().unwrap_or(0).min(MAX_CELLS);
    if rows.is_empty() {
        return Vec::new();
    }
    let row = |cells: &[String]| {
        let empty = String::new();
        let cells = (0..width).map(|at| cells.get(at).unwrap_or(&empty).as_str());
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let delimiter = (0..width).map(|at| {
        match alignments.get(at).map_or((false, false), |cell| (cell.starts_with(':'), cell.ends_with(':'))) {
            (true, true) => ":-:",
            (false, true) => "--:",
            _ => "---",
        }
    });
    let delimiter = format!("|{}|", delimiter.collect::<Vec<_>>().join("|"));
    // Cells beyond the widest table stay, in the last one.
    let mut all = rows.iter().map(|cells| match cells.split_at_checked(width) {
        Some((kept, more)) if !more.is_empty() => {
            let mut kept = kept.to_vec();
            if let Some(last) = kept.last_mut() {
                last.extend([" ".to_owned(), more.join(" ")]);
            }
            row(&kept)
        }
        _ => row(cells),
    });
    let header = all.next();
    header.into_iter().chain([delimiter]).chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        super::super::line::join(&made_plain(Line::all(text)))
    }

    #[test]
    fn slips_in_the_frame_are_mended() {
        let whole = "| 회사 | 기간 |\n|---|---|\n| 가나 | 2023 |\n| 다라 |  |";
        for text in [
            whole,
            "회사 | 기간\n--- | ---\n가나 | 2023\n다라 |",
            "| 회사 | 기간 |\n| 가나 | 2023 |\n| 다라 | |",
            "| 회사 | 기간 |\n|–––|–––|\n\n| 가나 | 2023 |\n\n| 다라 | |",
            "| 회사 | 기간 |\n|---|\n| 가나 | 2023 |\n| 다라 |",
            "|---|---|\n| 회사 | 기간 |\n| 가나 | 2023 |\n| 다라 | |",
            "｜회사｜기간｜\n｜---｜---｜\n｜가나｜2023｜\n｜다라｜｜".replace('｜', "|").as_str(),
        ] {
            assert_eq!(plain(text), whole, "{text}");
        }
        assert_eq!(
            plain("이력\n회사 | 기간\n---|---\n가 | 나\n끝"),
            "이력\n\n| 회사 | 기간 |\n|---|---|\n| 가 | 나 |\n\n끝"
        );
    }

    #[test]
    fn lines_with_a_pipe_between_their_parts_are_no_table() {
        for text in [
            "가나상사 | 백엔드 | 2023",
            "가나 | 백엔드\n다라 | 서버\n마바 | 운영",
            "a || b",
            "`a | b`",
            "# 가 | 나\n다 | 라",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_line_below_no_header_goes() {
        assert_eq!(plain("가\n\n|---|---|\n\n나"), "가\n\n\n나");
    }
}
