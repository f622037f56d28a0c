package kr.careerbee.ssammu;

import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter.SseEventBuilder;

/** What a browser gets. Without data it is a comment, which no page sees; without an id it leaves the last one as it is. */
record SseEvent(String id, String name, Object data) {

    SseEventBuilder toSend() {
        var event = SseEmitter.event();
        if (id != null) {
            event.id(id);
        }
        return data == null ? event.comment("") : event.name(name).data(data);
    }
}
