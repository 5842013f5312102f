//! `--traffic N`: the service sends N calls a second to itself over gRPC, so that its metrics change.

use std::net::SocketAddr;
use std::time::Duration;

use examples::traffic::{self, base_url};
use futures::{StreamExt as _, stream};
use rand::RngExt as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::completions::completions_client::CompletionsClient;
use crate::completions::{GenerateRequest, SampleRequest};

const PROMPTS: [&str; 4] = ["The keeper of the counting house", "A counter only goes up", "When the river rises", ""];

/// Sends `rate` calls a second to the service at `address` until the future is dropped.
pub(crate) async fn send(address: SocketAddr, rate: u32) {
    let Ok(endpoint) = Endpoint::from_shared(base_url(address)) else { return };
    if rate == 0 {
        return;
    }
    let client = CompletionsClient::new(endpoint.connect_lazy());
    traffic::send(rate, || {
        let (client, number) = (client.clone(), rand::rng().random_range(0..100));
        async move {
            // Errors are ignored here: the metrics of the service show them.
            let _ = call(client, number).await;
        }
    })
    .await;
}

/// Makes one of a hundred calls.
async fn call(mut client: CompletionsClient<Channel>, number: u32) -> Result<(), Status> {
    let prompt = PROMPTS[number as usize % PROMPTS.len()].to_owned();
    let request = GenerateRequest { prompt, max_tokens: Some(5 + number % 20), temperature: None, seed: None };
    match number {
        0..60 => drop(client.generate(request).await?),
        60..75 => {
            let sample = SampleRequest { request: Some(request), count: 1 + number % 4 };
            read(client.sample(sample).await?.into_inner()).await?;
        }
        75..90 => {
            let requests = vec![request; 1 + number as usize % 4];
            read(client.generate_each(stream::iter(requests)).await?.into_inner()).await?;
        }
        90..94 => drop(client.generate(GenerateRequest { max_tokens: Some(0), ..request }).await?),
        94..97 => {
            let mut request = Request::new(request);
            request.set_timeout(Duration::from_micros(100));
            client.generate(request).await?;
        }
        // A client that reads the first completion only.
        _ => drop(client.sample(SampleRequest { request: Some(request), count: 8 }).await?.into_inner().next().await),
    }
    Ok(())
}

/// Reads a stream to its end.
async fn read<T>(mut stream: tonic::Streaming<T>) -> Result<(), Status> {
    while stream.message().await?.is_some() {}
    Ok(())
}
