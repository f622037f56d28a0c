package kr.careerbee.ssammu.event;

/** A member's answer to an interview question; {@code problemId} may be null. */
public record AiFeedbackReq(
        long memberId, Long problemId, String question, String answer, FeedbackContext context) {}
