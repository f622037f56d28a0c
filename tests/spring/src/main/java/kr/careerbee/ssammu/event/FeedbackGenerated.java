package kr.careerbee.ssammu.event;

/** {@code problemId} and {@code context} are null where the request had none. */
public record FeedbackGenerated(long memberId, Long problemId, String feedback, FeedbackContext context) {}
