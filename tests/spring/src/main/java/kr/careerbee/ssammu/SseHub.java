package kr.careerbee.ssammu;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.stereotype.Component;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/** The browsers that are connected to this instance. Nothing here waits for one of them, so that one lock is enough. */
@Component
class SseHub {

    /** Of a member; with one more the oldest ends. */
    private static final int TABS_MAX = 8;

    private final Map<Long, Deque<SseConnection>> connections = new HashMap<>();
    private final RecentEvents recent = new RecentEvents();
    private final Progress progress = new Progress();
    private final SimpleAsyncTaskExecutor writers = new SimpleAsyncTaskExecutor("sse-");
    private final Duration heartbeat;

    SseHub(@Value("${sse.heartbeat:15s}") Duration heartbeat) {
        this.heartbeat = heartbeat;
        // A thread for each connection: a virtual one, or before Java 21 one of the system's.
        writers.setVirtualThreads(Runtime.version().feature() >= 21);
        writers.setDaemon(true);
    }

    /** A browser gets what came after the last event that it had, and nothing older where it comes for the first time. */
    synchronized SseEmitter connect(long memberId, String lastEventId) {
        var connection = new SseConnection(heartbeat);
        connection.emitter().onCompletion(() -> forget(memberId, connection));
        // One that is cut off before its first event comes back with this.
        String last = lastEventId == null ? recent.newest(memberId) : lastEventId;
        connection.offer(new SseEvent(last, null, null));
        recent.after(memberId, last).forEach(connection::offer);
        var tabs = connections.computeIfAbsent(memberId, member -> new ArrayDeque<>());
        tabs.addLast(connection);
        if (tabs.size() > TABS_MAX) {
            tabs.removeFirst().close();
        }
        writers.execute(connection);
        return connection.emitter();
    }

    /** An outcome, to each tab of its member; a repeat to none. */
    synchronized void push(long memberId, String requestId, SseEvent event) {
        if (!recent.add(memberId, event)) {
            return;
        }
        progress.end(requestId);
        for (var connection : tabs(memberId)) {
            if (!connection.offer(event)) {
                forget(memberId, connection);
                connection.close();
            }
        }
    }

    /** How far a request is. Best effort: it is not kept, and is left out where it would hold up what is. */
    synchronized void pushProgress(long memberId, String requestId, long sequence, SseEvent event) {
        var tabs = tabs(memberId);
        if (!tabs.isEmpty() && progress.isNews(requestId, sequence)) {
            tabs.forEach(connection -> connection.offerIfQuick(event));
        }
    }

    /** Boot's graceful shutdown would wait 30 s for them; the browsers connect again, to another instance. */
    @EventListener(ContextClosedEvent.class)
    synchronized void disconnect() {
        connections.values().forEach(tabs -> tabs.forEach(SseConnection::close));
        connections.clear();
    }

    private synchronized void forget(long memberId, SseConnection connection) {
        connections.computeIfPresent(memberId, (member, tabs) -> {
            tabs.remove(connection);
            return tabs.isEmpty() ? null : tabs;
        });
    }

    private List<SseConnection> tabs(long memberId) {
        return List.copyOf(connections.getOrDefault(memberId, new ArrayDeque<>()));
    }
}
