//! One test's own topics, under the settings of the contract.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::kit::test_env::PARTITIONS;
use crate::kit::wait::eventually;

/// The outcome topics' default names, which are also the outcomes' types.
pub const OUTCOMES: [&str; 4] = ["FeedbackGenerated", "ResumeQuestionGenerated", "ResumeCompleted", "RequestFailed"];

/// The default name of the topic of progress.
pub const PROGRESS: &str = "RequestProgress";

/// The request topics' default names.
pub const REQUESTS: [&str; 3] = ["FeedbackRequested", "ResumeInit", "ResumeAnswer"];

/// The names of a test's topics.
#[derive(Clone)]
pub struct Topics {
    /// What makes the names unlike any other test's.
    pub suffix: String,
    pub feedback_requested: String,
    pub resume_init: String,
    pub resume_answer: String,
}

impl Topics {
    pub fn new(suffix: &str) -> Self {
        let name = |kind: &str| format!("{kind}-{suffix}");
        Self {
            suffix: suffix.to_owned(),
            feedback_requested: name("FeedbackRequested"),
            resume_init: name("ResumeInit"),
            resume_answer: name("ResumeAnswer"),
        }
    }

    /// The topic that has `kind` as its default name.
    pub fn of(&self, kind: &str) -> String {
        format!("{kind}-{}", self.suffix)
    }

    /// The default name of a topic: an outcome's type, or the request topic (of a dead-letter topic too).
    pub fn kind<'a>(&self, topic: &'a str) -> &'a str {
        let topic = topic.strip_suffix("-dlt").unwrap_or(topic);
        topic.strip_suffix(&self.suffix).and_then(|kind| kind.strip_suffix('-')).unwrap_or(topic)
    }

    pub fn dead_letters(&self) -> [String; 3] {
        REQUESTS.map(|kind| format!("{}-dlt", self.of(kind)))
    }

    /// Those that the worker needs: requests, outcomes, dead letters.
    pub fn needed(&self) -> Vec<String> {
        let mut needed: Vec<String> = REQUESTS.iter().chain(&OUTCOMES).map(|kind| self.of(kind)).collect();
        needed.extend(self.dead_letters());
        needed
    }

    /// All of them, that of progress included.
    pub fn all(&self) -> Vec<String> {
        self.needed().into_iter().chain([self.of(PROGRESS)]).collect()
    }

    /// The settings that give the worker these topics, and groups of their own.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TOPIC_FEEDBACK_REQUESTED", self.of("FeedbackRequested")),
            ("TOPIC_RESUME_INIT", self.of("ResumeInit")),
            ("TOPIC_RESUME_ANSWER", self.of("ResumeAnswer")),
            ("TOPIC_FEEDBACK_GENERATED", self.of("FeedbackGenerated")),
            ("TOPIC_RESUME_QUESTION_GENERATED", self.of("ResumeQuestionGenerated")),
            ("TOPIC_RESUME_COMPLETED", self.of("ResumeCompleted")),
            ("TOPIC_REQUEST_FAILED", self.of("RequestFailed")),
            ("TOPIC_REQUEST_PROGRESS", self.of(PROGRESS)),
            ("GROUP_FEEDBACK", format!("ssammu-feedback-{}", self.suffix)),
            ("GROUP_RESUME", format!("ssammu-resume-{}", self.suffix)),
        ]
    }

    /// Makes them as an operator would: dead letters take records twice as large.
    pub async fn create(&self, bootstrap: &str, partitions: i32) {
        let names = self.all();
        let topics: Vec<NewTopic> = names
            .iter()
            .map(|name| {
                let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
                if name.ends_with("-dlt") { topic.set("max.message.bytes", "2097176") } else { topic }
            })
            .collect();
        for result in admin(bootstrap).create_topics(&topics, &options()).await.expect("Kafka takes the topics") {
            result.expect("the topic is new");
        }
        for name in &names {
            has_partitions(bootstrap, name, partitions).await;
        }
    }

    /// Deletes one and makes it anew, empty.
    pub async fn make_again(&self, bootstrap: &str, topic: &str) {
        let admin = admin(bootstrap);
        admin.delete_topics(&[topic], &options()).await.expect("Kafka deletes");
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
        // Until the old one is gone the name is taken.
        eventually(&format!("{topic} is made again"), || async {
            let made = admin.create_topics([&new], &options()).await.expect("Kafka answers");
            made.iter().all(Result::is_ok).then_some(())
        })
        .await;
        has_partitions(bootstrap, topic, PARTITIONS).await;
        // A busy broker has the old one's log for a moment after the controller has made the new one.
        eventually(&format!("{topic} is empty"), || async {
            let end = |partition| admin.inner().fetch_watermarks(topic, partition, Duration::from_secs(10)).ok();
            (0..PARTITIONS).all(|partition| end(partition).is_some_and(|(_, end)| end == 0)).then_some(())
        })
        .await;
    }

    /// Removes those that are there; a broker with fewer topics is a faster one.
    pub async fn delete(&self, bootstrap: &str) {
        let names = self.all();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Err(error) = admin(bootstrap).delete_topics(&names, &options()).await {
            eprintln!("the topics of {} could not be removed: {error}", self.suffix);
        }
    }
}

/// Waits until clients see that a topic has so many partitions: a broker may take a moment to tell of what it has made,
/// and a consumer that joined before that would not look again for minutes.
pub async fn has_partitions(bootstrap: &str, topic: &str, partitions: i32) {
    let (admin, partitions) = (admin(bootstrap), partitions as usize);
    eventually(&format!("{topic} has {partitions} partitions"), || async {
        let metadata = admin.inner().fetch_metadata(Some(topic), Duration::from_secs(10)).ok()?;
        metadata.topics().iter().any(|found| found.partitions().len() == partitions).then_some(())
    })
    .await;
}

/// An operator's connection.
pub fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client")
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)))
}
