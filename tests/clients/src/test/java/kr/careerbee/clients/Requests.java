package kr.careerbee.clients;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What callers send. Fields without a value are sent as null, as Jackson does it out of the box. */
interface Requests {

    record Feedback(Long memberId, String question, String answer) {}

    /** The wiki's example names nobody. */
    record AnonymousFeedback(String question, String answer) {}

    record Init(long memberId, Inputs inputs) {}

    record WikiInit(@JsonProperty("member_id") long memberId, Inputs inputs) {}

    record Inputs(
            String email,
            @JsonProperty("preferred_job") String preferredJob,
            @JsonProperty("certification_count") Integer certificationCount,
            @JsonProperty("project_count") Integer projectCount,
            @JsonProperty("major_type") String majorType,
            @JsonProperty("company_name") String companyName,
            @JsonProperty("work_period") Integer workPeriod,
            String position,
            @JsonProperty("additional_experiences") String additionalExperiences) {

        /** Five of a new member's fields have no value yet. */
        static Inputs ofNewMember() {
            return new Inputs("a@b.kr", null, 0, 0, null, null, 0, null, null);
        }

        static Inputs with(String additionalExperiences) {
            return new Inputs("a@b.kr", "BACKEND", 2, 3, "MAJOR", "비의회사", 14, "개발자", additionalExperiences);
        }
    }

    record Update(long memberId, Answer inputs) {

        Update(long memberId, String answer) {
            this(memberId, new Answer(answer));
        }
    }

    record Answer(String answer) {}

    record WikiUpdate(@JsonProperty("member_id") long memberId, String answer) {}
}
