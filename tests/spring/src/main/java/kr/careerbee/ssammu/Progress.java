package kr.careerbee.ssammu;

import java.util.LinkedHashMap;
import java.util.Map;

/** How far requests were told to be, as long as they are among the last that told anything. */
class Progress {

    private static final int REQUESTS_MAX = 10_000;

    private final Map<String, Long> sequences = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
            return size() > REQUESTS_MAX;
        }
    };

    /** Whether it is above all that was told; then it was. */
    boolean isNews(String requestId, long sequence) {
        boolean isNews = sequences.getOrDefault(requestId, -1L) < sequence;
        if (isNews) {
            sequences.put(requestId, sequence);
        }
        return isNews;
    }

    /** The outcome is there: nothing is told of it any more. */
    void end(String requestId) {
        sequences.put(requestId, Long.MAX_VALUE);
    }
}
