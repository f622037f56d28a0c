//! Whether a text says something: phrases in a form that neither case, spaces nor quotes change, and what a sentence
//! around them makes of them. `tests/eval/README.md` has the rules, `tests/eval/check.py` the same in Python.

use serde::Deserialize;

use crate::llm::text::written::composed;

/// Left out of what is compared.
const QUOTES: &str = "'\"`*‘’“”「」『』〈〉《》";
/// Within a phrase `*` does not go beyond a clause.
const CLAUSE_ENDS: &str = ".!?,";

/// The words by which a feedback is judged.
#[derive(Clone, Debug, Deserialize)]
pub struct Rules {
    /// Characters that a `*` stands for, at most.
    gap: usize,
    /// What makes of a quoted claim one that is put right.
    rebuttal: Vec<String>,
    negation: Vec<String>,
    /// How far behind a phrase a negation may begin.
    negation_within: usize,
    approval: Vec<String>,
    pub blame: Vec<String>,
    pub praise: Vec<String>,
}

impl Rules {
    /// Whether `text` says one of `phrases`.
    pub fn says(&self, text: &str, phrases: &[impl AsRef<str>]) -> bool {
        self.says_plainly(&plain(text), phrases)
    }

    /// The wordings, one for each of `wanted`, of which `text` says none.
    pub fn unsaid<'a>(&self, text: &str, wanted: &'a [Vec<String>]) -> Vec<&'a str> {
        let text = plain(text);
        let unsaid = wanted.iter().filter(|wordings| !self.says_plainly(&text, wordings));
        unsaid.filter_map(|wordings| wordings.first().map(String::as_str)).collect()
    }

    fn says_plainly(&self, text: &[char], phrases: &[impl AsRef<str>]) -> bool {
        phrases.iter().any(|phrase| Phrase::new(phrase.as_ref(), self.gap).find(text, 0).is_some())
    }

    /// The sentence in which `text` gives out as right what `phrases` say, if there is one. In doubt it does not.
    pub fn confirmed_in<'a>(&self, text: &'a str, phrases: &[String]) -> Option<&'a str> {
        let spoken = sentences(text);
        let confirms = |at: usize, sentence: &str| {
            if !self.asserts(sentence, phrases) || self.says(sentence, &self.rebuttal) {
                return false;
            }
            let following = spoken.get(at + 1).copied().unwrap_or_default();
            !self.says(following, &self.rebuttal) || self.says(sentence, &self.approval)
        };
        spoken.iter().enumerate().find(|(at, sentence)| confirms(*at, sentence)).map(|(_, sentence)| *sentence)
    }

    /// The sentence of `text` that says one of `phrases` and does not turn it round.
    pub fn asserted_in<'a>(&self, text: &'a str, phrases: &[String]) -> Option<&'a str> {
        sentences(text).into_iter().find(|sentence| self.asserts(sentence, phrases))
    }

    /// Whether it says one of `phrases`, and does not turn it round right behind.
    fn asserts(&self, sentence: &str, phrases: &[String]) -> bool {
        let longest = self.negation.iter().map(|negation| plain(negation).len()).max().unwrap_or_default();
        let near = self.negation_within + longest;
        let text = plain(sentence);
        phrases.iter().map(|phrase| Phrase::new(phrase, self.gap)).any(|phrase| {
            let mut from = 0;
            while let Some((start, end)) = phrase.find(&text, from) {
                let behind: Vec<char> = text.iter().skip(end).take(near).copied().collect();
                // As compared, again: a piece of a text may begin with a space that the text needs.
                let behind = plain(&String::from_iter(behind));
                if !self.says_plainly(&behind, &self.negation) {
                    return true;
                }
                from = end.max(start + 1);
            }
            false
        })
    }
}

/// The sentences of a text, simply: at a mark before a space, and at the end of a line.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    for line in text.split('\n') {
        let mut start = 0;
        let mut marked = false;
        for (at, c) in line.char_indices() {
            if c.is_whitespace() && marked {
                sentences.extend(line.get(start..at));
                start = at;
            }
            marked = matches!(c, '.' | '!' | '?');
        }
        sentences.extend(line.get(start..));
    }
    sentences.retain(|sentence| !plain(sentence).is_empty());
    sentences
}

/// What is compared: no case, no quotes, no spaces but those between two Latin letters or two digits.
pub fn plain(text: &str) -> Vec<char> {
    let folded: String = composed(text).to_lowercase().chars().filter(|c| !QUOTES.contains(*c)).collect();
    let spaced: Vec<char> = folded.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    let keeps = |at: usize| {
        let beside = at.checked_sub(1).and_then(|before| spaced.get(before)).zip(spaced.get(at + 1));
        beside.is_some_and(|(before, behind)| {
            before.is_ascii_lowercase() && behind.is_ascii_lowercase()
                || before.is_ascii_digit() && behind.is_ascii_digit()
        })
    };
    spaced.iter().enumerate().filter(|(at, c)| **c != ' ' || keeps(*at)).map(|(_, c)| *c).collect()
}

