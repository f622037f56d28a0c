package kr.careerbee.ssammu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.HashMap;
import java.util.Map;

/** A browser's EventSource, as far as the checks need one: what it does not read stays in the socket. */
class SseBrowser implements AutoCloseable {

    record Event(String id, String name, String data) {}

    private static final String PATH = "/api/v1/sse/subscribe";

    private final Socket socket = new Socket();
    private final BufferedReader stream;
    private String lastEventId;

    /** Returns when the gateway knows the member. */
    static SseBrowser open(int port, long memberId) throws IOException {
        return new SseBrowser(port, memberId, null);
    }

    /** The same browser again, after its connection was cut. */
    static SseBrowser comesBack(int port, long memberId, SseBrowser before) throws IOException {
        return new SseBrowser(port, memberId, before.lastEventId());
    }

    private SseBrowser(int port, long memberId, String lastEventId) throws IOException {
        this.lastEventId = lastEventId;
        socket.setReceiveBufferSize(8 * 1024);
        socket.setSoTimeout((int) Outcomes.PATIENCE.toMillis());
        socket.connect(new InetSocketAddress("127.0.0.1", port));
        stream = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
        var request = "GET " + PATH + " HTTP/1.0\r\n" + Login.HEADER + ": " + memberId + "\r\n"
                + (lastEventId == null ? "" : "Last-Event-ID: " + lastEventId + "\r\n") + "\r\n";
        socket.getOutputStream().write(request.getBytes(UTF_8));
        String status = stream.readLine();
        if (status == null || !status.contains(" 200")) {
            throw new IOException("the gateway says " + status);
        }
        while (!stream.readLine().isEmpty()) {
            // The reply's head.
        }
        // What is told of itself before any event: from here on it comes back with an id.
        read();
    }

    String lastEventId() {
        return lastEventId;
    }

    /** Waits for an event; what has no data is none. */
    Event next() throws IOException {
        Map<String, String> fields;
        do {
            fields = read();
        } while (!fields.containsKey("data"));
        return new Event(fields.get("id"), fields.get("event"), fields.get("data"));
    }

    /** Waits for a comment, which is a field without a name. */
    void nextComment() throws IOException {
        while (!read().containsKey("")) {
            // An event.
        }
    }

    private Map<String, String> read() throws IOException {
        Map<String, String> fields = new HashMap<>();
        String line;
        while ((line = stream.readLine()) != null) {
            if (line.isEmpty()) {
                lastEventId = fields.getOrDefault("id", lastEventId);
                return fields;
            }
            int colon = line.indexOf(':');
            fields.put(line.substring(0, colon), line.substring(colon + 1));
        }
        throw new EOFException("the gateway has closed the connection");
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
