package kr.careerbee.ssammu;

import kr.careerbee.ssammu.event.FeedbackContext;
import kr.careerbee.ssammu.event.FeedbackGenerated;
import kr.careerbee.ssammu.event.RequestFailed;
import kr.careerbee.ssammu.event.ResumeCompleted;
import kr.careerbee.ssammu.event.ResumeQuestionGenerated;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/** Stores each outcome once, whichever instance gets it: the instances share the group. */
@Component
class OutcomeListener {

    /** The worker sends no type header, so that each listener says what its topic holds. */
    static final String TYPE = "spring.json.value.default.type=kr.careerbee.ssammu.event.";
    static final String NO_TYPE_HEADERS = "spring.json.use.type.headers=false";

    private static final Logger log = LoggerFactory.getLogger(OutcomeListener.class);
    private final JdbcTemplate jdbc;

    OutcomeListener(JdbcTemplate jdbc) {
        this.jdbc = jdbc;
    }

    /** Whatever has no context was asked for by another program. */
    @Transactional
    @KafkaListener(topics = "${topics.feedback-generated}", properties = {TYPE + "FeedbackGenerated", NO_TYPE_HEADERS})
    public void feedbackGenerated(FeedbackGenerated outcome, @Header("ce_id") String id) {
        if (outcome.context() == null || isRepeat(id)) {
            return;
        }
        jdbc.update(
                "insert into feedback values (?, ?, ?, ?)",
                outcome.memberId(), outcome.problemId(), outcome.context().answer(), outcome.feedback());
    }

    @Transactional
    @KafkaListener(
            topics = "${topics.resume-question-generated}",
            properties = {TYPE + "ResumeQuestionGenerated", NO_TYPE_HEADERS})
    public void resumeQuestionGenerated(ResumeQuestionGenerated outcome, @Header("ce_id") String id) {
        if (isRepeat(id)) {
            return;
        }
        jdbc.update("delete from resume_question where member_id = ?", outcome.memberId());
        jdbc.update(
                "insert into resume_question values (?, ?, ?)",
                outcome.memberId(), outcome.questionId(), outcome.question());
    }

    @Transactional
    @KafkaListener(topics = "${topics.resume-completed}", properties = {TYPE + "ResumeCompleted", NO_TYPE_HEADERS})
    public void resumeCompleted(ResumeCompleted outcome, @Header("ce_id") String id) {
        if (isRepeat(id)) {
            return;
        }
        jdbc.update("delete from resume_question where member_id = ?", outcome.memberId());
        jdbc.update("delete from resume_document where member_id = ?", outcome.memberId());
        jdbc.update("insert into resume_document values (?, ?)", outcome.memberId(), outcome.resumeObjectKey());
    }

    /** Gives back what the request had taken. */
    @Transactional
    @KafkaListener(topics = "${topics.request-failed}", properties = {TYPE + "RequestFailed", NO_TYPE_HEADERS})
    public void requestFailed(RequestFailed outcome, @Header("ce_id") String id) {
        if (isRepeat(id)) {
            return;
        }
        log.warn("request {} of {} failed: {}", outcome.requestId(), outcome.requestTopic(), outcome.code());
        FeedbackContext context = outcome.context();
        if (context != null && context.isFreeProblem()) {
            jdbc.update(
                    "update free_problems set remaining = remaining + 1 where member_id = ? and type = ?",
                    outcome.memberId(), context.type());
        }
    }

    /** The id is written in the transaction of what the outcome changes: both are there, or neither is. */
    private boolean isRepeat(String id) {
        try {
            jdbc.update("insert into handled_outcome values (?)", id);
            return false;
        } catch (DuplicateKeyException repeat) {
            return true;
        }
    }
}
