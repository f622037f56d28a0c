package kr.careerbee.clients;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

/** What callers know of the replies. A field that is not here breaks them. */
interface Replies {

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Envelope(Integer httpStatusCode, String message, Data data) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Data(Long memberId, String feedback) {}

    record Feedback(String feedback) {}

    record Init(Long memberId, String question) {}

    record WikiInit(@JsonProperty("member_id") Long memberId, String question) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Update(Long memberId, Boolean isComplete, String question, String resumeObjectKey) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record WikiUpdate(
            @JsonProperty("member_id") Long memberId, Boolean isComplete, String question, String resumeObjectKey) {}

    record Health(String status) {}

    /** Callers log a failure's body; what they go by is the status. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Failure(String code, String message, Boolean retryable) {}
}
