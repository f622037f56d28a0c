//! What may be wrong with the connection, and with what comes over it.

use super::*;

#[tokio::test]
async fn why_there_is_no_safe_connection_is_told() {
    let (tls, server) = (FakeTls::start(), serving(100, |_, _| said("네.")).await);
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = plain.accept().await {
            // As servers answer what is no HTTP to them.
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    for (port, cause, words) in [
        (tls.port, Insecure::UnknownIssuer, "UnknownIssuer; SSL_CERT_FILE"),
        (port, Insecure::NoTls, "does not speak TLS"),
    ] {
        let url = Url::parse(&format!("https://127.0.0.1:{port}")).unwrap();
        let vllm = Vllm::new(VllmSettings { url, ..settings(&server) }).unwrap();
        let fault = vllm.check(soon()).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Insecure(cause));
        assert!(fault.to_string().contains(words), "{fault}");
        assert_eq!(call(&vllm).await, Err(Cause::Insecure(cause)));
    }
}

#[tokio::test]
async fn trouble_with_the_connection_is_told_apart() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\"".to_vec();
    for (reaction, cause) in [(0, Cause::Dropped), (1, Cause::Cut), (2, Cause::Dropped), (3, Cause::Silent)] {
        let head = head.clone();
        let server = serving(100, move |_, _| match reaction {
            0 => Reaction::Close,
            1 => Reaction::Raw(head.clone()),
            2 => Reaction::Raw(b"\x00\x01 this is not HTTP\r\n\r\n".to_vec()),
            _ => Reaction::Stall(Vec::new()),
        })
        .await;
        let vllm = client(&server);
        vllm.served(soon()).await.unwrap();
        let limit = Instant::now() + Duration::from_millis(300);
        assert_eq!(called(&vllm, &ask("TCP란?"), limit).await, Err(cause), "{reaction}");
    }
}

#[tokio::test]
async fn an_answer_that_stands_still_half_way_is_silence() {
    let server =
        serving(100, |_, _| Reaction::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\"".to_vec()))
            .await;
    let limit = Instant::now() + Duration::from_millis(300);
    assert_eq!(called(&client(&server), &ask("TCP란?"), limit).await, Err(Cause::Silent));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_the_end() {
    let server = serving(100, |_, _| Reaction::Answer(200, " ".repeat((1 << 20) + 1))).await;
    assert_eq!(call(&client(&server)).await, Err(Cause::Garbage));
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_same_request_on_the_same_server_alone() {
    let moved = FakeServer::new(|got, _| match got.path.as_str() {
        "/v1/models" => Reaction::Answer(200, models("/model")),
        CHAT => Reaction::With(308, "location", "/v2/chat", String::new()),
        _ => said("네."),
    })
    .await;
    assert_eq!(call(&client(&moved)).await, Ok("네.".to_owned()));
    assert_eq!(moved.got("/v2/chat")[0].body, moved.got(CHAT)[0].body);
    assert_eq!(moved.got("/v2/chat")[0].method, "POST");

    let elsewhere = serving(100, |_, _| said("네.")).await;
    let away = elsewhere.url.join("/v1/chat/completions").unwrap().to_string();
    let away: &'static str = away.leak();
    let server = serving(100, move |_, _| Reaction::With(307, "location", away, String::new())).await;
    assert_eq!(call(&client(&server)).await, Err(Cause::Redirected));
    assert!(elsewhere.got(CHAT).is_empty());
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let server = serving(100, |_, _| Reaction::With(307, "location", CHAT, String::new())).await;
    assert_eq!(call(&client(&server)).await, Err(Cause::Redirected));
    assert_eq!(server.got(CHAT).len(), 4);
}
