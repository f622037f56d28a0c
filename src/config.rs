//! Settings: flags and environment variables, checked together (contract, section 7).

mod check;
mod connections;
mod fallback;
mod files;
mod properties;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches};

pub use crate::config::check::read_duration;
use crate::config::check::{Check, QUESTIONS_MAX};
use crate::config::files::Files;
pub use crate::config::files::read as read_file;
use crate::config::store::Store;
use crate::documents::s3::StoreOptions;
use crate::events::outcome::OutcomeKind;
use crate::kafka::client::Connection;
use crate::kafka::topics::Topics;
use crate::llm::openai::{self, OpenAiSettings};
use crate::llm::vllm::VllmSettings;
use crate::state::redis::RedisAddress;
use crate::telemetry::log::Format;

/// Every setting as it was given: a flag, an environment variable, or the default. Nothing is checked yet, so that
/// all mistakes can be told at once.
#[derive(Args)]
#[command(next_help_heading = "Settings (flag, or environment variable; an empty variable counts as unset)")]
pub struct Settings {
    /// Kafka brokers, host:port, separated by commas
    #[arg(long, env, hide_env_values = true, default_value = "localhost:9092")]
    kafka_bootstrap_servers: String,
    /// librdkafka properties, a=b,c=d (a comma within a value: \,): TLS, SASL, group.protocol, group.instance.id ({hostname} in it is the machine's)
    #[arg(long, env, hide_env_values = true, default_value = "")]
    kafka_properties: String,
    /// Topic of feedback requests
    #[arg(long, env, hide_env_values = true, default_value = "FeedbackRequested")]
    topic_feedback_requested: String,
    /// Topic of résumé starts
    #[arg(long, env, hide_env_values = true, default_value = "ResumeInit")]
    topic_resume_init: String,
    /// Topic of résumé answers
    #[arg(long, env, hide_env_values = true, default_value = "ResumeAnswer")]
    topic_resume_answer: String,
    /// Topic of finished feedback
    #[arg(long, env, hide_env_values = true, default_value = "FeedbackGenerated")]
    topic_feedback_generated: String,
    /// Topic of résumé questions
    #[arg(long, env, hide_env_values = true, default_value = "ResumeQuestionGenerated")]
    topic_resume_question_generated: String,
    /// Topic of finished résumés
    #[arg(long, env, hide_env_values = true, default_value = "ResumeCompleted")]
    topic_resume_completed: String,
    /// Topic of failures
    #[arg(long, env, hide_env_values = true, default_value = "RequestFailed")]
    topic_request_failed: String,
    /// Topic of how far requests are; off: nobody is told, and no reply is read while it is written
    #[arg(long, env, hide_env_values = true, default_value = "RequestProgress")]
    topic_request_progress: String,
    /// What a dead-letter topic's name adds to its request topic's
    #[arg(long, env, hide_env_values = true, default_value = "-dlt")]
    dead_letter_suffix: String,
    /// Consumer group that reads feedback requests
    #[arg(long, env, hide_env_values = true, default_value = "ssammu-feedback")]
    group_feedback: String,
    /// Consumer group that reads résumé starts and answers
    #[arg(long, env, hide_env_values = true, default_value = "ssammu-resume")]
    group_resume: String,
    /// Redis: redis://, rediss://, redis-cluster:// or redis-sentinel://
    #[arg(long, env, hide_env_values = true, default_value = REDIS_URL)]
    redis_url: String,
    /// Redis replicas that must have a saved outcome before it is sent: a failover then loses none (WAIT)
    #[arg(long, env, hide_env_values = true, default_value = "0")]
    redis_wait_replicas: String,
    /// OpenAI-compatible model server, with or without /v1
    #[arg(long, env, hide_env_values = true, default_value = "http://localhost:8001")]
    vllm_url: String,
    /// Model to ask for; without it the first that the server lists
    #[arg(long, env, hide_env_values = true, default_value = "")]
    model_name: String,
    /// Key of the model server, if it wants one
    #[arg(long, env, hide_env_values = true, default_value = "")]
    vllm_api_key: String,
    /// true: the model server is reached through the proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, if there is one
    #[arg(long, env, hide_env_values = true, default_value = "false")]
    vllm_proxy: String,
    /// openai: who answers where the model server cannot. Without it a key does nothing: the fallback takes members'
    /// data out of the country
    #[arg(long, env, hide_env_values = true, default_value = "")]
    llm_fallback: String,
    /// Key of the fallback, if it wants one
    #[arg(long, env, hide_env_values = true, default_value = "")]
    openai_api_key: String,
    /// URL of the fallback [without it: OpenAI's own]
    #[arg(long, env, hide_env_values = true, default_value = "")]
    openai_base_url: String,
    /// Model of the fallback
    #[arg(long, env, hide_env_values = true, default_value = openai::DEFAULT_MODEL)]
    openai_model: String,
    /// consent: the fallback gets only requests whose header ce_overseasconsent is true [without it: every request]
    #[arg(long, env, hide_env_values = true, default_value = "")]
    openai_only_with: String,
    /// Bucket for documents. Credentials, region and AWS_ENDPOINT_URL_S3 are read as in any AWS program
    #[arg(long, env, hide_env_values = true, default_value = "resumes")]
    s3_bucket_name: String,
    /// What every object key begins with; a missing / at its end is added
    #[arg(long, env, hide_env_values = true, default_value = "resume/")]
    s3_upload_prefix: String,
    /// How long a download link works, up to 7 days
    #[arg(long, env, hide_env_values = true, default_value = "15m")]
    resume_url_ttl: String,
    /// Where health and metrics are served
    #[arg(long, env, hide_env_values = true, default_value = "127.0.0.1:8080")]
    http_addr: String,
    /// Requests in work at once
    #[arg(long, env, hide_env_values = true, default_value = "64")]
    max_in_flight: String,
    /// Questions that a résumé interview has at least, whatever the model thinks; 0: it may end without one
    #[arg(long, env, hide_env_values = true, default_value = "1")]
    min_questions: String,
    /// Most questions of a résumé interview
    #[arg(long, env, hide_env_values = true, default_value = "3")]
    max_questions: String,
    /// How long an interview is kept after its last change
    #[arg(long, env, hide_env_values = true, default_value = "24h")]
    session_ttl: String,
    /// Time for one request's work, retries included
    #[arg(long, env, hide_env_values = true, default_value = "60s")]
    request_deadline: String,
    /// Age of a request, by its record's time, beyond which it is not worked
    #[arg(long, env, hide_env_values = true, default_value = "10m")]
    request_max_age: String,
    /// How long an answered request is remembered
    #[arg(long, env, hide_env_values = true, default_value = "24h")]
    outcome_ttl: String,
    /// Time for what is in work when the worker is told to stop
    #[arg(long, env, hide_env_values = true, default_value = "20s")]
    shutdown_grace: String,
    /// Log as text or json
    #[arg(long, env, hide_env_values = true, default_value = "text")]
    log_format: String,
    /// What to log, as tracing's directives
    #[arg(long, env, hide_env_values = true, default_value = "info")]
    rust_log: String,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    store: Store,
}

