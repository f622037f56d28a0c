//! Keys that tokens of members are verified with. Each has one algorithm, which its form says and no token: so nothing that
//! is public is ever taken for a secret, and `none` is no algorithm at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// Shortest secret, in bytes (RFC 7518, 3.2).
const SECRET_MIN_BYTES: usize = 32;

/// What a secret stands behind: without it a public key in some other form could be taken for one.
const SECRET: &str = "HS256:";
const PEM: [&str; 2] = ["-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"];

/// What stands before the point of a P-256 key, and before an Ed25519 key (RFC 5480, RFC 8410).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const P256_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// A key, and what it verifies.
pub struct Key {
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

/// Reads a public key as PEM, a JWK or a set of them, or a secret behind `HS256:`.
///
/// # Errors
/// What is wrong with it, without anything of what it holds.
pub fn read(text: &str) -> Result<Vec<Key>, String> {
    let text = text.trim();
    let keys = if text.starts_with('{') {
        of_json(text)?
    } else if let Some(secret) = text.strip_prefix(SECRET) {
        vec![secret_key(None, secret.as_bytes())?]
    } else if let Some(inner) = PEM.first().and_then(|begin| text.strip_prefix(begin)) {
        vec![of_pem(inner)?]
    } else {
        return Err(format!("neither a public key (PEM), nor a JWK or a set of them, nor {SECRET} and a secret"));
    };
    if keys.is_empty() {
        return Err("it holds no key for ES256 (P-256), EdDSA (Ed25519) or HS256".to_owned());
    }
    Ok(keys)
}

fn of_pem(inner: &str) -> Result<Key, String> {
    let broken = || "not a public key for ES256 (P-256) or EdDSA (Ed25519)".to_owned();
    let inner = PEM.last().and_then(|end| inner.trim().strip_suffix(end)).ok_or_else(broken)?;
    let text: String = inner.split_whitespace().collect();
    let der = STANDARD.decode(text).map_err(|_| broken())?;
    let point = der.strip_prefix(&P256).filter(|point| point.len() == P256_BYTES);
    let edwards = der.strip_prefix(&ED25519).filter(|key| key.len() == ED25519_BYTES);
    let (algorithm, key) = match (point, edwards) {
        (Some(point), _) => (Algorithm::ES256, DecodingKey::from_ec_der(point)),
        (None, Some(key)) => (Algorithm::EdDSA, DecodingKey::from_ed_der(key)),
        (None, None) => return Err(broken()),
    };
    Ok(Key { id: None, algorithm, key })
}

fn of_json(text: &str) -> Result<Vec<Key>, String> {
    let broken = |error: serde_json::Error| format!("not a JWK or a set of them (line {})", error.line());
    let set: serde_json::Value = serde_json::from_str(text).map_err(broken)?;
    let keys = match set.get("keys") {
        Some(_) => serde_json::from_value::<JwkSet>(set).map_err(broken)?.keys,
        None => vec![serde_json::from_value::<Jwk>(set).map_err(broken)?],
    };
    keys.iter().filter_map(|jwk| of_jwk(jwk).transpose()).collect()
}

/// `None` for a key that verifies nothing that we take: a set may hold others, too.
fn of_jwk(jwk: &Jwk) -> Result<Option<Key>, String> {
    let id = jwk.common.key_id.clone();
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        _ => return Ok(None),
    };
    let is_for_another = jwk.common.key_algorithm.is_some_and(|algorithm| algorithm != named);
    let is_for_encryption = jwk.common.public_key_use == Some(PublicKeyUse::Encryption);
    if is_for_another || is_for_encryption {
        return Ok(None);
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "a key of it cannot be read".to_owned())?;
    let bytes = key.try_get_as_bytes().unwrap_or_default();
    let is_whole = match algorithm {
        Algorithm::ES256 => bytes.len() == P256_BYTES,
        Algorithm::EdDSA => bytes.len() == ED25519_BYTES,
        _ => return secret_key(id, bytes).map(Some),
    };
    if is_whole { Ok(Some(Key { id, algorithm, key })) } else { Err("a key of it cannot be read".to_owned()) }
}

fn secret_key(id: Option<String>, secret: &[u8]) -> Result<Key, String> {
    if secret.len() < SECRET_MIN_BYTES {
        return Err(format!("a secret for HS256 has at least {SECRET_MIN_BYTES} bytes"));
    }
    Ok(Key { id, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) })
}
