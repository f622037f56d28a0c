package kr.careerbee.ssammu;

import static kr.careerbee.ssammu.Outcomes.PATIENCE;
import static kr.careerbee.ssammu.Outcomes.header;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.EOFException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import kr.careerbee.ssammu.event.AiFeedbackReq;
import kr.careerbee.ssammu.event.FeedbackGenerated;
import kr.careerbee.ssammu.event.RequestFailed;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.kafka.core.KafkaAdmin;

/** What members with a browser get, whichever instance it is connected to. */
class SseGatewayTest extends TwoInstances {

    @BeforeEach
    void both_read_from_now_on() {
        for (var instance : List.of(first, second)) {
            await().atMost(PATIENCE).until(() -> readsFromNowOn(instance));
        }
    }

    @Test
    void each_of_two_gateways_pushes_to_its_own_browsers() throws Exception {
        long other = MEMBERS.incrementAndGet();
        try (var here = SseBrowser.open(port(first), member); var there = SseBrowser.open(port(second), other)) {
            requests.feedback(asking(42L), id).get();
            var otherId = UUID.randomUUID();
            requests.feedback(new AiFeedbackReq(other, 43L, QUESTION, "", CONTEXT), otherId).get();

            var feedback = outcomes.await(id, FeedbackGenerated.class);
            var failure = outcomes.await(otherId, RequestFailed.class);
            var event = here.next();
            assertThat(event.name()).isEqualTo("problem-feedback");
            assertThat(event.id()).isEqualTo(header(feedback, "ce_id"));
            assertThat(event.data()).contains("\"problemId\":42", feedback.value().feedback());
            assertThat(there.next()).isEqualTo(new SseBrowser.Event(
                    header(failure, "ce_id"), "problem-feedback-error", failure.value().message()));
        }
    }

    @Test
    void each_tab_of_a_member_gets_an_outcome_once_though_it_comes_twice() throws Exception {
        try (var one = SseBrowser.open(port(first), member); var other = SseBrowser.open(port(first), member)) {
            for (String outcome : List.of("first", "first", "second")) {
                tellOutcome(member, outcome, "내용");
            }
            for (var tab : List.of(one, other)) {
                assertThat(tab.next().id()).isEqualTo("first");
                assertThat(tab.next().id()).isEqualTo("second");
            }
        }
    }

    @Test
    void what_comes_while_a_browser_reconnects_is_delivered_by_either_instance() throws Exception {
        for (var instance : List.of(first, second)) {
            long absent = MEMBERS.incrementAndGet();
            // Its other tab stays, and so says when the instance knows the outcome.
            try (var tab = SseBrowser.open(port(instance), absent)) {
                var before = SseBrowser.open(port(instance), absent);
                before.close();
                tellOutcome(absent, "first", "내용");
                assertThat(tab.next().id()).isEqualTo("first");
                try (var back = SseBrowser.comesBack(port(instance), absent, before)) {
                    assertThat(back.next().id()).as("it had none before").isEqualTo("first");
                    before = back;
                }
                tellOutcome(absent, "second", "내용");
                tellOutcome(absent, "third", "내용");
                assertThat(tab.next().id()).isEqualTo("second");
                assertThat(tab.next().id()).isEqualTo("third");
                try (var back = SseBrowser.comesBack(port(instance), absent, before)) {
                    assertThat(back.next().id()).isEqualTo("second");
                    assertThat(back.next().id()).isEqualTo("third");
                    tellOutcome(absent, "fourth", "내용");
                    assertThat(back.next().id()).isEqualTo("fourth");
                }
            }
        }
    }

    @Test
    void a_browser_that_takes_nothing_holds_nobody_up_and_is_dropped() throws Exception {
        long other = MEMBERS.incrementAndGet();
        int told = 400;
        try (var slow = SseBrowser.open(port(first), member); var quick = SseBrowser.open(port(first), other)) {
            for (int number = 1; number <= told; number++) {
                tellOutcome(member, "number-" + number, "가".repeat(33_000));
            }
            tellOutcome(other, "other", "내용");
            assertThat(quick.next().id()).isEqualTo("other");
            int[] had = {0};
            assertThatThrownBy(() -> {
                while (slow.next().id().equals("number-" + (had[0] + 1))) {
                    had[0]++;
                }
            }).isInstanceOf(EOFException.class);
            assertThat(had[0]).isLessThan(told);
            try (var back = SseBrowser.comesBack(port(first), member, slow)) {
                String id;
                do {
                    id = back.next().id();
                } while (!id.equals("number-" + told));
            }
        }
    }

