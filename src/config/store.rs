//! What is said of the document store beyond its bucket.

use clap::Args;

use super::check::Check;
use crate::documents::s3::{Encryption, StoreOptions, Trusted};

/// Digits of an account.
const ACCOUNT: usize = 12;

/// As it was given.
#[derive(Args)]
pub(super) struct Store {
    /// How S3 encrypts documents: AES256, aws:kms or aws:kms:dsse [without it: as the bucket says]
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub s3_sse: String,
    /// Key of KMS that S3 encrypts with [without it: Amazon's own]
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub s3_sse_kms_key_id: String,
    /// Account (12 digits) that the bucket has to belong to: nothing is stored in, or read from, one of the same name elsewhere
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub s3_expected_bucket_owner: String,
    /// File with the certificates (PEM) that S3, and whoever gives credentials for it, is trusted by, instead of the system's
    #[arg(long, env, hide_env_values = true, default_value = "")]
    pub aws_ca_bundle: String,
}

impl Store {
    pub fn checked(self, check: &mut Check) -> StoreOptions {
        let key_id = Some(self.s3_sse_kms_key_id.trim().to_owned()).filter(|key| !key.is_empty());
        let algorithm = self.s3_sse.trim();
        let encryption = match (algorithm, key_id) {
            ("", None) => None,
            ("", Some(_)) => {
                check.wrong("S3_SSE_KMS_KEY_ID", "S3_SSE=aws:kms has to be set, too");
                None
            }
            (_, key_id) if !Encryption::ALGORITHMS.contains(&algorithm) => {
                check.wrong("S3_SSE", format_args!("one of {}, or empty", Encryption::ALGORITHMS.join(", ")));
                drop(key_id);
                None
            }
            (_, key_id) => {
                let encryption = Encryption::new(algorithm, key_id);
                if encryption.is_none() {
                    check.wrong("S3_SSE_KMS_KEY_ID", "S3_SSE=AES256 takes no key of KMS");
                }
                encryption
            }
        };
        let before = check.0.len();
        let bundle = check.file(["AWS_CA_BUNDLE"; 2], false, &self.aws_ca_bundle);
        let trusted = bundle.as_deref().and_then(Trusted::read);
        if bundle.is_some() && trusted.is_none() && check.0.len() == before {
            let path = &self.aws_ca_bundle;
            check.wrong(
                "AWS_CA_BUNDLE",
                format_args!("{path} holds no certificates in PEM, or one that cannot be read"),
            );
        }
        let owner = Some(self.s3_expected_bucket_owner.trim().to_owned()).filter(|owner| !owner.is_empty());
        if owner.as_ref().is_some_and(|owner| owner.len() != ACCOUNT || !owner.bytes().all(|c| c.is_ascii_digit())) {
            check.wrong("S3_EXPECTED_BUCKET_OWNER", "an account of AWS: 12 digits");
        }
        StoreOptions { encryption, trusted, owner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(s3_sse: &str, key_id: &str, bundle: &str) -> Vec<String> {
        let mut check = Check::default();
        let store = Store {
            s3_sse: s3_sse.to_owned(),
            s3_sse_kms_key_id: key_id.to_owned(),
            s3_expected_bucket_owner: String::new(),
            aws_ca_bundle: bundle.to_owned(),
        };
        let options = store.checked(&mut check);
        assert_eq!(options.encryption.is_some(), !s3_sse.is_empty() && check.0.is_empty());
        check.0
    }

    #[test]
    fn encryption_is_of_a_kind_that_s3_knows_and_a_key_is_of_kms() {
        let fine = [("", ""), ("AES256", ""), ("aws:kms", ""), ("aws:kms", "arn:aws:kms:k"), ("aws:kms:dsse", "k")];
        for (algorithm, key) in fine {
            assert_eq!(mistakes(algorithm, key, ""), [""; 0]);
        }
        assert_eq!(mistakes("", "k", ""), ["S3_SSE_KMS_KEY_ID: S3_SSE=aws:kms has to be set, too"]);
        assert_eq!(mistakes("AES256", "k", ""), ["S3_SSE_KMS_KEY_ID: S3_SSE=AES256 takes no key of KMS"]);
        for wrong in ["aes256", "kms", "true"] {
            assert_eq!(mistakes(wrong, "", ""), ["S3_SSE: one of AES256, aws:kms, aws:kms:dsse, or empty"]);
        }
    }

    #[test]
    fn a_buckets_owner_is_an_account() {
        let owner = |owner: &str| {
            let mut check = Check::default();
            let (none, s3_expected_bucket_owner) = (String::new, owner.to_owned());
            let store =
                Store { s3_sse: none(), s3_sse_kms_key_id: none(), s3_expected_bucket_owner, aws_ca_bundle: none() };
            let owner = store.checked(&mut check).owner;
            if check.0.is_empty() { Ok(owner) } else { Err(check.0) }
        };
        assert_eq!((owner(""), owner(" 123456789012 ")), (Ok(None), Ok(Some("123456789012".to_owned()))));
        for wrong in ["12345678901", "1234-5678-9012", "careerbee"] {
            assert_eq!(owner(wrong), Err(vec!["S3_EXPECTED_BUCKET_OWNER: an account of AWS: 12 digits".to_owned()]));
        }
    }

    #[test]
    fn a_bundle_that_holds_no_certificates_is_told() {
        let [told] = mistakes("", "", "/nowhere").try_into().unwrap();
        assert!(told.starts_with("AWS_CA_BUNDLE: /nowhere cannot be read: No such file"), "{told}");
        let file = tempfile::NamedTempFile::new().unwrap();
        for held in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(file.path(), held).unwrap();
            let [told] = mistakes("", "", &file.path().display().to_string()).try_into().unwrap();
            assert!(told.contains("holds no certificates in PEM"), "{told}");
        }
    }
}
