//! Whether a server serves a model under the name that it is asked for. What it lists says so as a rule; a name that
//! it does not list may be an alias, so the last word has what it answers.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::classify::{Cause, Completion, Fault};
use super::model_info::ModelList;

/// How many of the listed names are told, and how much of each: a proxy may list hundreds.
const NAMES: usize = 5;
const NAME_CHARS: usize = 80;

/// Why a server cannot be relied on, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub cause: Cause,
    text: String,
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self { cause: fault.cause, text: fault.to_string() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the last answer under a name said.
#[derive(Debug)]
enum Verdict {
    /// There was a reply.
    Serves(String),
    /// There is no such model; and whether it was listed then, as far as it was looked at since.
    Lacks(String, Option<bool>),
}

/// What is known of a server's model by the name that it is asked for.
#[derive(Debug, Default)]
pub(super) struct Naming(Mutex<Option<Verdict>>);

impl Naming {
    /// Takes in what the server answered when it was asked for `name`.
    pub fn learn(&self, name: &str, answer: &Result<Completion, Fault>) {
        let mut verdict = self.verdict();
        match (answer, verdict.as_ref()) {
            (Ok(_), Some(Verdict::Serves(served))) if served == name => {}
            (Ok(_), _) => *verdict = Some(Verdict::Serves(name.to_owned())),
            (Err(fault), _) if fault.cause == Cause::UnknownModel => {
                *verdict = Some(Verdict::Lacks(name.to_owned(), None));
            }
            (Err(_), _) => {}
        }
    }

    /// What to say about the server, which is to be asked for `name` (where that is known: else for the first model
    /// that it lists) and was just asked for its list.
    pub fn judge(&self, name: Option<&str>, list: Result<ModelList, Fault>) -> Result<(), Trouble> {
        let list = match list {
            Ok(list) => list,
            Err(fault) if !ModelList::can_be_done_without(&fault) => {
                // Whoever comes back after a restart may serve other models.
                *self.verdict() = None;
                return Err(fault.into());
            }
            // Whoever says nothing now serves nobody now, whatever it did before.
            Err(fault) if matches!(fault.cause, Cause::Silent | Cause::Dropped | Cause::Cut | Cause::Insecure(_)) => {
                return Err(fault.into());
            }
            Err(fault) => {
                let proven = name.is_some_and(|name| self.serves(name));
                // Whoever may not see the list, or hears nothing sensible of it, may be let in all the same, and probably is not.
                let is_without_list = matches!(fault.cause, Cause::NotAnApi | Cause::Rejected | Cause::UnknownModel);
                if name.is_none() || !is_without_list && !proven {
                    return Err(fault.into());
                }
                ModelList::default()
            }
        };
        let Some(name) = name.or(list.first()) else {
            return Err(list.without_models().into());
        };
        let listed = list.lists(name);
        let mut verdict = self.verdict();
        match verdict.as_mut() {
            Some(Verdict::Serves(served)) if served == name => return Ok(()),
            Some(Verdict::Lacks(lacked, listed_then)) if lacked == name => {
                let begun = listed == Some(true) && listed_then.is_some_and(|then| !then);
                *listed_then = listed_then.or(listed);
                if !begun {
                    return Err(unknown("serve", name, &list));
                }
                // It has come since; the next answer will tell.
                *verdict = None;
            }
            Some(_) | None => {}
        }
        if listed == Some(false) { Err(unknown("list", name, &list)) } else { Ok(()) }
    }

    fn serves(&self, name: &str) -> bool {
        matches!(self.verdict().as_ref(), Some(Verdict::Serves(served)) if served == name)
    }

    fn verdict(&self) -> MutexGuard<'_, Option<Verdict>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(does_not: &str, name: &str, list: &ModelList) -> Trouble {
    let mut text = format!("the server does not {does_not} the model {}", quoted(name));
    if let Some(mut names) = list.names() {
        // In an order of its own: the same list is told in the same words, so that it is logged once.
        names.sort_unstable();
        let told: Vec<String> = names.iter().take(NAMES).map(|name| quoted(name)).collect();
        text.push_str(match (told.is_empty(), names.len() > NAMES) {
            (true, _) => "; it lists none",
            (false, true) => "; among others it lists ",
            (false, false) => "; it lists ",
        });
        text.push_str(&told.join(", "));
    }
    Trouble { cause: Cause::UnknownModel, text }
}

/// A name for people, without what could fool a terminal.
fn quoted(name: &str) -> String {
    let mut shown: String = name.chars().filter(|character| !character.is_control()).take(NAME_CHARS).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Result<ModelList, Fault> {
        let data: Vec<_> = names.iter().map(|name| serde_json::json!({"id": name})).collect();
        Ok(ModelList::read(serde_json::json!({ "data": data }).to_string().as_bytes()).unwrap())
    }

    fn refused(status: u16, cause: Cause) -> Result<ModelList, Fault> {
        Err(Fault { cause, status: Some(status), retry_after: None })
    }

    fn replied() -> Result<Completion, Fault> {
        Ok(Completion { text: "네.".to_owned(), truncated: false, usage: None })
    }

    fn not_found() -> Result<Completion, Fault> {
        Err(Fault { cause: Cause::UnknownModel, status: Some(404), retry_after: None })
    }

    fn said(naming: &Naming, name: &str, list: Result<ModelList, Fault>) -> String {
        naming.judge(Some(name), list).map_or_else(|trouble| trouble.to_string(), |()| "ready".to_owned())
    }

    #[test]
    fn a_listed_name_is_ready_and_another_is_told_with_the_list() {
        let naming = Naming::default();
        assert_eq!(said(&naming, "aya", list(&["aya"])), "ready");
        assert_eq!(
            said(&naming, "aya", list(&["/model"])),
            "the server does not list the model `aya`; it lists `/model`"
        );
        assert_eq!(said(&naming, "aya", list(&[])), "the server does not list the model `aya`; it lists none");
    }

    #[test]
    fn a_long_list_is_told_in_part_and_in_the_same_words_whatever_its_order() {
        let long = "n".repeat(200);
        let told = said(&Naming::default(), "aya", list(&["f", "e", "d", "c", &long, "b\n\u{1b}[31m", "a"]));
        assert_eq!(
            told,
            "the server does not list the model `aya`; among others it lists `a`, `b[31m…`, `c`, `d`, `e`"
        );
        assert_eq!(said(&Naming::default(), "aya", list(&["a", "c", "b\n\u{1b}[31m", "d", &long, "f", "e"])), told);
        let told = said(&Naming::default(), "aya", list(&[&long]));
        assert!(told.ends_with(&format!("it lists `{}…`", "n".repeat(80))), "{told}");
    }

    #[test]
    fn an_alias_is_ready_once_it_was_answered() {
        let naming = Naming::default();
        naming.learn("alias", &replied());
        assert_eq!(said(&naming, "alias", list(&["/model"])), "ready");
        assert!(said(&naming, "other", list(&["/model"])).contains("does not list"));
    }

    #[test]
    fn an_answer_that_there_is_no_such_model_outweighs_the_list_until_there_is_a_reply() {
        let naming = Naming::default();
        naming.learn("aya", &not_found());
        let told = "the server does not serve the model `aya`; it lists `aya`";
        assert_eq!(said(&naming, "aya", list(&["aya"])), told);
        assert_eq!(said(&naming, "aya", list(&["aya"])), told);
        naming.learn("aya", &Err(Fault::transport(Cause::Busy)));
        assert_eq!(said(&naming, "aya", list(&["aya"])), told);
        naming.learn("aya", &replied());
        assert_eq!(said(&naming, "aya", list(&["aya"])), "ready");
    }

    #[test]
    fn a_name_that_comes_to_the_list_later_is_ready() {
        let naming = Naming::default();
        naming.learn("aya", &not_found());
        assert!(said(&naming, "aya", list(&["/model"])).contains("does not serve"));
        assert_eq!(said(&naming, "aya", list(&["/model", "aya"])), "ready");
    }

    #[test]
    fn a_server_that_was_away_is_judged_anew() {
        let naming = Naming::default();
        naming.learn("aya", &not_found());
        assert_eq!(said(&naming, "aya", Err(Fault::transport(Cause::Unreachable))), "no connection to the server");
        assert_eq!(said(&naming, "aya", list(&["aya"])), "ready");
    }

    #[test]
    fn a_list_that_may_not_be_seen_is_told_until_the_named_model_answered() {
        let naming = Naming::default();
        assert!(said(&naming, "aya", refused(401, Cause::Denied)).contains("API key"));
        naming.learn("aya", &replied());
        assert_eq!(said(&naming, "aya", refused(401, Cause::Denied)), "ready");
        assert!(naming.judge(None, refused(401, Cause::Denied)).is_err(), "without a name the list is needed");
    }

    #[test]
    fn a_server_that_says_nothing_is_not_ready_whatever_it_served_before() {
        let naming = Naming::default();
        naming.learn("aya", &replied());
        for cause in [Cause::Silent, Cause::Dropped, Cause::Cut] {
            let told = said(&naming, "aya", Err(Fault::transport(cause)));
            assert_eq!(told, Fault::transport(cause).to_string());
        }
        assert_eq!(said(&naming, "aya", list(&["/model"])), "ready", "it is still known to serve the name");
    }

    #[test]
    fn a_server_without_a_list_is_ready_for_a_named_model_unless_it_lacks_that() {
        let naming = Naming::default();
        assert_eq!(said(&naming, "aya", refused(404, Cause::NotAnApi)), "ready");
        naming.learn("aya", &not_found());
        assert_eq!(said(&naming, "aya", refused(404, Cause::NotAnApi)), "the server does not serve the model `aya`");
        assert!(naming.judge(None, refused(404, Cause::NotAnApi)).is_err());
    }

    #[test]
    fn without_a_name_the_first_listed_model_counts() {
        let naming = Naming::default();
        assert_eq!(naming.judge(None, list(&["/model"])), Ok(()));
        naming.learn("/model", &not_found());
        assert!(naming.judge(None, list(&["/model"])).is_err());
        assert_eq!(naming.judge(None, list(&["/new", "/model"])), Ok(()));
        assert!(naming.judge(None, list(&[])).is_err());
    }
}
