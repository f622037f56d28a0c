package kr.careerbee.ssammu.event;

/** How far a request is. Text is a feedback's, section and percent are a résumé's; what is not told is null. */
public record RequestProgress(
        long memberId,
        String eventName,
        String requestId,
        Long problemId,
        String sessionId,
        long sequence,
        String stage,
        String text,
        String section,
        Integer percent) {}
