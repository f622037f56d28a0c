package kr.careerbee.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/** A reply as it came. */
record Reply(HttpResponse<String> response) {

    /** As it is out of the box, and as the backend has it: a field that a record does not know is an error. */
    static final ObjectMapper JSON = new ObjectMapper();

    int status() {
        return response.statusCode();
    }

    /** Reads a reply with status 200 that holds what the record holds: no field more, none null, none of another type. */
    <T> T read(Class<T> type) throws JsonProcessingException {
        assertThat(status()).as(response.body()).isEqualTo(200);
        assertThat(header("content-type")).startsWith("application/json");
        T read = JSON.readValue(response.body(), type);
        assertThat(JSON.readTree(response.body())).isEqualTo(JSON.readTree(JSON.writeValueAsString(read)));
        return read;
    }

    /** A failure with this status: below 500 the same request fails for good, from 500 on it may be sent again. */
    Replies.Failure failure(int expected) throws JsonProcessingException {
        assertThat(status()).as(response.body()).isEqualTo(expected);
        var failure = JSON.readValue(response.body(), Replies.Failure.class);
        assertThat(failure.code()).isNotBlank();
        assertThat(failure.message()).containsPattern("[가-힣]");
        assertThat(failure.retryable()).isEqualTo(expected >= 500);
        return failure;
    }

    /** Where all places are taken: a failure that says when to come again, in whole seconds. */
    void full() throws JsonProcessingException {
        failure(503);
        assertThat(header("retry-after")).matches("[1-9][0-9]*");
    }

    private String header(String name) {
        return response.headers().firstValue(name).orElse("");
    }
}
