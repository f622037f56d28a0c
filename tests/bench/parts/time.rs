//! The parts that decide, without I/O: what each costs of a request's CPU time.
//!
//! `cargo bench --bench parts`. It prints the size of an ordinary résumé's document, too. Where time is too noisy,
//! `cargo bench --bench instructions` counts instructions.

mod work;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// A part that only looks at what it is given.
fn part<I, O>(c: &mut Criterion, name: &str, input: &I, part: impl Fn(&I) -> O) {
    c.bench_function(name, |b| b.iter(|| part(black_box(input))));
}

fn feedback(c: &mut Criterion) {
    let record = work::record();
    part(c, "decode and validate a request", &record, work::decode);
    part(c, "build the prompts of a feedback", &work::request(), work::build_prompts);
    part(c, "clean a reply", &work::REPLY, work::clean_reply);
    part(c, "ids, outcome and headers", &record, work::ids_and_headers);
}

fn offsets(c: &mut Criterion) {
    for taken in [64, 1_000, 20_000] {
        let offsets = work::offsets(taken);
        c.bench_function(&format!("offset map: take and finish one, {taken} taken"), |b| {
            b.iter_batched_ref(|| offsets.clone(), |map| work::take_and_finish(map, taken), BatchSize::SmallInput);
        });
        part(c, &format!("offset map: what to commit, {taken} taken"), &offsets, work::to_commit);
    }
}

fn resume(c: &mut Criterion) {
    part(c, "encode a session", &work::session(), work::encode_session);
    part(c, "clean a résumé's Markdown", &work::RESUME, work::clean_markdown);
    let Some(cleaned) = work::clean_markdown(&work::RESUME) else { return };
    if let Some(bytes) = work::render(&cleaned) {
        println!("a document of {} characters of Markdown has {} bytes", cleaned.chars().count(), bytes.len());
    }
    part(c, "Markdown to document", &cleaned, work::render);
}

criterion_group!(parts, feedback, offsets, resume);
criterion_main!(parts);
