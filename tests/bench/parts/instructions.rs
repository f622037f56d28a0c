//! The same parts as in `time.rs`, in instructions: they are the same on a busy machine.
//!
//! `cargo bench --bench instructions`. It needs valgrind (Debian's package) and
//! `cargo install gungraun-runner --version 0.20.0 --locked`, the version in `Cargo.lock`.

mod work;

use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use ssammu_worker::events::record::Record;
use ssammu_worker::events::request::FeedbackRequest;
use ssammu_worker::state::session::Session;
use ssammu_worker::worker::offsets::Offsets;

/// Runs a part once before it counts, so that what is made once for all requests is there.
fn warm<I, O>(input: I, part: impl Fn(&I) -> O) -> I {
    part(&input);
    input
}

/// Runs a part that counts; what is handed out is dropped outside of the count.
fn run<I, O>(input: I, part: impl Fn(&I) -> O) -> (I, O) {
    let output = part(&input);
    (input, output)
}

#[library_benchmark]
#[bench::of_feedback(warm(work::record(), work::decode))]
fn decode(record: Record) -> impl Sized {
    run(record, work::decode)
}

#[library_benchmark]
#[bench::of_feedback(warm(work::request(), work::build_prompts))]
fn build_prompts(request: FeedbackRequest) -> impl Sized {
    run(request, work::build_prompts)
}

#[library_benchmark]
#[bench::of_feedback(warm(work::REPLY, work::clean_reply))]
fn clean_reply(text: &'static str) -> impl Sized {
    run(text, work::clean_reply)
}

#[library_benchmark]
#[bench::of_feedback(warm(work::record(), work::ids_and_headers))]
fn ids_and_headers(record: Record) -> impl Sized {
    run(record, work::ids_and_headers)
}

#[library_benchmark]
#[bench::with_64_taken(work::offsets(64), 64)]
#[bench::with_1000_taken(work::offsets(1_000), 1_000)]
#[bench::with_20000_taken(work::offsets(20_000), 20_000)]
fn take_and_finish(mut offsets: Offsets, offset: i64) -> Offsets {
    work::take_and_finish(&mut offsets, offset);
    offsets
}

#[library_benchmark]
#[bench::with_64_taken(warm(work::offsets(64), work::to_commit))]
#[bench::with_1000_taken(warm(work::offsets(1_000), work::to_commit))]
#[bench::with_20000_taken(warm(work::offsets(20_000), work::to_commit))]
fn to_commit(offsets: Offsets) -> impl Sized {
    run(offsets, work::to_commit)
}

#[library_benchmark]
#[bench::of_three_answers(warm(work::session(), work::encode_session))]
fn encode_session(session: Session) -> impl Sized {
    run(session, work::encode_session)
}

#[library_benchmark]
#[bench::of_resume(warm(work::RESUME, work::clean_markdown))]
fn clean_markdown(text: &'static str) -> impl Sized {
    run(text, work::clean_markdown)
}

#[library_benchmark]
#[bench::of_resume(warm(work::clean_markdown(&work::RESUME).unwrap_or_default(), work::render))]
fn render(markdown: String) -> impl Sized {
    run(markdown, work::render)
}

library_benchmark_group!(name = feedback, benchmarks = [decode, build_prompts, clean_reply, ids_and_headers]);
library_benchmark_group!(name = offsets, benchmarks = [take_and_finish, to_commit]);
library_benchmark_group!(name = resume, benchmarks = [encode_session, clean_markdown, render]);
// The caches that valgrind can play are not those of any machine: instructions alone.
main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [feedback, offsets, resume]
);
