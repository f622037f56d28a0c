//! A look into S3, as Spring has it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};

use crate::kit::services::{BUCKET, Services};

/// Any pair works with the test server.
pub const ACCESS_KEY: &str = "e2e-access-key";
pub const SECRET_KEY: &str = "e2e-secret-key";
pub const REGION: &str = "ap-northeast-2";

/// The run's bucket, or a test's own.
pub struct Bucket {
    client: Client,
    pub name: String,
}

impl Bucket {
    pub fn new(services: &Services) -> Self {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://127.0.0.1:{}", services.s3_port))
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "e2e"))
            .force_path_style(true)
            .build();
        Self { client: Client::from_conf(config), name: BUCKET.to_owned() }
    }

    pub async fn create(&self) -> anyhow::Result<()> {
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::ApNortheast2)
            .build();
        self.client.create_bucket().bucket(&self.name).create_bucket_configuration(place).send().await?;
        Ok(())
    }

    /// A bucket of this name: the test server answers 500 to who lists one that others fill meanwhile.
    pub async fn another(services: &Services, name: &str) -> Self {
        let bucket = Self { name: name.to_owned(), ..Self::new(services) };
        bucket.create().await.expect("the bucket can be made");
        bucket
    }

    /// The same, which keeps versions.
    pub async fn versioned(services: &Services, name: &str) -> Self {
        let bucket = Self::another(services, name).await;
        let status = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let enabled = bucket.client.put_bucket_versioning().bucket(name).versioning_configuration(status).send().await;
        enabled.expect("it keeps versions");
        bucket
    }

    /// Puts an object there.
    pub async fn put(&self, key: &str, body: &'static [u8]) {
        let put = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from_static(body));
        put.send().await.expect("S3 takes the object");
    }

    /// Deletes an object, as somebody does who knows of no versions.
    pub async fn delete(&self, key: &str) {
        self.client.delete_object().bucket(&self.name).key(key).send().await.expect("S3 deletes it");
    }

    /// How many versions, and marks of what was deleted, there are of keys that begin so.
    pub async fn versions(&self, prefix: &str) -> usize {
        let list = self.client.list_object_versions().bucket(&self.name).prefix(prefix).send().await;
        let list = list.expect("S3 lists");
        list.versions().len() + list.delete_markers().len()
    }

    /// The object's headers and content.
    pub async fn get(&self, key: &str) -> (GetObjectOutput, Vec<u8>) {
        let mut object =
            self.client.get_object().bucket(&self.name).key(key).send().await.expect("the object is there");
        let body = std::mem::take(&mut object.body).collect().await.expect("the object can be read");
        (object, body.to_vec())
    }

    /// The keys that begin so.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).send().await.expect("S3 lists");
        list.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }
}