/// Checked settings.
#[derive(Clone)]
pub struct Config {
    pub kafka: Connection,
    pub topics: Topics,
    pub group_feedback: String,
    pub group_resume: String,
    pub redis: RedisAddress,
    pub redis_wait_replicas: u32,
    pub vllm: VllmSettings,
    pub openai: Option<OpenAiSettings>,
    /// The fallback gets only requests whose member has agreed to that.
    pub fallback_needs_consent: bool,
    /// Variables that say how to reach a fallback, while none is turned on.
    pub fallback_ignored: Vec<&'static str>,
    pub s3_bucket: String,
    pub s3_options: StoreOptions,
    pub s3_upload_prefix: String,
    pub resume_url_ttl: Duration,
    pub http_addr: String,
    pub max_in_flight: usize,
    pub min_questions: u32,
    pub max_questions: u32,
    pub session_ttl: Duration,
    pub request_deadline: Duration,
    pub request_max_age: Duration,
    pub outcome_ttl: Duration,
    pub shutdown_grace: Duration,
    pub log_format: Format,
    pub log_directives: String,
}

/// Everything that is wrong with the settings. It shows no values: they may be secrets.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings have mistakes:")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// S3 signs links for up to seven days.
const LINK_TTL_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// A year; longer waits are mistakes, and would overflow somewhere.
pub const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// What stands in the place of a topic's name where there is none.
const OFF: &str = "off";
const REDIS_URL: &str = "redis://localhost:6379";
const IN_FLIGHT_MAX: usize = 100_000;
/// Far more than anybody has.
const REPLICAS_MAX: u32 = 100;

