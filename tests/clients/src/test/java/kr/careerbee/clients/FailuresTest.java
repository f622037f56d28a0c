package kr.careerbee.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static kr.careerbee.clients.Caller.ANSWER;
import static kr.careerbee.clients.Caller.FEEDBACK;
import static kr.careerbee.clients.Caller.INIT;
import static kr.careerbee.clients.Caller.PLAIN_FEEDBACK;
import static kr.careerbee.clients.Caller.QUESTION;
import static kr.careerbee.clients.Caller.UPDATE;
import static kr.careerbee.clients.Caller.newMember;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.core.JsonProcessingException;
import org.junit.jupiter.api.DisplayNameGeneration;
import org.junit.jupiter.api.DisplayNameGenerator.ReplaceUnderscores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What callers get when it cannot be done. To the backend 4xx is a member's mistake for good, and 5xx a failure of the AI. */
@DisplayNameGeneration(ReplaceUnderscores.class)
@ExtendWith(Proven.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class FailuresTest {

    private static final List<String> PATHS = List.of(FEEDBACK, PLAIN_FEEDBACK, INIT, UPDATE);

    /** Longer than any request may be. */
    private static final int LONG = 30_000;

    private final Caller caller = Caller.of("GATEWAY");
    private final long member = newMember();

    /** Each call of the API once, at {@code there}, by a member of its own who writes these words. */
    private List<CompletableFuture<Reply>> every(Caller there, Staged feedback, Staged resume) throws Exception {
        long interviewed = newMember();
        caller.begin(interviewed);
        return List.of(
                there.feedback(newMember(), feedback.words()),
                there.send(PLAIN_FEEDBACK, new Requests.AnonymousFeedback(QUESTION, feedback.words())),
                there.send(INIT, new Requests.Init(newMember(), Requests.Inputs.with(resume.words()))),
                there.update(interviewed, resume.words()));
    }

    @Test
    void a_field_that_breaks_a_rule_is_400() throws Exception {
        var noAddress = new Requests.Inputs("no address", null, 0, 0, null, null, 0, null, null);
        var fewerThanNone = new Requests.Inputs("a@b.kr", null, -1, 0, null, null, 0, null, null);
        refused(FEEDBACK, new Requests.Feedback(member, QUESTION, " "));
        refused(FEEDBACK, new Requests.Feedback(member, null, ANSWER));
        refused(FEEDBACK, new Requests.Feedback(0L, QUESTION, ANSWER));
        refused(PLAIN_FEEDBACK, new Requests.AnonymousFeedback(QUESTION, null));
        refused(INIT, new Requests.Init(member, noAddress));
        refused(INIT, new Requests.Init(member, fewerThanNone));
        refused(INIT, new Requests.Init(member, null));
        refused(INIT, new Requests.WikiInit(member, noAddress));
        refused(UPDATE, new Requests.Update(-1, ANSWER));
        refused(UPDATE, new Requests.Answer(ANSWER));
    }

    @Test
    void a_body_that_is_no_object_is_400() throws Exception {
        for (var path : PATHS) {
            refused(path, List.of());
            caller.send(path, "application/json", "{\"question\":".getBytes(UTF_8)).join().failure(400);
        }
    }

    private void refused(String path, Object request) throws JsonProcessingException {
        assertThat(caller.post(path, request).failure(400).code()).isEqualTo("INVALID_REQUEST");
    }

    @Test
    void what_is_too_long_is_400_and_a_body_far_too_long_413() throws Exception {
        caller.begin(member);
        refused(FEEDBACK, new Requests.Feedback(member, "가".repeat(1_001), ANSWER));
        refused(FEEDBACK, new Requests.Feedback(member, QUESTION, "가".repeat(4_001)));
        refused(PLAIN_FEEDBACK, new Requests.AnonymousFeedback(QUESTION, "가".repeat(4_001)));
        refused(INIT, new Requests.Init(member, Requests.Inputs.with("가".repeat(2_001))));
        refused(UPDATE, new Requests.Update(member, "가".repeat(4_001)));
        for (var path : PATHS) {
            var request = Map.of("memberId", member, "question", QUESTION, "answer", "가".repeat(LONG));
            assertThat(caller.post(path, request).failure(413).code()).isEqualTo("INPUT_TOO_LONG");
        }
        // None of it was an answer.
        assertThat(caller.answer(member, ANSWER)).isNotBlank();
    }

    @Test
    void an_answer_without_an_interview_is_404() throws Exception {
        assertThat(caller.update(member, ANSWER).join().failure(404).code()).isEqualTo("NO_ACTIVE_SESSION");
        caller.post(UPDATE, new Requests.WikiUpdate(member, ANSWER)).failure(404);
    }

    @Test
    void what_is_not_served_is_404() throws Exception {
        for (var path : List.of("/resume/draft", "/resume/extract", "/api/v1/feedback", "/feedback")) {
            caller.post(path, new Requests.Feedback(member, QUESTION, ANSWER)).failure(404);
        }
        caller.get("/summary").failure(404);
    }

    /** A refusal that comes before its request was read to the end breaks a connection that others go on to use. */
    @Test
    void refusals_break_no_connection() throws Exception {
        var small = new Requests.Feedback(member, QUESTION, ANSWER);
        var large = new Requests.Feedback(member, QUESTION, "가".repeat(LONG));
        for (int round = 0; round < 20; round++) {
            var notFound = new ArrayList<CompletableFuture<Reply>>();
            var tooLarge = new ArrayList<CompletableFuture<Reply>>();
            for (int each = 0; each < 25; each++) {
                notFound.add(caller.send("/resume/draft", small));
                tooLarge.add(caller.send(PLAIN_FEEDBACK, large));
            }
            assertThat(notFound.stream().map(reply -> reply.join().status())).containsOnly(404);
            assertThat(tooLarge.stream().map(reply -> reply.join().status())).containsOnly(413);
        }
    }

    @Test
    void what_is_not_json_is_415() throws Exception {
        for (var path : PATHS) {
            caller.send(path, "text/plain", "{\"memberId\":7}".getBytes(UTF_8)).join().failure(415);
        }
    }

    @Test
    void a_model_that_is_away_is_503() throws Exception {
        for (var reply : every(caller, Staged.MODEL_AWAY, Staged.MODEL_AWAY)) {
            assertThat(reply.join().failure(503).code()).isEqualTo("LLM_UNAVAILABLE");
        }
    }

    @Test
    void a_model_that_says_nothing_usable_is_502() throws Exception {
        for (var reply : every(caller, Staged.BAD_OUTPUT, Staged.BAD_OUTPUT)) {
            assertThat(reply.join().failure(502).code()).isEqualTo("LLM_BAD_OUTPUT");
        }
    }

    @Test
    void after_a_failure_of_the_model_the_question_is_still_open() throws Exception {
        var first = caller.begin(member);
        caller.update(member, Staged.BAD_OUTPUT.words()).join().failure(502);
        assertThat(caller.begin(member)).isEqualTo(first);
        caller.answer(member, ANSWER);
        caller.answer(member, ANSWER);
        assertThat(caller.update(member, ANSWER).join().read(Replies.Update.class).isComplete()).isTrue();
    }

    @Test
    void what_does_not_come_in_time_is_504() throws Exception {
        for (var reply : every(Caller.of("IMPATIENT_GATEWAY"), Staged.SLOW_FEEDBACK, Staged.SLOW_QUESTION)) {
            reply.join().failure(504);
        }
    }

    @Test
    void where_all_places_are_taken_the_others_are_told_when_to_come_again() throws Exception {
        var small = Caller.of("SMALL_GATEWAY");
        // One of them is waited for while the others come.
        onlySomeAreServed(small, Staged.SLOW_FEEDBACK.words(), 8);
        small.feedback(member, ANSWER).join().read(Replies.Envelope.class);
    }

    @Test
    void who_asks_too_often_is_told_when_to_come_again() throws Exception {
        onlySomeAreServed(Caller.of("STRICT_GATEWAY"), ANSWER, 50);
    }

    private void onlySomeAreServed(Caller there, String answer, int count) throws Exception {
        var asked = new ArrayList<CompletableFuture<Reply>>();
        for (int each = 0; each < count; each++) {
            asked.add(there.feedback(newMember(), answer));
        }
        var replies = asked.stream().map(CompletableFuture::join).toList();
        assertThat(replies.stream().map(Reply::status)).contains(200, 503).containsOnly(200, 503);
        for (var reply : replies) {
            if (reply.status() == 503) {
                reply.full();
            }
        }
    }

    @Test
    void a_stream_too_many_is_told_when_to_come_again() throws Exception {
        var small = Caller.of("SMALL_GATEWAY");
        String path = "/api/v1/sse/subscribe?memberId=" + member;
        try (var ignored = URI.create(small.gateway() + path).toURL().openStream()) {
            small.get(path).full();
        }
    }
}
