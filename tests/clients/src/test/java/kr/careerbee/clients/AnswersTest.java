package kr.careerbee.clients;

import static kr.careerbee.clients.Caller.ANSWER;
import static kr.careerbee.clients.Caller.INIT;
import static kr.careerbee.clients.Caller.PLAIN_FEEDBACK;
import static kr.careerbee.clients.Caller.QUESTION;
import static kr.careerbee.clients.Caller.UPDATE;
import static kr.careerbee.clients.Caller.newMember;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpServer;
import org.junit.jupiter.api.DisplayNameGeneration;
import org.junit.jupiter.api.DisplayNameGenerator.ReplaceUnderscores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What callers get who ask for what they may have. */
@DisplayNameGeneration(ReplaceUnderscores.class)
@ExtendWith(Proven.class)
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class AnswersTest {

    private static final int AT_ONCE = 300;

    private final Caller caller = Caller.of("GATEWAY");
    private final long member = newMember();

    @Test
    void this_caller_sends_what_springs_rest_client_sends() throws Exception {
        var seen = new CompletableFuture<Headers>();
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
            seen.complete(exchange.getRequestHeaders());
        });
        server.start();
        try {
            new Caller(URI.create("http://127.0.0.1:" + server.getAddress().getPort())).feedback(member, ANSWER).join();
        } finally {
            server.stop(0);
        }
        var headers = seen.join();
        assertThat(headers.getFirst("Upgrade")).isEqualTo("h2c");
        assertThat(headers).containsKey("Http2-settings").doesNotContainKeys("Content-length", "Idempotency-key");
        assertThat(headers.getFirst("Transfer-encoding")).isEqualTo("chunked");
    }

    @Test
    void feedback_comes_in_an_envelope() throws Exception {
        var envelope = caller.feedback(member, ANSWER).join().read(Replies.Envelope.class);
        assertThat(envelope.httpStatusCode()).isEqualTo(200);
        assertThat(envelope.message()).isNotBlank();
        assertThat(envelope.data().memberId()).isIn(member, null);
        assertThat(envelope.data().feedback()).isNotBlank().hasSizeLessThanOrEqualTo(1_000);
    }

    @Test
    void feedback_by_the_wikis_path_is_plain() throws Exception {
        for (Object request : List.of(
                new Requests.Feedback(member, QUESTION, ANSWER),
                Map.of("member_id", member, "question", QUESTION, "answer", ANSWER),
                new Requests.AnonymousFeedback(QUESTION, ANSWER))) {
            assertThat(caller.post(PLAIN_FEEDBACK, request).read(Replies.Feedback.class).feedback()).isNotBlank();
        }
    }

    @Test
    void an_interview_is_three_questions_and_a_document() throws Exception {
        var questions = List.of(
                caller.begin(member),
                caller.answer(member, "주문 서비스를 맡았습니다."),
                caller.answer(member, "응답 시간을 절반으로 줄였습니다."));
        assertThat(questions).doesNotHaveDuplicates();
        var done = caller.update(member, "배포를 자동화했습니다.").join().read(Replies.Update.class);
        assertThat(done).isEqualTo(new Replies.Update(member, true, null, done.resumeObjectKey()));
        assertThat(done.resumeObjectKey()).matches("[!-~]+/" + member + "/[!-~]+\\.docx");
        assertThat(caller.download("/documents/" + done.resumeObjectKey())).startsWith('P', 'K');
        // With the document the interview is over.
        caller.update(member, "하나 더 있습니다.").join().failure(404);
    }

    @Test
    void the_wikis_callers_are_answered_in_their_own_spelling() throws Exception {
        var inputs = new Requests.Inputs("a@b.kr", "AI 엔지니어", 1, 2, "NON_MAJOR", null, null, null, "해커톤 수상");
        var first = caller.post(INIT, new Requests.WikiInit(member, inputs)).read(Replies.WikiInit.class);
        assertThat(first).isEqualTo(new Replies.WikiInit(member, first.question()));
        assertThat(first.question()).isNotBlank();
        for (var answer : List.of("모델을 작게 만들었습니다.", "두 배 빨라졌습니다.")) {
            var next = caller.post(UPDATE, new Requests.WikiUpdate(member, answer)).read(Replies.WikiUpdate.class);
            assertThat(next).isEqualTo(new Replies.WikiUpdate(member, false, next.question(), null));
            assertThat(next.question()).isNotBlank();
        }
        var nested = Map.of("member_id", member, "inputs", new Requests.Answer("논문을 썼습니다."));
        var done = caller.post(UPDATE, nested).read(Replies.WikiUpdate.class);
        assertThat(done).isEqualTo(new Replies.WikiUpdate(member, true, null, done.resumeObjectKey()));
        assertThat(done.resumeObjectKey()).endsWith(".docx");
    }

    @Test
    void who_changes_the_spelling_in_between_is_answered_in_that_of_each_request() throws Exception {
        caller.begin(member);
        caller.post(UPDATE, new Requests.WikiUpdate(member, "주문 서비스를 맡았습니다.")).read(Replies.WikiUpdate.class);
        caller.answer(member, "응답 시간을 절반으로 줄였습니다.");
    }

    @Test
    void a_question_may_be_skipped() throws Exception {
        var first = caller.begin(member);
        assertThat(caller.answer(member, null)).isNotEqualTo(first);
    }

    @Test
    void an_init_that_comes_again_brings_the_same_question() throws Exception {
        var question = caller.begin(member);
        for (int again = 0; again < 3; again++) {
            assertThat(caller.begin(member)).isEqualTo(question);
        }
    }

    @Test
    void an_init_has_a_question_although_the_model_knows_enough() throws Exception {
        var init = new Requests.Init(member, Requests.Inputs.with(Staged.ENOUGH_AT_ONCE.words()));
        var first = caller.post(INIT, init).read(Replies.Init.class);
        assertThat(first).isEqualTo(new Replies.Init(member, first.question()));
        assertThat(first.question()).isNotBlank();
    }

    @Test
    void an_interview_ends_early_when_the_model_knows_enough() throws Exception {
        caller.begin(member);
        var done = caller.update(member, Staged.ENOUGH.words()).join().read(Replies.Update.class);
        assertThat(done).isEqualTo(new Replies.Update(member, true, null, done.resumeObjectKey()));
        assertThat(done.resumeObjectKey()).endsWith(".docx");
    }

    @Test
    void a_second_click_brings_the_question_that_is_open_then() throws Exception {
        var first = caller.begin(member);
        var clicks = List.of(
                caller.update(member, Staged.CLICKED_TWICE.words()),
                caller.update(member, Staged.CLICKED_TWICE.words()));
        var questions = new ArrayList<String>();
        for (var click : clicks) {
            var next = click.join().read(Replies.Update.class);
            assertThat(next).isEqualTo(new Replies.Update(member, false, next.question(), null));
            questions.add(next.question());
        }
        assertThat(questions.get(0)).isNotEqualTo(first).isEqualTo(questions.get(1));
        // The third of three: neither click was taken for its answer.
        assertThat(caller.answer(member, "응답 시간을 절반으로 줄였습니다.")).isNotIn(first, questions.get(0));
        var done = caller.update(member, "배포를 자동화했습니다.").join().read(Replies.Update.class);
        assertThat(done.isComplete()).isTrue();
    }

    @Test
    void three_hundred_feedbacks_at_once_are_all_answered() throws Exception {
        var asked = new ArrayList<CompletableFuture<Reply>>();
        for (int each = 0; each < AT_ONCE; each++) {
            asked.add(caller.feedback(newMember(), ANSWER));
        }
        var statuses = asked.stream().map(reply -> reply.join().status()).toList();
        assertThat(statuses).as("statuses").containsOnly(200).hasSize(AT_ONCE);
        for (var reply : asked) {
            assertThat(reply.join().read(Replies.Envelope.class).data().feedback()).isNotBlank();
        }
    }

    @Test
    void the_deployments_health_check_is_answered() throws Exception {
        var reply = caller.get("/health-check");
        assertThat(reply.read(Replies.Health.class)).isEqualTo(new Replies.Health("ok"));
        assertThat(reply.response().body()).isEqualToIgnoringWhitespace("{\"status\":\"ok\"}");
    }
}
