package kr.careerbee.ssammu;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.stereotype.Component;

/** Keeps the worker's dead letters for a person to look at. */
@Component
class DeadLetterListener {

    private static final Logger log = LoggerFactory.getLogger(DeadLetterListener.class);
    private final JdbcTemplate jdbc;

    DeadLetterListener(JdbcTemplate jdbc) {
        this.jdbc = jdbc;
    }

    /** The value is the request's own bytes, which may be no JSON at all. */
    @KafkaListener(
            topics = {"${topics.feedback-requested}-dlt", "${topics.resume-init}-dlt", "${topics.resume-answer}-dlt"},
            properties = "value.deserializer=org.apache.kafka.common.serialization.ByteArrayDeserializer")
    public void deadLetter(
            @Payload(required = false) byte[] request,
            @Header(KafkaHeaders.DLT_ORIGINAL_TOPIC) String topic,
            @Header(KafkaHeaders.DLT_ORIGINAL_PARTITION) int partition,
            @Header(KafkaHeaders.DLT_ORIGINAL_OFFSET) long offset,
            @Header(KafkaHeaders.DLT_ORIGINAL_TIMESTAMP) long timestamp,
            @Header(KafkaHeaders.DLT_EXCEPTION_FQCN) String code,
            @Header(KafkaHeaders.DLT_EXCEPTION_MESSAGE) String message) {
        log.warn("dead letter {}/{}/{}: {}: {}", topic, partition, offset, code, message);
        jdbc.update(
                "insert into dead_letter values (?, ?, ?, ?, ?, ?, ?)",
                topic, partition, offset, timestamp, code, message, request);
    }
}
