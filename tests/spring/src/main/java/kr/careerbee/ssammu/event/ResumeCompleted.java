package kr.careerbee.ssammu.event;

import java.time.Instant;

public record ResumeCompleted(
        long memberId,
        boolean isComplete,
        String sessionId,
        String resumeObjectKey,
        String resumeUrl,
        Instant resumeUrlExpiresAt,
        boolean degraded) {}