    @Test
    void a_silent_stream_shows_that_it_lives() throws Exception {
        try (var browser = SseBrowser.open(port(first), member)) {
            browser.nextComment();
            browser.nextComment();
        }
    }

    @Test
    void nobody_gets_a_stream_of_another_member_or_without_a_login() throws Exception {
        assertThat(status(null, "")).isEqualTo(401);
        assertThat(status(null, "?memberId=" + member)).isEqualTo(401);
        assertThat(status(MEMBERS.incrementAndGet(), "?memberId=" + member)).isEqualTo(403);
        assertThat(status(member, "?memberId=" + member)).isEqualTo(200);
    }

    private static int status(Long login, String query) throws Exception {
        var uri = URI.create("http://127.0.0.1:" + port(first) + "/api/v1/sse/subscribe" + query);
        var request = HttpRequest.newBuilder(uri);
        if (login != null) {
            request.header(Login.HEADER, login.toString());
        }
        var response = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofInputStream());
        response.body().close();
        return response.statusCode();
    }

    @Test
    void progress_is_pushed_while_it_rises_and_not_after_the_outcome() throws Exception {
        String one = "답변은 핵심을 파악하고 있습니다.";
        String two = one + " 다만 근거가 부족합니다.";
        try (var here = SseBrowser.open(port(first), member)) {
            tell(id, 2_000, one);
            tell(id, 1_000, "늦게 온 것입니다.");
            tell(id, 2_000, one);
            tell(id, 3_000, two);
            assertThat(here.next()).isEqualTo(progress(one));
            assertThat(here.next()).isEqualTo(progress(two));
            requests.feedback(asking(42L), id).get();
            assertThat(here.next().name()).isEqualTo("problem-feedback");
            tell(id, 4_000, "결과 뒤에 온 것입니다.");
            tell(UUID.randomUUID(), 1, one);
            assertThat(here.next()).isEqualTo(progress(one));
        }
    }

    /** What the worker tells while it writes. */
    private void tell(UUID request, long sequence, String text) throws Exception {
        var value = Map.of(
                "memberId", member, "eventName", "PROBLEM_FEEDBACK", "requestId", request.toString(), "problemId", 42,
                "sequence", sequence, "stage", "WRITING", "text", text);
        kafka.send(request("request-progress", value)).get();
    }

    private static SseBrowser.Event progress(String text) {
        String data = "{\"problemId\":42,\"text\":\"" + text + "\"}";
        return new SseBrowser.Event(null, "problem-feedback-progress", data);
    }

    /** An outcome as the worker sends it, in one partition, so that they come in their order. */
    private static void tellOutcome(long memberId, String id, String feedback) throws Exception {
        var value = new FeedbackGenerated(memberId, 42L, feedback, null);
        var outcome = new ProducerRecord<String, Object>(
                topic("feedback-generated"), 0, Long.toString(memberId), value);
        outcome.headers().add("ce_id", bytes(id)).add("ce_causationid", bytes("request-of-" + id));
        kafka.send(outcome).get();
    }

    /** The group has a position in each partition of the outcomes' topics. */
    private static boolean readsFromNowOn(ConfigurableApplicationContext instance) throws Exception {
        String group = instance.getBean(SseGateway.class).getGroupId();
        try (var admin = AdminClient.create(
                instance.getBean(KafkaAdmin.class).getConfigurationProperties())) {
            var positions = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().keySet();
            var names = List.of(topic("feedback-generated"), topic("request-failed"), topic("request-progress"));
            return admin.describeTopics(names).allTopicNames().get().values().stream()
                    .allMatch(topic -> positions.stream().filter(at -> at.topic().equals(topic.name())).count()
                            == topic.partitions().size());
        }
    }

    private static int port(ConfigurableApplicationContext instance) {
        return instance.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
    }
}
