package kr.careerbee.ssammu;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;

/** A browser's EventSource, as far as the checks need one. */
record SseBrowser(InputStream stream, Scanner lines) implements AutoCloseable {

    record Event(String id, String name, String data) {}

    /** Returns when the gateway knows the member. */
    static SseBrowser open(int port, long memberId) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/sse/" + memberId)).build();
        var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofInputStream());
        if (response.statusCode() != 200) {
            throw new IOException("the gateway answers " + response.statusCode());
        }
        return new SseBrowser(response.body(), new Scanner(response.body(), "UTF-8"));
    }

    /** Waits for an event; comments are none. */
    Event next() {
        Map<String, String> fields = new HashMap<>();
        while (true) {
            String line = lines.nextLine();
            if (line.isEmpty() && fields.containsKey("data")) {
                return new Event(fields.get("id"), fields.get("event"), fields.get("data"));
            }
            int colon = line.indexOf(':');
            if (colon > 0) {
                fields.put(line.substring(0, colon), line.substring(colon + 1));
            }
        }
    }

    @Override
    public void close() throws IOException {
        stream.close();
    }
}
