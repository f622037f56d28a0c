//! The fallback's switch. It takes members' data out of the country, so a key that happens to be in the environment
//! turns nothing on.

use super::Check;
use crate::llm::openai::{self, OpenAiSettings};

/// The one fallback there is.
const OPENAI: &str = "openai";
/// What a request may be asked to have before it goes there.
const CONSENT: &str = "consent";
const KEY: &str = "OPENAI_API_KEY";
const KEY_FILE: &str = "OPENAI_API_KEY_FILE";
/// OpenAI's own server, which lets nobody in without a key.
const NEEDS_A_KEY: &str = "api.openai.com";

/// The settings of the fallback as they were given.
pub(super) struct Given {
    pub llm_fallback: String,
    pub openai_api_key: String,
    pub openai_api_key_file: String,
    pub openai_base_url: String,
    pub openai_model: String,
    pub openai_only_with: String,
}

impl Given {
    /// The variables that say how to reach a fallback and are ignored, because nothing turns it on.
    pub fn ignored(&self) -> Vec<&'static str> {
        let ways = [
            (KEY, &self.openai_api_key),
            (KEY_FILE, &self.openai_api_key_file),
            ("OPENAI_BASE_URL", &self.openai_base_url),
        ];
        let off = self.llm_fallback.trim().is_empty();
        ways.into_iter().filter(|(_, value)| off && !value.is_empty()).map(|(name, _)| name).collect()
    }

    /// Whether it is for those requests alone that say that the member agreed.
    pub fn needs_consent(&self, check: &mut Check) -> bool {
        match self.openai_only_with.trim() {
            "" => false,
            CONSENT => true,
            _ => {
                check.wrong("OPENAI_ONLY_WITH", "consent, or empty for every request");
                true
            }
        }
    }

    /// How to reach the fallback, if it is turned on.
    pub fn checked(self, check: &mut Check) -> Option<OpenAiSettings> {
        match self.llm_fallback.trim() {
            "" => return None,
            OPENAI => {}
            _ => {
                check.wrong("LLM_FALLBACK", "openai, or empty for none");
                return None;
            }
        }
        let api_key = check.key([KEY, KEY_FILE], self.openai_api_key, &self.openai_api_key_file);
        let api_key = Some(api_key).filter(|key| !key.is_empty());
        let given = Some(self.openai_base_url.as_str()).filter(|url| !url.is_empty());
        let base_url = check.url("OPENAI_BASE_URL", given.unwrap_or(openai::DEFAULT_BASE_URL))?;
        if api_key.is_none() && self.openai_api_key_file.is_empty() && base_url.host_str() == Some(NEEDS_A_KEY) {
            check.wrong(KEY, "LLM_FALLBACK=openai needs it, or the OPENAI_BASE_URL of a server that wants no key");
        }
        Some(OpenAiSettings { base_url, model: self.openai_model, api_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(llm_fallback: &str, openai_api_key: &str, openai_base_url: &str) -> Given {
        Given {
            llm_fallback: llm_fallback.to_owned(),
            openai_api_key: openai_api_key.to_owned(),
            openai_api_key_file: String::new(),
            openai_base_url: openai_base_url.to_owned(),
            openai_model: "gpt".to_owned(),
            openai_only_with: String::new(),
        }
    }

    /// The base URL of the fallback that these settings turn on, or the settings that are wrong.
    fn checked(llm_fallback: &str, key: &str, url: &str) -> Result<Option<String>, Vec<String>> {
        let mut check = Check::default();
        let fallback = given(llm_fallback, key, url).checked(&mut check);
        let names = check.0.iter().filter_map(|mistake| Some(mistake.split_once(':')?.0.to_owned()));
        if check.0.is_empty() { Ok(fallback.map(|fallback| fallback.base_url.into())) } else { Err(names.collect()) }
    }

    #[test]
    fn a_key_or_url_turns_nothing_on_and_is_named() {
        for (key, url, named) in [
            ("sk-1", "", vec!["OPENAI_API_KEY"]),
            ("", "http://gpu:1/v1", vec!["OPENAI_BASE_URL"]),
            ("sk-1", "no URL at all", vec!["OPENAI_API_KEY", "OPENAI_BASE_URL"]),
            ("", "", vec![]),
        ] {
            assert_eq!(checked("", key, url), Ok(None), "{named:?}");
            assert_eq!(given("", key, url).ignored(), named);
            assert!(given(OPENAI, key, url).ignored().is_empty());
        }
    }

    #[test]
    fn the_switch_and_a_key_turn_openai_on() {
        assert_eq!(checked("openai", "sk-1", ""), Ok(Some(openai::DEFAULT_BASE_URL.to_owned())));
    }

    #[test]
    fn a_file_with_the_key_is_read_where_the_fallback_is_on_and_only_named_where_it_is_off() {
        let with_file = |switch| Given { openai_api_key_file: "/nowhere".to_owned(), ..given(switch, "", "") };
        let mut check = Check::default();
        assert_eq!(with_file("").ignored(), ["OPENAI_API_KEY_FILE"]);
        assert!(with_file("").checked(&mut check).is_none() && check.0.is_empty());
        with_file(OPENAI).checked(&mut check);
        let [told] = check.0.as_slice() else { panic!("{:?}", check.0) };
        assert!(told.starts_with("OPENAI_API_KEY_FILE: /nowhere cannot be read: "), "{told}");
    }

    #[test]
    fn another_server_needs_no_key() {
        assert_eq!(checked("openai", "", "http://gpu:1/v1"), Ok(Some("http://gpu:1/v1".to_owned())));
    }

    #[test]
    fn openai_without_a_key_is_a_mistake() {
        let mistake = Err(vec!["OPENAI_API_KEY".to_owned()]);
        assert_eq!(checked("openai", "", ""), mistake);
        assert_eq!(checked("openai", "", "https://api.openai.com/v1"), mistake);
    }

    #[test]
    fn every_request_goes_there_unless_consent_is_asked_for() {
        let with = |only_with: &str| {
            let mut check = Check::default();
            let given = Given { openai_only_with: only_with.to_owned(), ..given(OPENAI, "sk-1", "") };
            let needs_consent = given.needs_consent(&mut check);
            if check.0.is_empty() { Ok(needs_consent) } else { Err(check.0) }
        };
        assert_eq!((with(""), with("consent"), with(" consent ")), (Ok(false), Ok(true), Ok(true)));
        for wrong in ["true", "Consent", "header", "동의"] {
            let told = with(wrong).unwrap_err();
            assert!(told[0].starts_with("OPENAI_ONLY_WITH: consent") && !told[0].contains(wrong), "{told:?}");
        }
    }

    #[test]
    fn any_other_switch_is_a_mistake_and_so_is_a_wrong_url() {
        for other in ["on", "true", "OpenAI", "azure"] {
            assert_eq!(checked(other, "sk-1", ""), Err(vec!["LLM_FALLBACK".to_owned()]), "{other}");
        }
        assert_eq!(checked("openai", "sk-1", "gpu:1"), Err(vec!["OPENAI_BASE_URL".to_owned()]));
    }
}
