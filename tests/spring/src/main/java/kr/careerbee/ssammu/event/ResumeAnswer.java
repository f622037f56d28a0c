package kr.careerbee.ssammu.event;

/** The answer to the question with this id. */
public record ResumeAnswer(long memberId, Inputs inputs, String questionId) {

    public record Inputs(String answer) {}
}
