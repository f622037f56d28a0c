package kr.careerbee.ssammu.event;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a member has told so far; a new member's fields may be null. */
public record AdvancedResumeInitReq(long memberId, Inputs inputs) {

    public record Inputs(
            String email,
            @JsonProperty("preferred_job") String preferredJob,
            @JsonProperty("certification_count") Integer certificationCount,
            @JsonProperty("project_count") Integer projectCount,
            @JsonProperty("major_type") String majorType,
            @JsonProperty("company_name") String companyName,
            @JsonProperty("work_period") Integer workPeriod,
            String position,
            @JsonProperty("additional_experiences") String additionalExperiences) {}
}
