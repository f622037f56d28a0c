package kr.careerbee.ssammu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;

/** A browser's EventSource, as far as the checks need one. */
record SseBrowser(BufferedReader stream) implements AutoCloseable {

    record Event(String id, String name, String data) {}

    /** Returns when the gateway knows the member. */
    static SseBrowser open(int port, long memberId) throws IOException {
        var connection = URI.create("http://127.0.0.1:" + port + "/sse/" + memberId).toURL().openConnection();
        connection.setReadTimeout((int) Outcomes.PATIENCE.toMillis());
        return new SseBrowser(new BufferedReader(new InputStreamReader(connection.getInputStream(), UTF_8)));
    }

    /** Waits for an event; comments are none. */
    Event next() throws IOException {
        Map<String, String> fields = new HashMap<>();
        String line;
        while ((line = stream.readLine()) != null) {
            if (line.isEmpty() && fields.containsKey("data")) {
                return new Event(fields.get("id"), fields.get("event"), fields.get("data"));
            }
            int colon = line.indexOf(':');
            if (colon > 0) {
                fields.put(line.substring(0, colon), line.substring(colon + 1));
            }
        }
        throw new EOFException("the gateway has closed the connection");
    }

    @Override
    public void close() throws IOException {
        stream.close();
    }
}
