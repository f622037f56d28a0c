package kr.careerbee.ssammu.event;

/** {@code problemId} is null where the request had none. */
public record FeedbackGenerated(long memberId, Long problemId, String feedback) {}
