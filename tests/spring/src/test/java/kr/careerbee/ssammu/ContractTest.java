package kr.careerbee.ssammu;

import static kr.careerbee.ssammu.Outcomes.PATIENCE;
import static kr.careerbee.ssammu.Outcomes.header;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import kr.careerbee.ssammu.event.AdvancedResumeInitReq;
import kr.careerbee.ssammu.event.AiFeedbackReq;
import kr.careerbee.ssammu.event.FeedbackContext;
import kr.careerbee.ssammu.event.FeedbackGenerated;
import kr.careerbee.ssammu.event.RequestFailed;
import kr.careerbee.ssammu.event.ResumeAnswer;
import kr.careerbee.ssammu.event.ResumeCompleted;
import kr.careerbee.ssammu.event.ResumeQuestionGenerated;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.core.ProducerFactory;

/** The contract, as this program sees it. */
class ContractTest extends TwoInstances {

    @Test
    void feedback_comes_with_every_field_and_is_stored() throws Exception {
        var sent = requests.feedback(asking(42L), id).get();
        assertThat(sent.getProducerRecord().headers().lastHeader("__TypeId__")).as("Spring's type header").isNotNull();

        var outcome = outcomes.await(id, FeedbackGenerated.class);
        assertThat(outcome.value().memberId()).isEqualTo(member);
        assertThat(outcome.value().problemId()).isEqualTo(42);
        assertThat(outcome.value().feedback()).isNotBlank().hasSizeLessThanOrEqualTo(1_000);
        assertThat(outcome.value().context()).isEqualTo(CONTEXT);
        var stored = new Stored(ANSWER, outcome.value().feedback());
        await().atMost(PATIENCE).until(() -> feedbackRows(42).equals(List.of(stored)));
    }

    @Test
    void an_outcome_has_the_member_as_its_key_and_the_headers_of_a_cloud_event() throws Exception {
        var request = request("feedback-requested", asking(1L));
        request.headers().add("ce_id", bytes(id)).add("ce_correlationid", bytes("login-7"));
        kafka.send(request).get();

        var outcome = outcomes.await(id, FeedbackGenerated.class);
        assertThat(outcome.key()).isEqualTo(Long.toString(member));
        assertThat(header(outcome, "ce_specversion")).isEqualTo("1.0");
        assertThat(UUID.fromString(header(outcome, "ce_id")).version()).isEqualTo(5);
        assertThat(header(outcome, "ce_source")).isEqualTo("/ssammu-worker");
        assertThat(header(outcome, "ce_type")).isEqualTo("FeedbackGenerated");
        assertThat(Instant.parse(header(outcome, "ce_time"))).isBetween(soon(-120), soon(120));
        assertThat(header(outcome, "ce_subject")).isEqualTo(Long.toString(member));
        assertThat(header(outcome, "ce_correlationid")).isEqualTo("login-7");
        assertThat(header(outcome, "content-type")).isEqualTo("application/json");
        assertThat(outcome.headers().lastHeader("__TypeId__")).isNull();
    }

    @Test
    void a_request_without_an_id_is_named_by_where_it_lies() throws Exception {
        var sent = kafka.send(request("feedback-requested", asking(null))).get();
        var at = sent.getRecordMetadata();
        String place = at.topic() + "/" + at.partition() + "/" + at.offset();
        assertThat(outcomes.await(place, FeedbackGenerated.class).value().problemId()).as("left out").isNull();
    }

    /** What a later version of the product may send. */
    record LaterFeedbackReq(long memberId, String problemId, String question, String answer, String eventId,
            Instant requestedAt, LocalDateTime startedAt, List<String> tags, Map<String, Object> context) {}

    @Test
    void what_jackson_makes_of_other_fields_is_no_obstacle() throws Exception {
        var request = new LaterFeedbackReq(
                member, "2", QUESTION, ANSWER, id.toString(), Instant.now(), LocalDateTime.now(), List.of("cs"),
                Map.of("answer", ANSWER, "attempt", new BigDecimal("1.50")));
        kafka.send(request("feedback-requested", request)).get();
        assertThat(outcomes.await(id, FeedbackGenerated.class).value().problemId()).isEqualTo(2);
    }

