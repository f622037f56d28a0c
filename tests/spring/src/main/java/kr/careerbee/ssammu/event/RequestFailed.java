package kr.careerbee.ssammu.event;

/**
 * {@code problemId}, {@code field} and {@code context} are null where they do not apply; {@code message} may be shown to
 * the member.
 */
public record RequestFailed(
        long memberId,
        String eventName,
        String code,
        String message,
        boolean retryable,
        String requestTopic,
        String requestId,
        Long problemId,
        String field,
        FeedbackContext context) {}
