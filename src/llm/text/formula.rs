//! Formulas of TeX, in the characters that a reader knows.

use super::is_hangul;

/// What encloses a formula.
const DELIMITERS: [(&str, &str); 4] = [("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"), ("$", "$")];
/// Characters of a formula within a sentence.
const LONGEST: usize = 200;
/// Letters of a name that is a formula by itself: `$n$`.
const LONGEST_NAME: usize = 3;

#[rustfmt::skip]
const SYMBOLS: &[(&str, &str)] = &[
    ("times", "×"), ("cdot", "·"), ("div", "÷"), ("pm", "±"), ("leq", "≤"), ("le", "≤"), ("geq", "≥"), ("ge", "≥"),
    ("neq", "≠"), ("ne", "≠"), ("approx", "≈"), ("equiv", "≡"), ("sim", "~"), ("ll", "≪"), ("gg", "≫"), ("to", "→"),
    ("rightarrow", "→"), ("Rightarrow", "⇒"), ("leftarrow", "←"), ("leftrightarrow", "↔"), ("implies", "⇒"),
    ("infty", "∞"), ("sum", "Σ"), ("prod", "Π"), ("int", "∫"), ("partial", "∂"), ("nabla", "∇"), ("in", "∈"),
    ("notin", "∉"), ("subset", "⊂"), ("subseteq", "⊆"), ("cup", "∪"), ("cap", "∩"), ("emptyset", "∅"),
    ("forall", "∀"), ("exists", "∃"), ("land", "∧"), ("lor", "∨"), ("neg", "¬"), ("oplus", "⊕"), ("sqrt", "√"),
    ("lfloor", "⌊"), ("rfloor", "⌋"), ("lceil", "⌈"), ("rceil", "⌉"), ("ldots", "…"), ("cdots", "…"), ("dots", "…"),
    ("alpha", "α"), ("beta", "β"), ("gamma", "γ"), ("delta", "δ"), ("epsilon", "ε"), ("eta", "η"), ("theta", "θ"),
    ("lambda", "λ"), ("mu", "μ"), ("pi", "π"), ("rho", "ρ"), ("sigma", "σ"), ("tau", "τ"), ("phi", "φ"), ("omega", "ω"),
    ("Delta", "Δ"), ("Theta", "Θ"), ("Lambda", "Λ"), ("Sigma", "Σ"), ("Omega", "Ω"), ("quad", " "), ("qquad", " "),
];
/// They say how their argument looks.
const STYLES: [&str; 12] = [
    "text",
    "mathrm",
    "mathbf",
    "mathit",
    "mathcal",
    "mathbb",
    "operatorname",
    "textbf",
    "textit",
    "texttt",
    "mathsf",
    "boxed",
];
/// They say how large a bracket is.
const SIZES: [&str; 6] = ["left", "right", "big", "Big", "displaystyle", "limits"];

/// The formula that `text` begins with, in plain characters, and what follows it; `before` is the character before it.
pub fn read(text: &str, before: Option<char>) -> Option<(String, &str)> {
    if !text.starts_with(['$', '\\']) {
        return None;
    }
    let (open, close) = DELIMITERS.into_iter().find(|(open, _)| text.starts_with(open))?;
    let inner = text.strip_prefix(open)?;
    let near: usize = inner.chars().take(LONGEST).map(char::len_utf8).sum();
    let end = inner.get(..near)?.find(close)?;
    let (formula, rest) = inner.split_at_checked(end)?;
    let rest = rest.strip_prefix(close)?;
    let is_one = if open == "$" {
        is_formula(formula, before, rest)
    } else {
        formula.contains("\\text") || !formula.contains(is_hangul)
    };
    (!formula.trim().is_empty() && !formula.contains('\n') && is_one).then(|| (plain(formula), rest))
}

/// Whether what stands between two single `$` is a formula, and neither prices nor variables of a shell.
fn is_formula(inner: &str, before: Option<char>, after: &str) -> bool {
    let tight = !inner.starts_with(char::is_whitespace) && !inner.ends_with(char::is_whitespace);
    let name = inner.len() <= LONGEST_NAME && inner.chars().all(|c| c.is_ascii_alphabetic());
    let free = !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '$');
    let signs = inner.contains(['\\', '^', '_', '=', '+', '(', '<', '>', '/']) && inner.is_ascii();
    tight && free && (name || signs || inner.contains("\\")) && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// A command of TeX outside of a formula (`O(n \\log n)`), and what follows it.
