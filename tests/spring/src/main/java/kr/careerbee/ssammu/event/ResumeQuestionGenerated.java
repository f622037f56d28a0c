package kr.careerbee.ssammu.event;

public record ResumeQuestionGenerated(
        long memberId,
        boolean isComplete,
        String sessionId,
        String questionId,
        int questionNumber,
        int maxQuestions,
        String question) {}
