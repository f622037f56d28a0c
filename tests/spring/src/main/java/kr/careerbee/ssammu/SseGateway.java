package kr.careerbee.ssammu;

import static kr.careerbee.ssammu.OutcomeListener.NO_TYPE_HEADERS;
import static kr.careerbee.ssammu.OutcomeListener.TYPE;

import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

import com.fasterxml.jackson.annotation.JsonInclude;
import kr.careerbee.ssammu.event.FeedbackGenerated;
import kr.careerbee.ssammu.event.RequestFailed;
import kr.careerbee.ssammu.event.RequestProgress;
import kr.careerbee.ssammu.event.ResumeCompleted;
import kr.careerbee.ssammu.event.ResumeQuestionGenerated;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.http.MediaType;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Pushes outcomes to the browsers that are connected to this instance. Nobody knows which instance that is, so each
 * reads all partitions in a group of its own, from now on, and passes over members that are not here.
 */
@RestController
class SseGateway {

    private static final String FROM_NOW_ON = "auto.offset.reset=latest";
    private static final long TIMEOUT_MS = 30 * 60 * 1000;

    private final String groupId = "sse-gateway-" + UUID.randomUUID();
    private final Map<Long, Connection> connections = new ConcurrentHashMap<>();

    /** A browser, the ids of what it has had, and how far its requests were told to be. */
    private record Connection(SseEmitter emitter, Set<String> pushed, Map<String, Long> sequences) {}

    /** For {@code #{__listener.groupId}}. */
    public String getGroupId() {
        return groupId;
    }

    /** The product takes the member from the login. */
    @GetMapping(path = "/sse/{memberId}", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter connect(@PathVariable long memberId) throws IOException {
        var emitter = new SseEmitter(TIMEOUT_MS);
        var connection = new Connection(emitter, ConcurrentHashMap.newKeySet(), new ConcurrentHashMap<>());
        emitter.onCompletion(() -> connections.remove(memberId, connection));
        emitter.onTimeout(emitter::complete);
        emitter.send(SseEmitter.event().comment("connected"));
        Connection old = connections.put(memberId, connection);
        if (old != null) {
            old.emitter().complete();
        }
        return emitter;
    }

    /** Boot's graceful shutdown would wait 30 s for them; the browsers connect again, to another instance. */
    @EventListener(ContextClosedEvent.class)
    void disconnect() {
        connections.values().forEach(connection -> connection.emitter().complete());
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

    /**
     * Best effort, from now on: nothing of it is stored, and no {@code ce_id} has to be remembered: a repeat is not
     * above the last sequence. It has no event id either, so that a browser's last one stays an outcome's.
     */
    @KafkaListener(
            groupId = "#{__listener.groupId}",
            topics = "${topics.request-progress}",
            autoStartup = "#{'${topics.request-progress}' != 'off'}",
            properties = {TYPE + "RequestProgress", NO_TYPE_HEADERS, FROM_NOW_ON})
    public void requestProgress(RequestProgress progress) {
        Connection connection = connections.get(progress.memberId());
        if (connection == null
                || connection.sequences().getOrDefault(progress.requestId(), -1L) >= progress.sequence()) {
            return; // The member is not here, or has had more, or has the outcome.
        }
        connection.sequences().put(progress.requestId(), progress.sequence());
        if (progress.eventName().equals("PROBLEM_FEEDBACK")) {
            var data = new FeedbackProgress(progress.problemId(), progress.text());
            send(connection, progress.memberId(), SseEmitter.event().name("problem-feedback-progress").data(data));
        } else {
            var data = new ResumeProgress(progress.stage(), progress.section(), progress.percent());
            send(connection, progress.memberId(), SseEmitter.event().name("advanced-resume-progress").data(data));
        }
    }

    private void push(long memberId, String id, String request, String event, Object data) {
        Connection connection = connections.get(memberId);
        if (connection == null || !connection.pushed().add(id)) {
            return; // The member is not here, or has had it.
        }
        connection.sequences().put(request, Long.MAX_VALUE); // Nothing is told of it any more.
        send(connection, memberId, SseEmitter.event().id(id).name(event).data(data));
    }

    private void send(Connection connection, long memberId, SseEmitter.SseEventBuilder event) {
        try {
            connection.emitter().send(event);
        } catch (IOException | IllegalStateException gone) {
            connections.remove(memberId, connection);
        }
    }
}
