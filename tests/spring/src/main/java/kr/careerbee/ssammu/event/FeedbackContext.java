package kr.careerbee.ssammu.event;

/** What this program needs back with the outcome of a feedback request: to store it, or to undo what it took. */
public record FeedbackContext(String answer, String type, boolean isFreeProblem) {}
