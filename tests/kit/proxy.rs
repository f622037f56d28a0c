//! A staged fault: a TCP proxy in front of a real service that can refuse, cut and stall, and heal again. It stands for
//! a service that is down, a network that breaks, and a host that hangs, without harming the service for other tests.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::kit::services::ports::free_port;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Flows,
    Stalls,
    Refused,
}

#[derive(Clone, Copy)]
struct State {
    traffic: Traffic,
    /// Raised by a cut: connections of an earlier generation end.
    generation: u64,
}

/// The proxy; dropping it ends it.
pub struct FaultProxy {
    port: u16,
    state: Arc<watch::Sender<State>>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy for a port of this machine; for now everything flows.
    pub async fn start(target: u16) -> Self {
        let port = free_port();
        let (sender, receiver) = watch::channel(State { traffic: Traffic::Flows, generation: 0 });
        let listener = listen(port).await;
        let task = tokio::spawn(serve(port, listener, target, receiver));
        Self { port, state: Arc::new(sender), task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The service is down: connections break, and new ones are refused.
    pub fn refuse(&self) {
        self.state.send_modify(|state| {
            state.traffic = Traffic::Refused;
            state.generation += 1;
        });
    }

    /// The network breaks for a moment: connections break, new ones are welcome.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// The host hangs: connections stay, but nothing moves.
    pub fn stall(&self) {
        self.state.send_modify(|state| state.traffic = Traffic::Stalls);
    }

    /// All is well again.
    pub fn heal(&self) {
        self.state.send_modify(|state| state.traffic = Traffic::Flows);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the proxy's own port")
}

async fn serve(port: u16, first: TcpListener, target: u16, mut state: watch::Receiver<State>) {
    let mut listener = Some(first);
    loop {
        let refused = state.borrow_and_update().traffic == Traffic::Refused;
        match (&listener, refused) {
            (Some(_), true) => listener = None,
            (None, false) => listener = Some(listen(port).await),
            (Some(open), false) => {
                tokio::select! {
                    accepted = open.accept() => {
                        if let Ok((client, _)) = accepted {
                            tokio::spawn(forward(client, target, state.clone()));
                        }
                    }
                    changed = state.changed() => if changed.is_err() { return },
                }
            }
            (None, true) => {
                if state.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn forward(client: TcpStream, target: u16, mut state: watch::Receiver<State>) {
    let generation = state.borrow().generation;
    let cut = {
        let mut state = state.clone();
        async move { state.wait_for(|state| state.generation != generation).await.is_ok() }
    };
    let traffic = async {
        // A host that hangs may take connections, but its service does not see them.
        let _ = state.wait_for(|state| state.traffic == Traffic::Flows).await;
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::join!(pump(from_client, to_server, state.clone()), pump(from_server, to_client, state));
    };
    tokio::select! {
        _ = cut => {}
        () = traffic => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| state.traffic == Traffic::Flows).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            break;
        }
    }
    let _ = to.shutdown().await;
}
