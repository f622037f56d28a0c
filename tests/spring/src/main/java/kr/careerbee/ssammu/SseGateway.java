package kr.careerbee.ssammu;

import static kr.careerbee.ssammu.OutcomeListener.NO_TYPE_HEADERS;
import static kr.careerbee.ssammu.OutcomeListener.TYPE;

import java.security.Principal;
import java.util.Map;
import java.util.UUID;

import com.fasterxml.jackson.annotation.JsonInclude;
import kr.careerbee.ssammu.event.FeedbackGenerated;
import kr.careerbee.ssammu.event.RequestFailed;
import kr.careerbee.ssammu.event.RequestProgress;
import kr.careerbee.ssammu.event.ResumeCompleted;
import kr.careerbee.ssammu.event.ResumeQuestionGenerated;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Pushes outcomes to the browsers that are connected to this instance. Nobody knows which instance that is, so each
 * reads all partitions in a group of its own, from now on.
 */
@RestController
class SseGateway {

    private static final String FROM_NOW_ON = "auto.offset.reset=latest";

    private final String groupId = "sse-gateway-" + UUID.randomUUID();
    private final SseHub hub;

    SseGateway(SseHub hub) {
        this.hub = hub;
    }

    /** For {@code #{__listener.groupId}}. */
    public String getGroupId() {
        return groupId;
    }

    /**
     * The member is who is logged in, whatever the page asks for; the product has more of that one as
     * {@code @AuthenticationPrincipal}. Without a login nobody gets anything.
     */
    @GetMapping(path = "/api/v1/sse/subscribe", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    ResponseEntity<SseEmitter> subscribe(
            Principal login,
            @RequestParam(required = false) String memberId,
            @RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
        if (login == null) {
            throw new ResponseStatusException(HttpStatus.UNAUTHORIZED);
        }
        if (memberId != null && !memberId.equals(login.getName())) {
            throw new ResponseStatusException(HttpStatus.FORBIDDEN);
        }
        return ResponseEntity.ok()
                .header("Cache-Control", "no-store")
                .header("X-Accel-Buffering", "no") // An nginx would keep events back.
                .body(hub.connect(Long.parseLong(login.getName()), lastEventId));
    }

    record ProblemFeedback(Long problemId, String feedback) {}

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.feedback-generated}",
            properties = {TYPE + "FeedbackGenerated", NO_TYPE_HEADERS, FROM_NOW_ON})
    public void feedbackGenerated(
            FeedbackGenerated outcome, @Header("ce_id") String id, @Header("ce_causationid") String request) {
        var data = new ProblemFeedback(outcome.problemId(), outcome.feedback());
        push(outcome.memberId(), id, request, "problem-feedback", data);
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.resume-question-generated}",
            properties = {TYPE + "ResumeQuestionGenerated", NO_TYPE_HEADERS, FROM_NOW_ON})
    public void resumeQuestionGenerated(
            ResumeQuestionGenerated outcome, @Header("ce_id") String id, @Header("ce_causationid") String request) {
        if (outcome.questionNumber() == 1) {
            push(outcome.memberId(), id, request, "advanced-resume-init", Map.of("question", outcome.question()));
        } else {
            var data = Map.of("type", "in-progress", "question", outcome.question());
            push(outcome.memberId(), id, request, "advanced-resume-update", data);
        }
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.resume-completed}",
            properties = {TYPE + "ResumeCompleted", NO_TYPE_HEADERS, FROM_NOW_ON})
    public void resumeCompleted(
            ResumeCompleted outcome, @Header("ce_id") String id, @Header("ce_causationid") String request) {
        var data = Map.of("type", "complete", "resumeDownloadUrl", outcome.resumeUrl());
        push(outcome.memberId(), id, request, "advanced-resume-update", data);
    }

    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.request-failed}",
            properties = {TYPE + "RequestFailed", NO_TYPE_HEADERS, FROM_NOW_ON})
    public void requestFailed(
            RequestFailed outcome, @Header("ce_id") String id, @Header("ce_causationid") String request) {
        if (outcome.code().equals("STALE_ANSWER")) {
            return; // The member has what the first click brought.
        }
        String event = switch (outcome.eventName()) {
            case "ADVANCED_RESUME_INIT" -> "advanced-resume-init-error";
            case "ADVANCED_RESUME_UPDATE" -> "advanced-resume-update-error";
            default -> "problem-feedback-error";
        };
        push(outcome.memberId(), id, request, event, outcome.message());
    }

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record FeedbackProgress(Long problemId, String text) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record ResumeProgress(String stage, String section, Integer percent) {}

    /** From now on; a repeat is not above the last sequence of its request, so that no {@code ce_id} is needed. */
    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.request-progress}",
            autoStartup = "#{'${topics.request-progress}' != 'off'}",
            properties = {TYPE + "RequestProgress", NO_TYPE_HEADERS, FROM_NOW_ON})
    public void requestProgress(RequestProgress progress) {
        if (progress.eventName().equals("PROBLEM_FEEDBACK")) {
            var data = new FeedbackProgress(progress.problemId(), progress.text());
            tell(progress, "problem-feedback-progress", data);
        } else {
            var data = new ResumeProgress(progress.stage(), progress.section(), progress.percent());
            tell(progress, "advanced-resume-progress", data);
        }
    }

    private void push(long memberId, String id, String request, String event, Object data) {
        hub.push(memberId, request, new SseEvent(id, event, data));
    }

    private void tell(RequestProgress progress, String event, Object data) {
        hub.pushProgress(
                progress.memberId(), progress.requestId(), progress.sequence(), new SseEvent(null, event, data));
    }
}
