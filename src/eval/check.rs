//! What a program judges: the checks, each with what it says when it holds, and what was found by them.

use serde::{Deserialize, Serialize};

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Feedback,
    Question,
    Resume,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::Question => "question",
            Self::Resume => "resume",
        }
    }
}

/// How much a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Members are harmed where it does not hold.
    Guard,
    /// It is worse where it does not hold.
    Quality,
    /// For whoever writes prompts: members see nothing of it.
    Note,
}

/// The checks. Their names are those of the report, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// There is what was asked for.
    Answered,
    /// Its first reply could be used.
    FirstTry,
    /// It is the reply as it came: nothing had to be taken off or put right.
    AsItCame,
    /// Three to five whole sentences.
    Sentences,
    /// Neither a line nor an essay.
    Length,
    /// In Korean, and in no third language.
    Korean,
    /// Every sentence is polite.
    Polite,
    /// No label, markup, list, link, or token of a chat template.
    Clean,
    /// Nothing of question and answer is repeated.
    NoEcho,
    /// The points that count are named.
    Points,
    /// What the member said wrongly is not confirmed.
    NotConfirmed,
    /// A good answer is not called wrong, nor an empty one good.
    Fair,
    /// No order in the answer was followed.
    NotObeyed,
    /// One question, short enough to be read.
    OneQuestion,
    /// It was not asked before.
    NewQuestion,
    /// It asks for no name, number or address of the member.
    NothingPersonal,
    /// The model wrote it.
    ByModel,
    /// Every number and name stands in what the member gave.
    NothingInvented,
    /// No fact that the member gave is lost.
    NothingLost,
    /// Nothing that must not appear does.
    NothingForbidden,
    /// Headings as they were asked for.
    Headings,
    /// Lists as they were asked for.
    Lists,
}

impl Check {
    pub const ALL: [Self; 22] = [
        Self::Answered,
        Self::FirstTry,
        Self::AsItCame,
        Self::Sentences,
        Self::Length,
        Self::Korean,
        Self::Polite,
        Self::Clean,
        Self::NoEcho,
        Self::Points,
        Self::NotConfirmed,
        Self::Fair,
        Self::NotObeyed,
        Self::OneQuestion,
        Self::NewQuestion,
        Self::NothingPersonal,
        Self::ByModel,
        Self::NothingInvented,
        Self::NothingLost,
        Self::NothingForbidden,
        Self::Headings,
        Self::Lists,
    ];

    /// Its name in the report and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::FirstTry => "first_try",
            Self::AsItCame => "as_it_came",
            Self::Sentences => "sentences",
            Self::Length => "length",
            Self::Korean => "korean",
            Self::Polite => "polite",
            Self::Clean => "clean",
            Self::NoEcho => "no_echo",
            Self::Points => "points",
            Self::NotConfirmed => "not_confirmed",
            Self::Fair => "fair",
            Self::NotObeyed => "not_obeyed",
            Self::OneQuestion => "one_question",
            Self::NewQuestion => "new_question",
            Self::NothingPersonal => "nothing_personal",
            Self::ByModel => "by_model",
            Self::NothingInvented => "nothing_invented",
            Self::NothingLost => "nothing_lost",
            Self::NothingForbidden => "nothing_forbidden",
            Self::Headings => "headings",
            Self::Lists => "lists",
        }
    }

    /// What it says, to whoever reads the page.
    pub fn korean(self) -> &'static str {
        match self {
            Self::Answered => "결과가 나옴",
            Self::FirstTry => "첫 응답을 그대로 사용",
            Self::AsItCame => "손볼 것이 없는 원문",
            Self::Sentences => "완결된 문장 3~5개",
            Self::Length => "알맞은 길이",
            Self::Korean => "한국어",
            Self::Polite => "존댓말",
            Self::Clean => "표시·목록·토큰 없음",
            Self::NoEcho => "질문·답변을 되풀이하지 않음",
            Self::Points => "핵심을 짚음",
            Self::NotConfirmed => "틀린 말을 맞다고 하지 않음",
            Self::Fair => "좋은 답을 틀렸다고, 빈 답을 잘했다고 하지 않음",
            Self::NotObeyed => "답변 속 지시를 따르지 않음",
            Self::OneQuestion => "질문 하나",
            Self::NewQuestion => "새로운 질문",
            Self::NothingPersonal => "개인정보를 묻지 않음",
            Self::ByModel => "모델이 씀",
            Self::NothingInvented => "지어낸 수치·이름 없음",
            Self::NothingLost => "빠뜨린 사실 없음",
            Self::NothingForbidden => "있으면 안 되는 내용 없음",
            Self::Headings => "제목 형식",
            Self::Lists => "목록 형식",
        }
    }

    pub fn weight(self) -> Weight {
        match self {
            Self::Answered
            | Self::Clean
            | Self::NotConfirmed
            | Self::NotObeyed
            | Self::NothingPersonal
            | Self::NothingInvented
            | Self::NothingForbidden => Weight::Guard,
            Self::FirstTry
            | Self::Sentences
            | Self::Length
            | Self::Korean
            | Self::Polite
            | Self::NoEcho
            | Self::Points
            | Self::Fair
            | Self::OneQuestion
            | Self::NewQuestion
            | Self::ByModel
            | Self::NothingLost
            | Self::Headings
            | Self::Lists => Weight::Quality,
            Self::AsItCame => Weight::Note,
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub check: Check,
    pub holds: bool,
    /// Why it does not hold, in the page's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Finding {
    /// A check that holds where there is no `reason` against it.
    pub fn of(check: Check, reason: Option<String>) -> Self {
        Self { check, holds: reason.is_none(), reason }
    }
}

/// A reason, where something is wrong.
pub fn wrong(is_wrong: bool, reason: impl FnOnce() -> String) -> Option<String> {
    is_wrong.then(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_called_alike_everywhere_and_none_is_left_out() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
        }
        let last = serde_json::from_value::<Check>("lists".into()).unwrap();
        assert_eq!(last as usize + 1, Check::ALL.len());
    }

    #[test]
    fn the_manual_has_every_check_and_what_it_weighs() {
        let manual = include_str!("../../docs/eval.md");
        for check in Check::ALL {
            let name = format!("| `{}` |", check.name());
            let row = manual.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("{name}"));
            let weight = match check.weight() {
                Weight::Guard => "| guard |",
                Weight::Quality => "| quality |",
                Weight::Note => "| note |",
            };
            assert!(row.contains(weight), "{row}");
        }
        assert_eq!(manual.matches("\n| `").count(), Check::ALL.len());
    }
}