pub fn symbol(text: &str, before: Option<char>) -> Option<(String, &str)> {
    const FUNCTIONS: [&str; 6] = ["log", "ln", "max", "min", "lim", "exp"];
    const SHORT: usize = 2;
    let name = text.strip_prefix('\\')?;
    let rest = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let name = name.get(..name.len() - rest.len())?;
    // A path has such names as well.
    if before.is_some_and(|c| c == ':' || c == '\\' || c.is_ascii_uppercase()) || rest.starts_with('\\') {
        return None;
    }
    // `\\textbf{핵심}`
    if STYLES.contains(&name) && rest.starts_with('{') {
        let (inner, rest) = argument(rest);
        return Some((inner.to_owned(), rest));
    }
    let symbol = SYMBOLS.iter().find(|(known, _)| *known == name && name.len() > SHORT).map(|(_, symbol)| *symbol);
    let function = || FUNCTIONS.contains(&name).then_some(name);
    symbol.or_else(function).map(|symbol| (symbol.to_owned(), rest))
}

/// Whether the escape `written` and what stands `after` it are a command of TeX: `\\n` and `eq`.
pub fn is_command(written: &str, after: &str) -> bool {
    let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let name = || [written.trim_start_matches('\\'), after.get(..letters).unwrap_or_default()].concat();
    letters > 0 && {
        let name = name();
        STYLES.contains(&&*name) && after.get(letters..).is_some_and(|rest| rest.starts_with('{'))
            || SYMBOLS.iter().any(|(known, _)| *known == name)
    }
}

/// A formula without the marks of TeX.
fn plain(formula: &str) -> String {
    let mut out = String::with_capacity(formula.len());
    let mut rest = formula.trim();
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '\\' => rest = command(rest, &mut out),
            '^' | '_' => rest = script(c, rest, &mut out),
            '{' | '}' | '$' | '&' => {}
            c => out.push(c),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads what follows a backslash, and gives back what is behind that.
fn command<'a>(text: &'a str, out: &mut String) -> &'a str {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let name = text.get(..text.len() - rest.len()).unwrap_or_default();
    if name.is_empty() {
        let mut chars = text.chars();
        match chars.next() {
            Some(c @ ('{' | '}' | '_' | '%' | '#' | '$' | '&')) => out.push(c),
            _ => out.push(' '),
        }
        return chars.as_str();
    }
    if name == "frac" {
        let (above, rest) = argument(rest);
        let (below, rest) = argument(rest);
        out.push_str(&[&grouped(above), "/", &grouped(below)].concat());
        return rest;
    }
    if let Some((_, symbol)) = SYMBOLS.iter().find(|(known, _)| *known == name) {
        out.push_str(symbol);
    } else if !STYLES.contains(&name) && !SIZES.contains(&name) {
        // The name of a function: `\log n`.
        out.push_str(name);
    }
    rest
}

/// A power or an index.
fn script<'a>(mark: char, text: &'a str, out: &mut String) -> &'a str {
    let (inner, rest) = argument(text);
    out.push(mark);
    out.push_str(&grouped(inner));
    rest
}

/// What a command is applied to, and what follows.
fn argument(text: &str) -> (&str, &str) {
    let braced = text.strip_prefix('{').and_then(|inner| {
        let mut depth = 1;
        let end = inner.char_indices().find(|(_, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        let (argument, rest) = inner.split_at_checked(end?.0)?;
        Some((argument, rest.strip_prefix('}')?))
    });
    let first = text.chars().next().filter(|c| *c != '\\').map_or(0, char::len_utf8);
    braced.or_else(|| text.split_at_checked(first)).unwrap_or((text, ""))
}

/// `argument` in parentheses where it is more than a name or a number.
fn grouped(argument: &str) -> String {
    let plain = plain(argument);
    if plain.chars().all(char::is_alphanumeric) { plain } else { format!("({plain})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_what_a_reader_knows() {
        for (formula, text) in [
            ("$O(n \\log n)$", "O(n log n)"),
            ("\\(O(1)\\)", "O(1)"),
            ("$$n^{2} \\leq 2^{n+1}$$", "n^2 ≤ 2^(n+1)"),
            ("$n$", "n"),
            ("\\[ \\frac{a}{b + c} \\times \\text{비율} \\]", "a/(b + c) × 비율"),
            ("$\\mathcal{O}(n)$", "O(n)"),
            ("$x_i = \\{1, 2\\}$", "x_i = {1, 2}"),
        ] {
            assert_eq!(read(&format!("{formula}입니다"), None), Some((text.to_owned(), "입니다")), "{formula}");
        }
    }

    #[test]
    fn a_command_outside_of_a_formula_is_read_and_a_path_is_none() {
        assert_eq!(symbol("\\log n", Some('n')), Some(("log".to_owned(), " n")));
        assert_eq!(symbol("\\times b", Some(' ')), Some(("×".to_owned(), " b")));
        for path in ["\\temp", "\\in", "\\log\\a"] {
            assert_eq!(symbol(path, None), None, "{path}");
        }
        assert_eq!(symbol("\\log", Some(':')), None);
    }

    #[test]
    fn prices_variables_and_paths_are_none() {
        for text in ["$5와 $10", "$HOME과 $PATH", "$", "\\d+", "$a and b$", "$ n $", "\\", "$100/$200", "\\[핵심\\]"]
        {
            assert_eq!(read(text, None), None, "{text}");
        }
    }
}
