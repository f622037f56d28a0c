//! A secret in a file that is read again when it changes, as mounted secrets do when they are rotated.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::config::read_file;

/// How often it is looked whether the file has changed. The contents are compared: times say too little of mounted ones.
const LOOK: Duration = Duration::from_secs(2);

/// What a file holds now.
pub struct Watched<T> {
    setting: &'static str,
    path: String,
    read: fn(&str) -> Result<T, String>,
    current: Mutex<Current<T>>,
}

struct Current<T> {
    text: String,
    value: Arc<T>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the file that `setting` names.
    ///
    /// # Errors
    /// What is wrong with it, without anything of what it holds.
    pub fn open(setting: &'static str, path: String, read: fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let text = read_file(&path).map_err(|problem| format!("{path} {problem}"))?;
        let value = Arc::new(read(&text).map_err(|problem| format!("{path}: {problem}"))?);
        Ok(Self { setting, path, read, current: Mutex::new(Current { text, value }) })
    }

    /// What it holds.
    pub fn get(&self) -> Arc<T> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).value.clone()
    }

    /// Reads it again whenever it changes, for as long as it is awaited. One that cannot be read any more, or makes no sense, leaves what it held.
    pub async fn follow(self: Arc<Self>) {
        let mut told: Option<String> = None;
        loop {
            sleep(LOOK).await;
            let this = self.clone();
            let looked = spawn_blocking(move || this.look()).await;
            let problem = match looked {
                Ok(Ok(has_changed)) => {
                    if has_changed {
                        tracing::info!(setting = self.setting, "the file has changed and was read again");
                    }
                    None
                }
                Ok(Err(problem)) => Some(problem),
                Err(_) => Some("the file could not be read".to_owned()),
            };
            if let Some(problem) = problem.as_ref().filter(|problem| told.as_ref() != Some(problem)) {
                tracing::warn!(setting = self.setting, problem, "the file has changed, and what it held before counts");
            }
            told = problem;
        }
    }

    fn look(&self) -> Result<bool, String> {
        let text = read_file(&self.path)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.text == text {
            return Ok(false);
        }
        let value = Arc::new((self.read)(&text)?);
        *current = Current { text, value };
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn word(text: &str) -> Result<String, String> {
        if text.contains(' ') { Err("two words".to_owned()) } else { Ok(text.to_owned()) }
    }

    #[test]
    fn what_changes_is_read_again_and_what_makes_no_sense_leaves_what_was_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "one\n").unwrap();
        let watched = Watched::open("A_FILE", file.path().display().to_string(), word).unwrap();
        assert_eq!((watched.look(), watched.get().as_str()), (Ok(false), "one"));
        fs::write(file.path(), "two").unwrap();
        assert_eq!((watched.look(), watched.get().as_str()), (Ok(true), "two"));
        fs::write(file.path(), "not one").unwrap();
        assert_eq!((watched.look(), watched.get().as_str()), (Err("two words".to_owned()), "two"));
        fs::remove_file(file.path()).unwrap();
        assert!(watched.look().is_err() && watched.get().as_str() == "two");
    }

    #[test]
    fn a_file_that_makes_no_sense_at_the_start_is_told_with_its_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "s3cret words").unwrap();
        let path = file.path().display().to_string();
        assert_eq!(Watched::open("A_FILE", path.clone(), word).err(), Some(format!("{path}: two words")));
        assert!(Watched::open("A_FILE", "/nowhere".to_owned(), word).is_err());
    }
}