/// A phrase as it is looked for: `*` is a little of the same clause, and numbers and Latin words are whole ones.
struct Phrase {
    parts: Vec<Vec<char>>,
    gap: usize,
    begins: Edge,
    ends: Edge,
}

/// What a phrase has at one of its ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Digit,
    Latin,
    Other,
}

impl Edge {
    fn of(c: Option<char>) -> Self {
        match c {
            Some('0'..='9') => Self::Digit,
            Some('a'..='z' | 'A'..='Z') => Self::Latin,
            _ => Self::Other,
        }
    }

    /// Whether a phrase that has this at its end may stand beside `next`, and `beyond` that.
    fn is_whole(self, next: Option<&char>, beyond: Option<&char>) -> bool {
        match (self, next) {
            (Self::Digit, Some('0'..='9')) => false,
            (Self::Digit, Some('.' | ',')) => !beyond.is_some_and(char::is_ascii_digit),
            (Self::Latin, Some('a'..='z')) => false,
            _ => true,
        }
    }
}

impl Phrase {
    fn new(text: &str, gap: usize) -> Self {
        let (begins, ends) = (Edge::of(text.chars().next()), Edge::of(text.chars().next_back()));
        Self { parts: text.split('*').map(plain).collect(), gap, begins, ends }
    }

    /// Where it stands first, from `from` on.
    fn find(&self, text: &[char], from: usize) -> Option<(usize, usize)> {
        (from..text.len()).find_map(|start| {
            let before = text.get(..start)?;
            let mut back = before.iter().rev();
            let is_whole = self.begins.is_whole(back.next(), back.next());
            let end = if is_whole { self.end_from(text, start, &self.parts) } else { None };
            Some((start, end?))
        })
    }

    fn end_from(&self, text: &[char], at: usize, parts: &[Vec<char>]) -> Option<usize> {
        let (part, rest) = parts.split_first()?;
        let behind = text.get(at..)?.strip_prefix(part.as_slice())?;
        let end = text.len() - behind.len();
        if rest.is_empty() {
            return self.ends.is_whole(behind.first(), behind.get(1)).then_some(end);
        }
        let clause = behind.iter().take(self.gap).take_while(|c| !CLAUSE_ENDS.contains(**c)).count();
        (0..=clause).find_map(|gap| self.end_from(text, end + gap, rest))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The rules of the repository's own cases.
    pub fn rules() -> Rules {
        serde_json::from_str(include_str!("../../tests/eval/rules.json")).unwrap()
    }

    fn says(text: &str, phrase: &str) -> bool {
        rules().says(text, &[phrase])
    }

    #[test]
    fn case_spaces_and_quotes_change_nothing() {
        assert!(says("`Spring  Boot`와 '느린 쿼리'를", "spring boot") && says("느린쿼리 읽기", "느린 쿼리"));
        assert!(!says("springboot", "spring boot"), "two Latin words stay two");
        assert!(says("\u{1112}\u{1161}\u{11AB}글", "한글"), "however the letters are written");
    }

    #[test]
    fn numbers_and_latin_words_are_whole_ones() {
        assert!(says("46%와 6%", "6%") && !says("46%", "6%") && !says("0.6%", "6%"));
        assert!(says("ACK를", "ACK") && !says("stack", "ACK") && !says("2025년", "5년"));
        assert!(says("7.", "7") && !says("7.5", "7") && !says("7,500", "7"));
    }

    #[test]
    fn a_star_is_a_little_of_the_same_clause() {
        assert!(says("UDP는 순서를 보장합니다", "UDP*보장"));
        assert!(!says("UDP는 빠릅니다. TCP는 보장합니다", "UDP*보장"));
        assert!(!says("UDP는 아주 많은 것을 이야기하고 또 이야기하면서도 결국에는 보장합니다", "UDP*보장"));
    }

    #[test]
    fn a_claim_is_confirmed_unless_it_is_turned_round_or_put_right() {
        let claim = ["UDP*순서를 보장".to_owned()];
        let confirmed = |text: &str| rules().confirmed_in(text, &claim).is_some();
        assert!(confirmed("UDP는 순서를 보장한다는 점을 정확히 설명했습니다."));
        assert!(!confirmed("UDP는 순서를 보장하지 않습니다."));
        assert!(!confirmed("UDP가 순서를 보장한다고 하셨지만 그렇게 보기는 어렵습니다."));
        assert!(!confirmed("UDP는 순서를 보장한다고 했습니다. 이는 사실과 다릅니다."));
        assert!(confirmed("UDP는 순서를 보장한다고 정확히 설명했습니다. 다만 포트 번호는 틀렸습니다."));
    }
}
