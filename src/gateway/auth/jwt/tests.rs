use axum::http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::gateway::auth::keys;

const SECRET: &str = "a secret of thirty-two characters";
const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);

/// Keys that were made for these tests alone: `openssl genpkey -algorithm ed25519`, `openssl genpkey -algorithm EC
/// -pkeyopt ec_paramgen_curve:P-256`.
const ED25519: [&str; 2] = [
    include_str!("../../../../tests/kit/keys/ed25519.pem"),
    include_str!("../../../../tests/kit/keys/ed25519.pub.pem"),
];
const P256: [&str; 2] =
    [include_str!("../../../../tests/kit/keys/p256.pem"), include_str!("../../../../tests/kit/keys/p256.pub.pem")];

fn claimed() -> Claimed {
    Claimed { issuer: "careerbee".to_owned(), audience: "ssammu".to_owned(), cookie: "__Host-ssammu".to_owned() }
}

/// What a good token says, with these changes.
fn claims(changes: &Value) -> Value {
    let now = NOW.unix_timestamp();
    let mut claims = json!({"iss": "careerbee", "aud": "ssammu", "sub": "7", "exp": now + 60});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// The bytes of a private key in PEM.
fn der(pem: &str) -> Vec<u8> {
    use base64::Engine;
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn signing(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_der(&der(ED25519[0])),
        Algorithm::ES256 => EncodingKey::from_ec_der(&der(P256[0])),
        _ => EncodingKey::from_secret(SECRET.as_bytes()),
    }
}

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &signing(algorithm)).unwrap()
}

fn member(key: &str, token: &str) -> Option<i64> {
    let keys = keys::read(key).unwrap();
    claimed().verified(&keys, token, NOW).map(|(member, _)| member.get())
}

fn secret() -> String {
    format!("HS256:{SECRET}")
}

#[test]
fn each_kind_of_key_verifies_its_own_algorithm_and_no_other() {
    let keys = [
        (Algorithm::EdDSA, ED25519[1].to_owned()),
        (Algorithm::ES256, P256[1].to_owned()),
        (Algorithm::HS256, secret()),
    ];
    for (of_key, key) in &keys {
        for algorithm in [Algorithm::EdDSA, Algorithm::ES256, Algorithm::HS256, Algorithm::HS512] {
            let expected = (*of_key == algorithm).then_some(7);
            assert_eq!(member(key, &signed(algorithm, &claims(&json!({})))), expected, "{of_key:?} {algorithm:?}");
        }
    }
}

#[test]
fn a_public_key_is_nobodys_secret_and_none_is_no_algorithm() {
    use base64::Engine;
    let base64 = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    for [_, public] in [ED25519, P256] {
        for secret in [public, public.trim(), &String::from_utf8_lossy(&der(public))] {
            let forged = EncodingKey::from_secret(secret.as_bytes());
            let forged = encode(&Header::new(Algorithm::HS256), &claims(&json!({})), &forged).unwrap();
            assert_eq!(member(public, &forged), None);
        }
        for algorithm in ["none", "None", "NONE", ""] {
            let unsigned = format!(
                "{}.{}.",
                base64(json!({"alg": algorithm}).to_string()),
                base64(claims(&json!({})).to_string())
            );
            assert_eq!(member(public, &unsigned), None, "{algorithm}");
        }
    }
}

#[test]
fn who_issued_it_for_whom_and_when_has_to_be_right() {
    let now = NOW.unix_timestamp();
    let of = |changes: Value| member(&secret(), &signed(Algorithm::HS256, &claims(&changes)));
    for good in [
        json!({}),
        json!({"aud": ["other", "ssammu"]}),
        json!({"nbf": now}),
        json!({"nbf": now + 20}),
        json!({"exp": now as f64 + 0.5}),
    ] {
        assert_eq!(of(good.clone()), Some(7), "{good}");
    }
    for wrong in [
        json!({"iss": "somebody"}),
        json!({"iss": null}),
        json!({"aud": "somebody"}),
        json!({"aud": ["a", "b"]}),
        json!({"aud": null}),
        json!({"exp": now}),
        json!({"exp": now - 1}),
        json!({"exp": null}),
        json!({"exp": 1e300}),
        json!({"exp": (now + 60).to_string()}),
        json!({"nbf": now + 60}),
        json!({"nbf": "soon"}),
        json!({"sub": "0"}),
        json!({"sub": "-7"}),
        json!({"sub": "+7"}),
        json!({"sub": "7 "}),
        json!({"sub": "hong"}),
        json!({"sub": "9223372036854775808"}),
        json!({"sub": 7}),
        json!({"sub": null}),
    ] {
        assert_eq!(of(wrong.clone()), None, "{wrong}");
    }
    assert_eq!(of(json!({"sub": "9223372036854775807"})), Some(i64::MAX));
}