impl Settings {
    /// The defaults, whatever the environment says.
    ///
    /// # Errors
    /// Never, as long as every setting has a default.
    pub fn defaults() -> Result<Self, clap::Error> {
        let command = Self::augment_args(Command::new("defaults")).mut_args(|arg| arg.env(None::<&'static str>));
        Self::from_arg_matches(&command.try_get_matches_from(["defaults"])?)
    }

    /// Checks all settings.
    ///
    /// # Errors
    /// All [`Mistakes`] at once.
    pub fn check(self) -> Result<Config, Mistakes> {
        let mut check = Check::default();
        let kafka =
            check.kafka(self.kafka_bootstrap_servers, &self.kafka_properties, &self.files.kafka_properties_file);
        let dead_letter_suffix = check.not_empty("DEAD_LETTER_SUFFIX", self.dead_letter_suffix);
        let names = [
            ("TOPIC_FEEDBACK_REQUESTED", self.topic_feedback_requested),
            ("TOPIC_RESUME_INIT", self.topic_resume_init),
            ("TOPIC_RESUME_ANSWER", self.topic_resume_answer),
            ("TOPIC_FEEDBACK_GENERATED", self.topic_feedback_generated),
            ("TOPIC_RESUME_QUESTION_GENERATED", self.topic_resume_question_generated),
            ("TOPIC_RESUME_COMPLETED", self.topic_resume_completed),
            ("TOPIC_REQUEST_FAILED", self.topic_request_failed),
        ];
        let [feedback_requested, resume_init, resume_answer, feedback, question, completed, failed] =
            names.map(|(name, topic)| check.topic(name, topic, &dead_letter_suffix));
        let progress = match self.topic_request_progress.trim() {
            off if off.eq_ignore_ascii_case(OFF) => None,
            _ => Some(check.topic("TOPIC_REQUEST_PROGRESS", self.topic_request_progress, "")),
        };
        let topics = Topics {
            feedback_requested,
            resume_init,
            resume_answer,
            outcomes: HashMap::from([
                (OutcomeKind::FeedbackGenerated, feedback),
                (OutcomeKind::ResumeQuestionGenerated, question),
                (OutcomeKind::ResumeCompleted, completed),
                (OutcomeKind::RequestFailed, failed),
            ]),
            progress,
            dead_letter_suffix,
        };
        let mut all = topics.all();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        if all.len() < count {
            check.wrong("TOPIC_*", "every topic needs a name of its own");
        }
        let group_feedback = check.not_empty("GROUP_FEEDBACK", self.group_feedback);
        let group_resume = check.not_empty("GROUP_RESUME", self.group_resume);
        if group_feedback == group_resume {
            check.wrong("GROUP_FEEDBACK", "it must differ from GROUP_RESUME");
        }
        let redis = check.redis(self.redis_url, &self.files.redis_url_file);
        let redis_wait_replicas = check.number_or_none("REDIS_WAIT_REPLICAS", &self.redis_wait_replicas, REPLICAS_MAX);
        let vllm_url = check.url("VLLM_URL", &self.vllm_url);
        let fallback = fallback::Given {
            llm_fallback: self.llm_fallback,
            openai_api_key: self.openai_api_key,
            openai_api_key_file: self.files.openai_api_key_file,
            openai_base_url: self.openai_base_url,
            openai_model: self.openai_model,
            openai_only_with: self.openai_only_with,
        };
        let fallback_ignored = fallback.ignored();
        let fallback_needs_consent = fallback.needs_consent(&mut check);
        let openai = fallback.checked(&mut check);
        let s3_upload_prefix = check.prefix("S3_UPLOAD_PREFIX", self.s3_upload_prefix);
        let resume_url_ttl = check.duration("RESUME_URL_TTL", &self.resume_url_ttl);
        if resume_url_ttl > LINK_TTL_MAX {
            check.wrong("RESUME_URL_TTL", "at most 7 days");
        }
        let log_format = match self.log_format.as_str() {
            "text" => Format::Text,
            "json" => Format::Json,
            _ => {
                check.wrong("LOG_FORMAT", "text or json");
                Format::Text
            }
        };
        if tracing_subscriber::EnvFilter::try_new(&self.rust_log).is_err() {
            check.wrong("RUST_LOG", "not a log directive, such as info or ssammu_worker=debug");
        }
        let optional = |text: String| (!text.is_empty()).then_some(text);
        let min_questions = check.min_questions(&self.min_questions, &self.max_questions);
        let parts = (
            check.number("MAX_IN_FLIGHT", &self.max_in_flight, IN_FLIGHT_MAX),
            check.number("MAX_QUESTIONS", &self.max_questions, QUESTIONS_MAX),
            check.duration("SESSION_TTL", &self.session_ttl),
            check.duration("REQUEST_DEADLINE", &self.request_deadline),
            check.duration("REQUEST_MAX_AGE", &self.request_max_age),
            check.duration("OUTCOME_TTL", &self.outcome_ttl),
            check.duration_or_none("SHUTDOWN_GRACE", &self.shutdown_grace),
        );
        let vllm_api_key =
            check.key(["VLLM_API_KEY", "VLLM_API_KEY_FILE"], self.vllm_api_key, &self.files.vllm_api_key_file);
        let through_proxy = check.switch("VLLM_PROXY", &self.vllm_proxy);
        let s3_options = self.store.checked(&mut check);
        let http_addr = check.address("HTTP_ADDR", self.http_addr);
        let s3_bucket = check.not_empty("S3_BUCKET_NAME", self.s3_bucket_name);
        let (max_in_flight, max_questions, session_ttl, request_deadline, request_max_age, outcome_ttl, grace) = parts;
        let (Some(redis), Some(vllm_url), true) = (redis, vllm_url, check.0.is_empty()) else {
            return Err(Mistakes(check.0));
        };
        Ok(Config {
            kafka,
            topics,
            group_feedback,
            group_resume,
            redis,
            redis_wait_replicas,
            vllm: VllmSettings {
                url: vllm_url,
                model: optional(self.model_name),
                api_key: optional(vllm_api_key),
                through_proxy,
            },
            openai,
            fallback_needs_consent,
            fallback_ignored,
            s3_bucket,
            s3_options,
            s3_upload_prefix,
            resume_url_ttl,
            http_addr,
            max_in_flight,
            min_questions,
            max_questions,
            session_ttl,
            request_deadline,
            request_max_age,
            outcome_ttl,
            shutdown_grace: grace,
            log_format,
            log_directives: self.rust_log,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Settings)) -> Result<Config, Mistakes> {
        let mut settings = Settings::defaults().unwrap();
        change(&mut settings);
        settings.check()
    }

    #[test]
    fn the_defaults_are_the_contracts() {
        let config = with(|_| {}).unwrap();
        assert_eq!(
            config.topics.all().join(" "),
            "FeedbackRequested ResumeInit ResumeAnswer FeedbackGenerated \
            ResumeQuestionGenerated ResumeCompleted RequestFailed FeedbackRequested-dlt ResumeInit-dlt ResumeAnswer-dlt \
            RequestProgress"
        );
        assert_eq!((config.max_in_flight, config.min_questions, config.max_questions), (64, 1, 3));
        assert_eq!(config.request_deadline, Duration::from_secs(60));
        assert!(config.openai.is_none() && config.vllm.model.is_none());
    }

    #[test]
    fn every_mistake_is_told_at_once_and_no_value_is_shown() {
        let Err(Mistakes(mistakes)) = with(|settings| {
            settings.kafka_properties = "sasl.password=s3cret,nonsense=s3cret".to_owned();
            settings.redis_url = "http://:s3cret@redis".to_owned();
            settings.vllm_url = "s3cret".to_owned();
            settings.max_in_flight = "0".to_owned();
            settings.redis_wait_replicas = "s3cret".to_owned();
            settings.request_deadline = "s3cret".to_owned();
            settings.session_ttl = "0s".to_owned();
            settings.http_addr = "8080".to_owned();
            settings.log_format = "s3cret".to_owned();
            settings.topic_resume_init = "s3cret!".to_owned();
            settings.resume_url_ttl = "8d".to_owned();
            settings.llm_fallback = "s3cret".to_owned();
        }) else {
            panic!("mistakes")
        };
        let names: Vec<&str> = mistakes.iter().filter_map(|mistake| Some(mistake.split_once(':')?.0)).collect();
        for name in [
            "KAFKA_PROPERTIES",
            "REDIS_URL",
            "REDIS_WAIT_REPLICAS",
            "VLLM_URL",
            "MAX_IN_FLIGHT",
            "REQUEST_DEADLINE",
            "SESSION_TTL",
            "HTTP_ADDR",
            "LOG_FORMAT",
            "TOPIC_RESUME_INIT",
            "RESUME_URL_TTL",
            "LLM_FALLBACK",
        ] {
            assert!(names.contains(&name), "{name} in {mistakes:?}");
        }
        assert!(!mistakes.concat().contains("s3cret"), "{mistakes:?}");
    }

    #[test]
    fn an_interview_has_from_none_to_all_of_its_questions_at_least() {
        let questions = |min: &str, max: &str| {
            let (min_questions, max_questions) = (min.to_owned(), max.to_owned());
            with(|settings| *settings = Settings { min_questions, max_questions, ..Settings::defaults().unwrap() })
        };
        for (min, max) in [("0", "3"), ("1", "1"), (" 20 ", "20")] {
            assert_eq!(questions(min, max).map(|config| config.min_questions).ok(), min.trim().parse().ok());
        }
        for (min, max) in [("4", "3"), ("2", "1"), ("-1", "3"), ("one", "3"), ("21", "20"), ("21", "no number")] {
            let Err(Mistakes(mistakes)) = questions(min, max) else { panic!("{min} of {max}") };
            assert_eq!(mistakes.iter().filter(|mistake| mistake.starts_with("MIN_QUESTIONS")).count(), 1, "{min}");
        }
        let Err(Mistakes(mistakes)) = questions("5", "no number") else { panic!("no number") };
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    }

    #[test]
    fn the_fallback_is_on_when_it_is_turned_on_and_not_when_its_key_is_there() {
        let only_a_key = with(|settings| settings.openai_api_key = "k".to_owned()).unwrap();
        assert!(only_a_key.openai.is_none());
        assert_eq!(only_a_key.fallback_ignored, ["OPENAI_API_KEY"]);
        let on = with(|settings| {
            settings.llm_fallback = "openai".to_owned();
            settings.openai_api_key = "k".to_owned();
        });
        assert_eq!(on.unwrap().openai.and_then(|fallback| fallback.api_key).as_deref(), Some("k"));
    }

    #[test]
    fn a_prefix_is_a_folder_whether_its_slash_is_there_or_not() {
        let prefix = |text: &str| with(|settings| settings.s3_upload_prefix = text.to_owned());
        for (given, taken) in [("resume", "resume/"), ("resume/", "resume/"), ("a/b", "a/b/"), ("", "")] {
            assert_eq!(prefix(given).unwrap().s3_upload_prefix, taken);
        }
        assert!(prefix("/resume").is_err() && prefix("/").is_err() && prefix(&"a".repeat(900)).is_err());
    }

    #[test]
    fn two_topics_cannot_share_a_name() {
        assert!(with(|settings| settings.topic_resume_init = "ResumeAnswer".to_owned()).is_err());
        assert!(with(|settings| settings.topic_resume_answer = "ResumeInit-dlt".to_owned()).is_err());
        assert!(with(|settings| settings.topic_request_progress = "RequestFailed".to_owned()).is_err());
    }

    #[test]
    fn progress_is_told_unless_it_is_off() {
        let progress = |text: &str| with(|settings| settings.topic_request_progress = text.to_owned());
        assert_eq!(progress("RequestProgress").unwrap().topics.progress.as_deref(), Some("RequestProgress"));
        for off in ["off", "OFF", " off "] {
            let topics = progress(off).unwrap().topics;
            assert_eq!((topics.progress.as_deref(), topics.all()), (None, topics.needed()), "{off}");
        }
        let Err(Mistakes(mistakes)) = progress("no topic!") else { panic!("no topic") };
        assert!(mistakes.concat().contains("TOPIC_REQUEST_PROGRESS"), "{mistakes:?}");
    }
}
