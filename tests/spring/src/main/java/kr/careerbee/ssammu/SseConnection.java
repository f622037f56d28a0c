package kr.careerbee.ssammu;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * A browser's stream. Sending waits until its socket takes it, up to Tomcat's 20 s. So whoever has an event puts it into a
 * bounded queue and goes on, and a thread of the connection's own is the only one that ever waits for this browser.
 */
class SseConnection implements Runnable {

    static final int QUEUE_MAX = 64;

    private static final Duration LONGEST = Duration.ofMinutes(30);
    private static final SseEvent HEARTBEAT = new SseEvent(null, null, null);
    private static final SseEvent END = new SseEvent(null, "end", null);

    private final SseEmitter emitter = new SseEmitter(LONGEST.toMillis());
    private final BlockingQueue<SseEvent> queue = new ArrayBlockingQueue<>(QUEUE_MAX);
    private final Duration heartbeat;
    private volatile boolean isOpen = true;

    SseConnection(Duration heartbeat) {
        this.heartbeat = heartbeat;
        emitter.onTimeout(emitter::complete);
    }

    SseEmitter emitter() {
        return emitter;
    }

    /** False where the browser cannot keep up: it is to be dropped, and comes back with the last event that it had. */
    boolean offer(SseEvent event) {
        return queue.offer(event);
    }

    /** What nobody misses takes no room from what somebody would. */
    void offerIfQuick(SseEvent event) {
        if (queue.size() < QUEUE_MAX / 2) {
            queue.offer(event);
        }
    }

    /** Returns at once. What has not been written yet is not written any more. */
    void close() {
        isOpen = false;
        queue.clear();
        queue.offer(END);
    }

    /** Writes until the connection is closed, or the browser is gone, which a heartbeat finds out. */
    @Override
    public void run() {
        try {
            while (isOpen) {
                var event = queue.poll(heartbeat.toMillis(), TimeUnit.MILLISECONDS);
                if (event != END) {
                    emitter.send((event == null ? HEARTBEAT : event).toSend());
                }
            }
            emitter.complete();
        } catch (IOException | IllegalStateException gone) {
            // The container knows, and ends it.
        } catch (InterruptedException stopped) {
            emitter.complete();
        }
    }
}
