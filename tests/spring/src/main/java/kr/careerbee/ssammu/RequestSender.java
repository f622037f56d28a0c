package kr.careerbee.ssammu;

import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

import kr.careerbee.ssammu.event.AdvancedResumeInitReq;
import kr.careerbee.ssammu.event.AiFeedbackReq;
import kr.careerbee.ssammu.event.ResumeAnswer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.SendResult;
import org.springframework.stereotype.Component;

/**
 * Sends requests, keyed by their member. Each has an id of its own as {@code ce_id}: the outcome names it as
 * {@code ce_causationid}, and whoever sends a request again with the same id gets the same outcome, not a second one.
 */
@Component
class RequestSender {

    private final KafkaTemplate<String, Object> kafka;
    private final JdbcTemplate jdbc;
    @Value("${topics.feedback-requested}") private String feedbackRequested;
    @Value("${topics.resume-init}") private String resumeInit;
    @Value("${topics.resume-answer}") private String resumeAnswer;

    RequestSender(KafkaTemplate<String, Object> kafka, JdbcTemplate jdbc) {
        this.kafka = kafka;
        this.jdbc = jdbc;
    }

    /**
     * Takes a free problem where it is one. What the outcome will need, to store it or to give the problem back, travels
     * in the request's context: nothing is kept here until then.
     */
    CompletableFuture<SendResult<String, Object>> feedback(AiFeedbackReq request, UUID id) {
        if (request.context().isFreeProblem()) {
            jdbc.update(
                    "update free_problems set remaining = remaining - 1 where member_id = ? and type = ?",
                    request.memberId(), request.context().type());
        }
        return send(feedbackRequested, request.memberId(), request, id);
    }

    CompletableFuture<SendResult<String, Object>> startResume(AdvancedResumeInitReq request, UUID id) {
        return send(resumeInit, request.memberId(), request, id);
    }

    /** Answers the question that the member has on screen. Its id makes a second click harmless. */
    CompletableFuture<SendResult<String, Object>> answer(long memberId, String answer, UUID id) {
        String questionId = jdbc.queryForObject(
                "select question_id from resume_question where member_id = ?", String.class, memberId);
        var request = new ResumeAnswer(memberId, new ResumeAnswer.Inputs(answer), questionId);
        return send(resumeAnswer, memberId, request, id);
    }

    private CompletableFuture<SendResult<String, Object>> send(String topic, long memberId, Object request, UUID id) {
        var record = new ProducerRecord<String, Object>(topic, Long.toString(memberId), request);
        record.headers().add("ce_id", id.toString().getBytes(StandardCharsets.UTF_8));
        return kafka.send(record);
    }
}
