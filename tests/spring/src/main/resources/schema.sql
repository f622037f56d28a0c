-- Every outcome that was handled; the key is what drops repeats.
create table if not exists handled_outcome (ce_id varchar(36) primary key);

create table if not exists feedback (member_id bigint not null, problem_id bigint, answer varchar(500) not null,
    feedback varchar(1000) not null);
create table if not exists free_problems (member_id bigint, type varchar(20), remaining int not null,
    primary key (member_id, type));
create table if not exists resume_question (member_id bigint primary key, question_id varchar(36),
    question varchar(500));
create table if not exists resume_document (member_id bigint primary key, object_key varchar(1024));
create table if not exists dead_letter (topic varchar(249), part int, pos bigint, at bigint, code varchar(64),
    message varchar(1024), request varbinary);
