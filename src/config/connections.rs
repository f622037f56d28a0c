//! Where Kafka and Redis are, and who we are to them.

use super::REDIS_URL;
use super::check::Check;
use crate::kafka::client::Connection;
use crate::kafka::{consumer, producer};
use crate::state::redis::RedisAddress;

const KAFKA: [&str; 2] = ["KAFKA_PROPERTIES", "KAFKA_PROPERTIES_FILE"];
const REDIS: [&str; 2] = ["REDIS_URL", "REDIS_URL_FILE"];

impl Check {
    /// Properties that librdkafka takes, each and together, so that none is found wrong only when it is used.
    pub fn kafka(&mut self, bootstrap: String, properties: &str, file: &str) -> Connection {
        let before = self.0.len();
        let bootstrap = self.not_empty("KAFKA_BOOTSTRAP_SERVERS", bootstrap);
        let (name, properties) = match self.file(KAFKA, !properties.is_empty(), file) {
            Some(lines) => (KAFKA[1], self.property_lines(KAFKA[1], &lines)),
            None => (KAFKA[0], self.properties(KAFKA[0], properties)),
        };
        let connection = Connection { bootstrap, properties };
        for problem in connection.problems() {
            self.wrong(name, problem);
        }
        if self.0.len() == before && !connection.properties.is_empty() {
            let problems = [consumer::problem(&connection), producer::problem(&connection)];
            for problem in problems.into_iter().flatten().collect::<std::collections::BTreeSet<_>>() {
                self.wrong(name, problem);
            }
        }
        connection
    }

    pub fn redis(&mut self, url: String, file: &str) -> Option<RedisAddress> {
        let given = if url == REDIS_URL { String::new() } else { url };
        let address = self.secret(REDIS, given, file);
        let (name, address) = match (file.is_empty(), address.is_empty()) {
            (true, true) => (REDIS[0], REDIS_URL),
            (true, false) => (REDIS[0], address.as_str()),
            // What is wrong with the file was told.
            (false, true) => return None,
            (false, false) => (REDIS[1], address.as_str()),
        };
        address.parse().map_err(|error| self.wrong(name, error)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{Config, Mistakes, Settings};

    fn kafka(text: &str) -> Result<Config, Mistakes> {
        Settings { kafka_properties: text.to_owned(), ..Settings::defaults().unwrap() }.check()
    }

    #[test]
    fn a_property_may_have_commas_in_its_value() {
        let config = kafka("debug=broker,topic, linger.ms=7").unwrap();
        assert_eq!(config.kafka.property("debug"), Some("broker,topic"));
        assert_eq!(config.kafka.property("linger.ms"), Some("7"));
    }

    #[test]
    fn a_password_may_have_commas_and_equal_signs() {
        let text = r"sasl.username=worker,sasl.password=ab\,c=d\,e,linger.ms=7";
        let config = kafka(text).unwrap();
        assert_eq!(config.kafka.property("sasl.password"), Some("ab,c=d,e"));
        assert_eq!(config.kafka.property("linger.ms"), Some("7"));
    }

    #[test]
    fn what_needs_tokens_is_refused_at_the_start() {
        let text = "security.protocol=SASL_SSL,sasl.mechanisms=OAUTHBEARER";
        let mistakes = kafka(text).err().unwrap().to_string();
        assert!(mistakes.contains("fetches no tokens, which OAUTHBEARER needs"), "{mistakes}");
    }

    #[test]
    fn a_member_may_be_named_after_its_machine() {
        let named = "group.instance.id=worker-{hostname},sasl.password={hostname}";
        let config = kafka(named).unwrap();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(config.kafka.property("group.instance.id"), Some(format!("worker-{}", host.trim()).as_str()));
        assert_eq!(config.kafka.property("sasl.password"), Some("{hostname}"), "a secret stays as it is");
    }

    #[test]
    fn properties_that_do_not_go_together_are_told_with_the_other_mistakes() {
        for (together, told) in [
            ("group.protocol=consumer,session.timeout.ms=9000", "session.timeout.ms"),
            ("group.protocol=CONSUMER,heartbeat.interval.ms=900", "heartbeat.interval.ms"),
            ("max.poll.interval.ms=5000", "max.poll.interval.ms"),
            ("security.protocol=ssl,ssl.ca.location=/nowhere", "ssl.ca.location"),
            ("max.in.flight=9", "max.in.flight"),
            ("sasl.mechanism=PLAIN,security.protocol=sasl_ssl,sasl.password=s3cret", "sasl.username"),
        ] {
            let mut settings = Settings { kafka_properties: together.to_owned(), ..Settings::defaults().unwrap() };
            settings.max_in_flight = "none".to_owned();
            let Err(Mistakes(mistakes)) = settings.check() else { panic!("{together}") };
            let of_kafka: Vec<&String> =
                mistakes.iter().filter(|told| told.starts_with("KAFKA_PROPERTIES: ")).collect();
            assert!(of_kafka.iter().any(|mistake| mistake.contains(told)), "{together}: {mistakes:?}");
            assert!(mistakes.len() > of_kafka.len() && !mistakes.concat().contains("s3cret"), "{mistakes:?}");
        }
        for fine in ["group.protocol=consumer", "group.protocol=CONSUMER,group.remote.assignor=range", "debug=all"] {
            assert!(kafka(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn kafka_and_redis_may_be_told_by_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let mut settings = Settings::defaults().unwrap();
        settings.files.kafka_properties_file = file("kafka", "sasl.password= a,b=c\\ \n");
        settings.files.redis_url_file = file("redis", "redis://:p%40@cache:1\n");
        let config = settings.check().unwrap();
        assert_eq!(config.kafka.property("sasl.password"), Some(" a,b=c\\ "));
        assert_eq!(config.redis.to_string(), "server cache:1");

        let mut settings = Settings::defaults().unwrap();
        settings.files.kafka_properties_file = file("wrong-kafka", "group.id=s3cret\nsession.timeout.ms=s3cret\n");
        settings.files.redis_url_file = file("wrong-redis", "http://:s3cret@cache");
        let Err(Mistakes(mistakes)) = settings.check() else { panic!("mistakes") };
        let names: Vec<&str> = mistakes.iter().filter_map(|mistake| Some(mistake.split_once(':')?.0)).collect();
        assert_eq!(names, ["KAFKA_PROPERTIES_FILE", "KAFKA_PROPERTIES_FILE", "REDIS_URL_FILE"], "{mistakes:?}");
        assert!(!mistakes.concat().contains("s3cret"), "{mistakes:?}");
    }

    #[test]
    fn a_setting_and_its_file_are_one_too_many() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let path = path.path().display().to_string();
        let mut settings = Settings::defaults().unwrap();
        settings.kafka_properties = "linger.ms=7".to_owned();
        settings.files.kafka_properties_file = path.clone();
        settings.redis_url = "redis://:s3cret@cache:1".to_owned();
        settings.files.redis_url_file = path.clone();
        settings.vllm_api_key = "s3cret".to_owned();
        settings.files.vllm_api_key_file = path;
        let told = settings.check().err().unwrap().to_string();
        for name in ["KAFKA_PROPERTIES", "REDIS_URL", "VLLM_API_KEY"] {
            assert!(told.contains(&format!("{name}_FILE: {name} is set, too")), "{told}");
        }
        assert!(!told.contains("s3cret"), "{told}");
    }
}
