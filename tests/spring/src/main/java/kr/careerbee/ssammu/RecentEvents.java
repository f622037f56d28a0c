package kr.careerbee.ssammu;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What members were told lately: a browser that comes back gets what it missed, and a repeat is known by its {@code ce_id}.
 * It stands for a table of the product's that is written before an event is pushed, and emptied of what is old: an instance
 * that has just been started knows that, too. This one is in memory, and so has an end. The hub's lock guards it.
 */
class RecentEvents {

    /** Of a member: fewer than the queue of a browser that comes back takes. */
    private static final int EVENTS_MAX = 20;
    /** Those that were told something last, or came back. */
    private static final int MEMBERS_MAX = 2_000;
    /** An id that no event has. */
    private static final String NONE = "0";

    private final Map<Long, Deque<SseEvent>> members = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Deque<SseEvent>> eldest) {
            return size() > MEMBERS_MAX;
        }
    };

    /** False for a repeat. */
    boolean add(long memberId, SseEvent event) {
        var events = members.computeIfAbsent(memberId, member -> new ArrayDeque<>());
        if (events.stream().anyMatch(known -> known.id().equals(event.id()))) {
            return false;
        }
        events.addLast(event);
        if (events.size() > EVENTS_MAX) {
            events.removeFirst();
        }
        return true;
    }

    /** What came after the event with this id; all that is known, where that one is not any more. */
    List<SseEvent> after(long memberId, String id) {
        var after = new ArrayList<SseEvent>();
        for (var event : members.getOrDefault(memberId, new ArrayDeque<>())) {
            after.add(event);
            if (event.id().equals(id)) {
                after.clear();
            }
        }
        return after;
    }

    /** The id of the member's last event. */
    String newest(long memberId) {
        var events = members.get(memberId);
        return events == null ? NONE : events.getLast().id();
    }
}