#[test]
fn a_token_that_was_changed_signed_by_another_or_asks_for_more_is_nothing() {
    let token = signed(Algorithm::HS256, &claims(&json!({})));
    let other = signed(Algorithm::HS256, &claims(&json!({"sub": "8"})));
    let (head, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let payload = other.split('.').nth(1).unwrap();
    for wrong in [
        format!("{head}.{payload}.{signature}"),
        format!("{head}.{payload}."),
        token.trim_end_matches(|_: char| true).to_owned(),
        format!("{token}.{signature}"),
        format!("{token} "),
        "x".repeat(TOKEN_MAX_BYTES + 1),
    ] {
        assert_eq!(member(&secret(), &wrong), None, "{wrong}");
    }
    assert_eq!(member(&format!("HS256:another {SECRET}"), &token), None);
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::HS256) };
    let critical = encode(&critical, &claims(&json!({})), &signing(Algorithm::HS256)).unwrap();
    assert_eq!(member(&secret(), &critical), None);
}

#[test]
fn of_a_set_of_keys_the_one_that_is_named_verifies() {
    use base64::Engine;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let jwk = |id: &str, secret: &str| json!({"kty": "oct", "kid": id, "k": base64(secret.as_bytes())});
    let rsa = json!({"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"});
    let old = "another secret of thirty-two characters";
    let set = json!({"keys": [rsa, jwk("old", old), jwk("new", SECRET)]}).to_string();
    let with = |id: Option<&str>| {
        let head = Header { kid: id.map(str::to_owned), ..Header::new(Algorithm::HS256) };
        encode(&head, &claims(&json!({})), &signing(Algorithm::HS256)).unwrap()
    };
    assert_eq!((member(&set, &with(Some("new"))), member(&set, &with(None))), (Some(7), Some(7)));
    assert_eq!((member(&set, &with(Some("old"))), member(&set, &with(Some("third")))), (None, None));
    assert_eq!(member(&jwk("new", SECRET).to_string(), &with(Some("new"))), Some(7));
}

#[test]
fn a_key_that_verifies_nothing_is_told_without_what_it_holds() {
    let rsa = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----";
    for (wrong, told) in [
        ("", "neither a public key"),
        ("a secret without a word of what it is for, s3cret", "neither a public key"),
        ("-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----", "neither a public key"),
        ("-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----", "neither a public key"),
        (rsa, "not a public key for"),
        ("HS256:s3cret", "at least 32 bytes"),
        ("{\"s3cret\"", "not a JWK"),
        ("{\"keys\": []}", "no key"),
        ("{\"keys\": [{\"kty\": \"RSA\", \"n\": \"AQAB\", \"e\": \"AQAB\"}]}", "no key"),
        ("{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"czNjcmV0\"}", "cannot be read"),
    ] {
        let problem = keys::read(wrong).err().unwrap_or_default();
        assert!(problem.contains(told) && !problem.contains("s3cret"), "{wrong}: {problem}");
    }
}

#[test]
fn a_header_counts_for_more_than_a_cookie_and_an_address_for_nothing() {
    let keys = keys::read(&secret()).unwrap();
    let of = |member: &str| signed(Algorithm::HS256, &claims(&json!({"sub": member})));
    let known = |pairs: &[(header::HeaderName, String)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::try_from(value).unwrap());
        }
        claimed().member(&keys, &headers, NOW).map(|(member, _)| member.get())
    };
    let (cookie, bearer) = (header::COOKIE, header::AUTHORIZATION);
    assert_eq!(known(&[]), Err(Unknown::Nobody));
    assert_eq!(known(&[(cookie.clone(), "other=1; JSESSIONID=2".to_owned())]), Err(Unknown::Nobody));
    let own = format!("a=b; __Host-ssammu={}; c=d", of("7"));
    assert_eq!(known(&[(cookie.clone(), own.clone())]), Ok(7));
    assert_eq!(known(&[(bearer.clone(), format!("Bearer {}", of("8"))), (cookie.clone(), own.clone())]), Ok(8));
    for wrong in ["Bearer x.y.z", "Basic YTpi"] {
        assert_eq!(known(&[(bearer.clone(), wrong.to_owned()), (cookie.clone(), own.clone())]), Err(Unknown::Invalid));
    }
}

#[tokio::test(start_paused = true)]
async fn what_rests_on_a_token_ends_with_it_and_within_a_day() {
    let keys = keys::read(&secret()).unwrap();
    let left = |exp: Value| {
        let token = signed(Algorithm::HS256, &claims(&json!({"exp": exp})));
        claimed().verified(&keys, &token, NOW).unwrap().1 - Instant::now()
    };
    assert_eq!(left((NOW.unix_timestamp() + 60).into()), Duration::from_secs(60));
    assert_eq!(left((NOW.unix_timestamp() + 1_000_000).into()), LONGEST);
}
