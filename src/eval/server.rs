//! What a model server tells beside its replies: the model's name, and how much of the prompts it had cached.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

/// How long it may take to tell.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tokens of prompts that were looked for in vLLM's prefix cache, and those found there, by old and new names.
const QUERIES: [&str; 2] = ["vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries"];
const HITS: [&str; 2] = ["vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits"];

/// A server's other pages.
pub struct Server {
    root: Url,
    http: reqwest::Client,
}

/// The counters of a prefix cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrefixCache {
    queries: f64,
    hits: f64,
}

impl Server {
    /// The server at `url`, which may end in `/v1`.
    pub fn new(url: &Url) -> reqwest::Result<Self> {
        let mut root = url.clone();
        let path = root.path().trim_end_matches('/');
        let path = format!("{}/", path.strip_suffix("/v1").unwrap_or(path));
        root.set_path(&path);
        let mut builder = reqwest::Client::builder().timeout(PATIENCE);
        if root.scheme() != "https" {
            // Without TLS no root certificates are needed, and a machine that has none is fine.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self { root, http: builder.build()? })
    }

    /// The model that it lists first.
    pub async fn model(&self, key: Option<&str>) -> Option<String> {
        #[derive(Deserialize)]
        struct Listed {
            data: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }
        let text = self.page("v1/models", key).await?;
        let listed: Listed = serde_json::from_str(&text).ok()?;
        listed.data.into_iter().next().map(|model| model.id)
    }

    /// What its metrics say of the prefix cache.
    pub async fn prefix_cache(&self) -> Option<PrefixCache> {
        PrefixCache::read(&self.page("metrics", None).await?)
    }

    async fn page(&self, path: &str, key: Option<&str>) -> Option<String> {
        let mut request = self.http.get(self.root.join(path).ok()?);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        request.send().await.ok()?.error_for_status().ok()?.text().await.ok()
    }
}

impl PrefixCache {
    fn read(metrics: &str) -> Option<Self> {
        let sum = |names: [&str; 2]| {
            let values: Vec<f64> = names.into_iter().flat_map(|name| values(metrics, name)).collect();
            (!values.is_empty()).then(|| values.iter().sum())
        };
        Some(Self { queries: sum(QUERIES)?, hits: sum(HITS)? })
    }

    /// The share that was found since `before`.
    pub fn since(self, before: Self) -> Option<f64> {
        let queries = self.queries - before.queries;
        (queries > 0.0).then(|| (self.hits - before.hits) / queries)
    }
}

/// The values of a metric, whatever its labels; a counter's name may end in `_total`.
fn values(metrics: &str, name: &str) -> Vec<f64> {
    metrics
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let rest = rest.strip_prefix("_total").unwrap_or(rest);
            let value = match rest.strip_prefix('{') {
                Some(labelled) => labelled.split_once('}')?.1,
                None => rest.strip_prefix(' ')?,
            };
            value.split_whitespace().next()?.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn the_cached_share_is_of_what_was_asked_meanwhile() {
        let metrics = |queries: f64, hits: f64| {
            format!(
                "# HELP vllm:prefix_cache_queries_total Tokens.\n\
                 vllm:prefix_cache_queries_total{{engine=\"0\",model_name=\"/m\"}} {queries:e}\n\
                 vllm:prefix_cache_queries_created{{engine=\"0\"}} 1.7e9\n\
                 vllm:prefix_cache_hits_total{{engine=\"0\",model_name=\"/m\"}} {hits}\n"
            )
        };
        let read = |queries, hits| PrefixCache::read(&metrics(queries, hits)).unwrap();
        assert_eq!(read(1_500.0, 900.0).since(read(500.0, 100.0)), Some(0.8));
        assert_eq!(read(500.0, 100.0).since(read(500.0, 100.0)), None, "nothing was asked");
        assert_eq!(PrefixCache::read("llamacpp:prompt_tokens_total 7\n"), None);
    }

    #[tokio::test]
    async fn a_server_is_asked_beside_its_api_and_need_not_know() {
        let metrics = "vllm:prefix_cache_queries 10\nvllm:prefix_cache_hits 5\n";
        let router = Router::new()
            .route("/metrics", get(async move || metrics))
            .route("/v1/models", get(async || r#"{"data": [{"id": "aya"}]}"#));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        for base in [url.clone(), format!("{url}/"), format!("{url}/v1")] {
            let server = Server::new(&Url::parse(&base).unwrap()).unwrap();
            assert_eq!(server.model(Some("key")).await.as_deref(), Some("aya"), "{base}");
            assert_eq!(server.prefix_cache().await, Some(PrefixCache { queries: 10.0, hits: 5.0 }), "{base}");
        }
        let other = Server::new(&Url::parse(&format!("{url}/elsewhere")).unwrap()).unwrap();
        assert_eq!((other.model(None).await, other.prefix_cache().await), (None, None));
    }
}