    @Test
    void a_resume_is_three_questions_and_a_document() throws Exception {
        var session = askFirstQuestion().value();
        assertThat(session.questionNumber()).isEqualTo(1);
        var question = session;
        for (int number = 1; number < session.maxQuestions(); number++) {
            var answered = answer("Kafka로 주문 이벤트를 처리했습니다.", question);
            question = outcomes.await(answered, ResumeQuestionGenerated.class).value();
            assertThat(question.memberId()).isEqualTo(member);
            assertThat(question.isComplete()).isFalse();
            assertThat(question.sessionId()).isEqualTo(session.sessionId());
            assertThat(question.questionNumber()).isEqualTo(number + 1);
            assertThat(question.question()).isNotBlank().hasSizeLessThanOrEqualTo(500);
        }

        var completed = outcomes.await(answer(null, question), ResumeCompleted.class).value();
        assertThat(completed.memberId()).isEqualTo(member);
        assertThat(completed.isComplete()).isTrue();
        assertThat(completed.sessionId()).isEqualTo(session.sessionId());
        assertThat(completed.degraded()).isFalse();
        assertThat(completed.resumeObjectKey()).contains("/" + member + "/").endsWith(".docx");
        assertThat(completed.resumeUrlExpiresAt()).isBetween(soon(0), soon(3_600));
        var download = HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(URI.create(completed.resumeUrl())).build(), BodyHandlers.ofByteArray());
        assertThat(download.statusCode()).isEqualTo(200);
        assertThat(download.headers().firstValue("content-type").orElse("")).endsWith("wordprocessingml.document");
        assertThat(download.body()).startsWith('P', 'K');
        await().atMost(PATIENCE).until(() -> jdbc.queryForList(
                        "select object_key from resume_document where member_id = ?", String.class, member)
                .equals(List.of(completed.resumeObjectKey())));
    }

    @Test
    void a_second_click_on_an_answered_question_is_stale() throws Exception {
        var question = askFirstQuestion().value();
        var click = new ResumeAnswer(member, new ResumeAnswer.Inputs("백엔드입니다."), question.questionId());
        outcomes.await(answer("백엔드입니다.", question), ResumeQuestionGenerated.class);

        var again = request("resume-answer", click);
        again.headers().add("ce_id", bytes(id));
        kafka.send(again).get();
        var failure = outcomes.await(id, RequestFailed.class).value();
        assertThat(failure.code()).isEqualTo("STALE_ANSWER");
        assertThat(failure.eventName()).isEqualTo("ADVANCED_RESUME_UPDATE");
        assertThat(failure.retryable()).isFalse();
    }

    @Test
    void an_invalid_request_fails_with_the_name_of_the_field() throws Exception {
        requests.feedback(new AiFeedbackReq(member, 42L, QUESTION, " ", CONTEXT), id).get();
        var outcome = outcomes.await(id, RequestFailed.class);
        assertThat(header(outcome, "ce_type")).isEqualTo("RequestFailed");
        var failure = outcome.value();
        assertThat(failure.message()).isNotBlank();
        assertThat(failure).isEqualTo(new RequestFailed(
                member, "PROBLEM_FEEDBACK", "INVALID_REQUEST", failure.message(), false, topic("feedback-requested"),
                id.toString(), 42L, "answer", CONTEXT));
    }

    @Test
    void a_failure_gives_back_once_what_its_request_had_taken() throws Exception {
        for (String type : List.of("DAILY", "WEEKLY")) {
            jdbc.update("insert into free_problems values (?, ?, 3)", member, type);
        }
        var wrong = new AiFeedbackReq(member, 42L, QUESTION, " ", new FeedbackContext(" ", "DAILY", true));
        requests.feedback(wrong, id).get();
        outcomes.await(id, RequestFailed.class);
        await().atMost(PATIENCE).until(() -> freeProblems("DAILY") == 3);

        // The same request again, as a broker may bring it, and behind it another one of this member.
        var again = request("feedback-requested", wrong);
        again.headers().add("ce_id", bytes(id));
        kafka.send(again).get();
        outcomes.await(id, RequestFailed.class, 2);
        var other = new AiFeedbackReq(member, 42L, QUESTION, " ", new FeedbackContext(" ", "WEEKLY", true));
        requests.feedback(other, UUID.randomUUID()).get();
        await().atMost(PATIENCE).until(() -> freeProblems("WEEKLY") == 3);
        assertThat(freeProblems("DAILY")).isEqualTo(3);
    }

    @Test
    void a_retryable_failure_is_worked_anew_when_it_is_sent_again() throws Exception {
        var value = asking(42L);
        long anHourAgo = soon(-3_600).toEpochMilli();
        var late = new ProducerRecord<String, Object>(
                topic("feedback-requested"), null, anHourAgo, Long.toString(member), value);
        late.headers().add("ce_id", bytes(id));
        kafka.send(late).get();
        var failure = outcomes.await(id, RequestFailed.class).value();
        assertThat(failure.code()).isEqualTo("DEADLINE_EXCEEDED");
        assertThat(failure.retryable()).isTrue();

        requests.feedback(value, id).get();
        assertThat(outcomes.await(id, FeedbackGenerated.class, 2).value().problemId()).isEqualTo(42);
    }

    @Test
    void a_request_sent_twice_is_answered_twice_with_one_id_and_handled_once() throws Exception {
        requests.feedback(asking(1L), id).get();
        var outcome = outcomes.await(id, FeedbackGenerated.class);
        requests.feedback(asking(1L), id).get();
        var repeat = outcomes.await(id, FeedbackGenerated.class, 2);
        assertThat(header(repeat, "ce_id")).isEqualTo(header(outcome, "ce_id"));
        assertThat(repeat.value()).isEqualTo(outcome.value());

        // It lies behind the repeat in the same partition: once it is stored, the listener has seen the repeat.
        requests.feedback(asking(2L), UUID.randomUUID()).get();
        await().atMost(PATIENCE).until(() -> feedbackRows(2).size() == 1);
        assertThat(feedbackRows(1)).hasSize(1);
    }

    @Test
    void the_trace_goes_on_from_the_last_of_several_traceparents() throws Exception {
        String trace = UUID.randomUUID().toString().replace("-", "");
        var request = request("feedback-requested", asking(1L));
        request.headers()
                .add("ce_id", bytes(id))
                .add("traceparent", bytes("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
                .add("traceparent", bytes("00-" + trace + "-00f067aa0ba902b7-01"));
        kafka.send(request).get();
        var outcome = outcomes.await(id, FeedbackGenerated.class);
        assertThat(outcome.headers().headers("traceparent")).hasSize(1);
        assertThat(header(outcome, "traceparent")).startsWith("00-" + trace + "-").endsWith("-01");
    }

    @Test
    void a_poison_value_is_a_dead_letter_with_the_headers_of_spring_and_its_own_bytes() throws Exception {
        byte[] poison = {'{', (byte) 0xff, 0, '!'};
        ProducerFactory<String, Object> producers = kafka.getProducerFactory();
        var bytes = new KafkaTemplate<>(
                producers, Map.of(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class));
        var request = request("feedback-requested", (Object) poison);
        request.headers().add("ce_id", bytes(id));
        var at = bytes.send(request).get().getRecordMetadata();

        Map<String, Object> letter = await().atMost(PATIENCE).until(
                () -> jdbc.queryForList("select * from dead_letter where topic = ? and part = ? and pos = ?",
                        at.topic(), at.partition(), at.offset()).stream().findFirst().orElse(Map.of()),
                found -> !found.isEmpty());
        assertThat(letter).containsEntry("at", at.timestamp()).containsEntry("code", "UNDECODABLE");
        assertThat((String) letter.get("message")).isNotBlank();
        assertThat((byte[]) letter.get("request")).isEqualTo(poison);

        // The partition goes on, and nobody was told about the poison.
        var next = UUID.randomUUID();
        requests.feedback(asking(1L), next).get();
        outcomes.await(next, FeedbackGenerated.class);
        assertThat(outcomes.of(id)).isEmpty();
    }

    /** A new member's inputs, nulls and all, bring the first question. */
    private ConsumerRecord<String, ResumeQuestionGenerated> askFirstQuestion() throws Exception {
        var inputs = new AdvancedResumeInitReq.Inputs("a@b.kr", "BACKEND", 2, 3, "MAJOR", null, null, null, null);
        var started = UUID.randomUUID();
        requests.startResume(new AdvancedResumeInitReq(member, inputs), started).get();
        return outcomes.await(started, ResumeQuestionGenerated.class);
    }

    /** Answers the question once this program has stored it; the request's id. */
    private UUID answer(String text, ResumeQuestionGenerated question) throws Exception {
        await().atMost(PATIENCE).until(() -> jdbc.queryForList(
                        "select question_id from resume_question where member_id = ?", String.class, member)
                .equals(List.of(question.questionId())));
        var answered = UUID.randomUUID();
        requests.answer(member, text, answered).get();
        return answered;
    }

    record Stored(String answer, String feedback) {}

    private List<Stored> feedbackRows(long problemId) {
        return jdbc.query(
                "select answer, feedback from feedback where member_id = ? and problem_id = ?",
                (row, number) -> new Stored(row.getString("answer"), row.getString("feedback")),
                member, problemId);
    }

    private Integer freeProblems(String type) {
        return jdbc.queryForObject(
                "select remaining from free_problems where member_id = ? and type = ?", Integer.class, member, type);
    }

    private static Instant soon(long seconds) {
        return Instant.now().plus(Duration.ofSeconds(seconds));
    }
}
