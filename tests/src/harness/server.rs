//! What scripted partners listen with: one connection after another, each request to
//! the partner.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Who answers requests.
pub(super) trait Answers: Send + Sync + 'static {
    /// The answer; none when the connection is to be closed.
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Option<Response<Full<Bytes>>>> + Send;
}

/// Takes connections until it is aborted, which ends them as well.
pub(super) async fn serve<Partner: Answers>(
    listener: TcpListener,
    partner: Arc<Partner>,
) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connection(stream, Arc::clone(&partner)));
        }
    }
}

async fn connection<Partner: Answers>(stream: TcpStream, partner: Arc<Partner>) {
    let service = service_fn(move |request| {
        let partner = Arc::clone(&partner);
        // An error makes the server close the connection.
        async move { partner.answer(request).await.ok_or("nothing is answered") }
    });
    // How a connection ends is its sender's affair.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
