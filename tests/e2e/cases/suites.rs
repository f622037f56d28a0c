//! The contract suites over the real twins: state in Redis, documents in S3.

use ssammu_worker::documents::s3::{S3Documents, StoreOptions};
use ssammu_worker::state::redis::RedisState;
use ssammu_worker::state::{Lifetimes, MemberState};

use crate::case::Case;
use crate::kit::redis::Redis;
use crate::kit::services::BUCKET;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;
use crate::suites::{documents, erasing, expiring, links, redis, state};

pub fn cases() -> Vec<Case> {
    let lasting = state::all().into_iter().map(|(name, test)| {
        Case::new(name, move |env| Box::pin(async move { test(&redis_state(&env, state::LASTING).await).await }))
    });
    let short = expiring::all().into_iter().map(|(name, test)| {
        Case::new(name, move |env| Box::pin(async move { test(&redis_state(&env, expiring::SHORT).await).await }))
    });
    let erasing = erasing::all().into_iter().map(|(name, test)| {
        Case::new(name, move |env| Box::pin(async move { test(&redis_state(&env, state::LASTING).await).await }))
    });
    let marked = Case::new("a_mark_of_erasure_is_heeded_as_it_is_written", |env| {
        Box::pin(async move {
            let redis = Redis::connect(&env.services).await;
            let put = async |key: String, value: String| redis.run("SET", &[&key, &value]).await;
            redis::a_mark_of_erasure_is_heeded_as_it_is_written(&redis_state(&env, state::LASTING).await, put).await;
        })
    });
    let stored = documents::all()
        .into_iter()
        .chain(links::all())
        .map(|(name, test)| Case::new(name, move |_| Box::pin(async move { test(&s3_documents().await).await })));
    let unreadable = Case::new("an_unreadable_session_can_be_replaced", |env| {
        Box::pin(async move {
            let redis = Redis::connect(&env.services).await;
            let put = async |key: String, value: String| redis.run("SET", &[&key, &value]).await;
            redis::an_unreadable_session_can_be_replaced(&redis_state(&env, state::LASTING).await, put).await;
        })
    });
    let earlier = Case::new("what_earlier_workers_stored_is_gone_on_with", |env| {
        Box::pin(async move {
            let redis = Redis::connect(&env.services).await;
            let put = async |key: String, value: String| redis.run("SET", &[&key, &value]).await;
            redis::what_earlier_workers_stored_is_gone_on_with(&redis_state(&env, state::LASTING).await, put).await;
        })
    });
    let at_once = Case::new("what_happens_at_once_is_answered_one_by_one", |env| {
        Box::pin(async move {
            let redis = Redis::connect(&env.services).await;
            let spoil = async |key: String| redis.run("SADD", &[&key, "not a session"]).await;
            redis::what_happens_at_once_is_answered_one_by_one(&redis_state(&env, state::LASTING).await, spoil).await;
        })
    });
    let replicated = Case::new("with_replicas_to_wait_for_the_contract_is_kept", |env| {
        Box::pin(async move {
            let primary = env.services.another_redis(&[]).await;
            let _replica = env.services.replica_of(&primary).await;
            let state = redis_state_at(primary.port, state::LASTING, 1).await;
            for (sentence, test) in state::all() {
                println!("{sentence}");
                test(&state).await;
            }
        })
    });
    let others = [unreadable, earlier, at_once, marked, replicated];
    lasting.chain(short).chain(erasing).chain(stored).chain(others).collect()
}

/// Connected, since until then every operation fails.
async fn redis_state(env: &TestEnv, lifetimes: Lifetimes) -> RedisState {
    redis_state_at(env.services.redis_port, lifetimes, 0).await
}

async fn redis_state_at(port: u16, lifetimes: Lifetimes, replicas: u32) -> RedisState {
    let address = format!("redis://127.0.0.1:{port}").parse().expect("an address");
    let state = RedisState::connect(&address, lifetimes).replicated(&address, replicas);
    eventually("Redis can be used", || async { state.check().await.ok() }).await;
    state
}

async fn s3_documents() -> S3Documents {
    // main() has put what this reads into the environment.
    S3Documents::from_env(BUCKET, documents::LINK_TTL, StoreOptions::default()).await
}
