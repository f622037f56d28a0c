package kr.careerbee.clients;

import static com.fasterxml.jackson.databind.DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;

import com.fasterxml.jackson.core.JsonProcessingException;

/**
 * A caller of the old HTTP API who sends what Spring's RestClient sends: by the JDK's client, which offers HTTP/2 in the
 * clear with each request, with bodies in chunks. No key, no question's id, no trace.
 */
record Caller(URI gateway) {

    static final String FEEDBACK = "/feedback/create";
    static final String PLAIN_FEEDBACK = "/api/v1/feedback/create";
    static final String INIT = "/api/v1/resume/agent/init";
    static final String UPDATE = "/api/v1/resume/agent/update";

    static final String QUESTION = "TCP와 UDP의 차이점은?";
    static final String ANSWER = "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다.";

    /** Longer than any reply takes, on a slow and busy machine too. */
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** Members that no other run has. */
    private static final AtomicLong MEMBERS = new AtomicLong((1L << 52) + System.currentTimeMillis() * 1_000);

    static {
        assertThat(Reply.JSON.isEnabled(FAIL_ON_UNKNOWN_PROPERTIES)).isTrue();
    }

    /** Of the gateway whose address is in this variable. */
    static Caller of(String variable) {
        return new Caller(URI.create(System.getenv(variable)));
    }

    static long newMember() {
        return MEMBERS.incrementAndGet();
    }

    Reply post(String path, Object request) throws JsonProcessingException {
        return send(path, request).join();
    }

    CompletableFuture<Reply> send(String path, Object request) throws JsonProcessingException {
        return send(path, "application/json", Reply.JSON.writeValueAsBytes(request));
    }

    CompletableFuture<Reply> send(String path, String contentType, byte[] body) {
        var request = HttpRequest.newBuilder(gateway.resolve(path))
                .header("Content-Type", contentType)
                .header("Accept", "application/json")
                // Of unknown length, hence in chunks.
                .POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body)))
                .timeout(PATIENCE)
                .build();
        return HTTP.sendAsync(request, BodyHandlers.ofString()).thenApply(Reply::new);
    }

    Reply get(String path) {
        var request = HttpRequest.newBuilder(gateway.resolve(path)).build();
        return HTTP.sendAsync(request, BodyHandlers.ofString()).thenApply(Reply::new).orTimeout(10, SECONDS).join();
    }

    byte[] download(String path) throws Exception {
        var request = HttpRequest.newBuilder(gateway.resolve(path)).timeout(PATIENCE).build();
        return HTTP.send(request, BodyHandlers.ofByteArray()).body();
    }

    CompletableFuture<Reply> feedback(long member, String answer) throws JsonProcessingException {
        return send(FEEDBACK, new Requests.Feedback(member, QUESTION, answer));
    }

    CompletableFuture<Reply> update(long member, String answer) throws JsonProcessingException {
        return send(UPDATE, new Requests.Update(member, answer));
    }

    /** Begins an interview: its first question. */
    String begin(long member) throws JsonProcessingException {
        var first = post(INIT, new Requests.Init(member, Requests.Inputs.ofNewMember())).read(Replies.Init.class);
        assertThat(first.memberId()).isEqualTo(member);
        assertThat(first.question()).isNotBlank();
        return first.question();
    }

    /** Answers the open question: the next one. */
    String answer(long member, String answer) throws JsonProcessingException {
        var next = update(member, answer).join().read(Replies.Update.class);
        assertThat(next).isEqualTo(new Replies.Update(member, false, next.question(), null));
        assertThat(next.question()).isNotBlank();
        return next.question();
    }
}
