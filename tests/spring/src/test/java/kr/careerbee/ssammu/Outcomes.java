package kr.careerbee.ssammu;

import static kr.careerbee.ssammu.OutcomeListener.NO_TYPE_HEADERS;
import static kr.careerbee.ssammu.OutcomeListener.TYPE;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;

import kr.careerbee.ssammu.event.FeedbackGenerated;
import kr.careerbee.ssammu.event.RequestFailed;
import kr.careerbee.ssammu.event.ResumeCompleted;
import kr.careerbee.ssammu.event.ResumeQuestionGenerated;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.awaitility.Awaitility;
import org.springframework.kafka.annotation.KafkaListener;

/** Every outcome record as Spring hands it to a listener, headers and all. */
class Outcomes {

    /** How long a check waits for what should take a moment. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    private final List<ConsumerRecord<String, ?>> records = new CopyOnWriteArrayList<>();
    private final String groupId = "outcomes-" + UUID.randomUUID();

    public String getGroupId() {
        return groupId;
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.feedback-generated}",
            properties = {TYPE + "FeedbackGenerated", NO_TYPE_HEADERS})
    public void feedbackGenerated(ConsumerRecord<String, FeedbackGenerated> record) {
        records.add(record);
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.resume-question-generated}",
            properties = {TYPE + "ResumeQuestionGenerated", NO_TYPE_HEADERS})
    public void resumeQuestionGenerated(ConsumerRecord<String, ResumeQuestionGenerated> record) {
        records.add(record);
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.resume-completed}",
            properties = {TYPE + "ResumeCompleted", NO_TYPE_HEADERS})
    public void resumeCompleted(ConsumerRecord<String, ResumeCompleted> record) {
        records.add(record);
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.request-failed}",
            properties = {TYPE + "RequestFailed", NO_TYPE_HEADERS})
    public void requestFailed(ConsumerRecord<String, RequestFailed> record) {
        records.add(record);
    }

    /** All that a request has brought so far. */
    List<ConsumerRecord<String, ?>> of(Object requestId) {
        String wanted = requestId.toString();
        return records.stream().filter(record -> wanted.equals(header(record, "ce_causationid"))).toList();
    }

    /** The first outcome of a request; anything but this type is a failure. */
    <T> ConsumerRecord<String, T> await(Object requestId, Class<T> type) {
        return await(requestId, type, 1);
    }

    /** The outcome that makes it {@code count} of them. */
    @SuppressWarnings("unchecked")
    <T> ConsumerRecord<String, T> await(Object requestId, Class<T> type, int count) {
        ConsumerRecord<String, ?> outcome = Awaitility.await(count + " outcome(s) of request " + requestId)
                .atMost(PATIENCE)
                .until(() -> of(requestId).stream().skip(count - 1).findFirst().orElse(null), Objects::nonNull);
        if (!type.isInstance(outcome.value())) {
            throw new AssertionError("instead of " + type.getSimpleName() + ": " + outcome.value());
        }
        return (ConsumerRecord<String, T>) outcome;
    }

    /** A header's text; the last counts, as in Spring. */
    static String header(ConsumerRecord<?, ?> record, String name) {
        var header = record.headers().lastHeader(name);
        return header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }
}
