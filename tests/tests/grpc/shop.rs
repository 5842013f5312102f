//! A server and a client of the service `shop.Orders`, over a socket. Its messages are texts.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _, stream};
use metrics_runtime::grpc::{Grpc, GrpcLayer, GrpcService, MethodKind};
use metrics_runtime::http::HttpLayer;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, ServiceBuilder, service_fn};

/// Returns the settings with all methods of the shop.
pub(crate) fn with_methods(grpc: Grpc) -> Grpc {
    grpc.method("/shop.Orders/Place", MethodKind::Unary)
        .method("/shop.Orders/Upload", MethodKind::ClientStream)
        .method("/shop.Orders/Watch", MethodKind::ServerStream)
        .method("/shop.Orders/Chat", MethodKind::BidiStream)
}

type Texts = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

/// Answers a text with itself, or does what it asks for.
async fn answer(text: String) -> Result<String, Status> {
    match text.as_str() {
        "not_found" => Err(Status::not_found("no such order")),
        "panic" => panic!("as asked for"),
        "hang" => std::future::pending().await,
        _ => Ok(text),
    }
}

fn answers(texts: impl Stream<Item = Result<String, Status>> + Send + 'static) -> Texts {
    Box::pin(texts.then(async |text| answer(text?).await))
}

async fn place(request: Request<String>) -> Result<Response<String>, Status> {
    answer(request.into_inner()).await.map(Response::new)
}

async fn upload(request: Request<Streaming<String>>) -> Result<Response<String>, Status> {
    let texts: Vec<_> = request.into_inner().collect().await;
    let texts = texts.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Response::new(texts.concat()))
}

async fn watch(request: Request<String>) -> Result<Response<Texts>, Status> {
    let texts: Vec<_> = request.into_inner().split(' ').map(|text| Ok(text.to_owned())).collect();
    Ok(Response::new(answers(stream::iter(texts))))
}

async fn chat(request: Request<Streaming<String>>) -> Result<Response<Texts>, Status> {
    Ok(Response::new(answers(request.into_inner())))
}

/// The service.
#[derive(Clone)]
struct Orders;

impl NamedService for Orders {
    const NAME: &'static str = "shop.Orders";
}

impl Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(match request.uri().path().trim_start_matches("/shop.Orders/") {
                "Place" => grpc.unary(service_fn(place), request).await,
                "Upload" => grpc.client_streaming(service_fn(upload), request).await,
                "Watch" => grpc.server_streaming(service_fn(watch), request).await,
                "Chat" => grpc.streaming(service_fn(chat), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

fn guarded(request: Request<()>) -> Result<Request<()>, Status> {
    if request.metadata().contains_key("stranger") { Err(Status::unauthenticated("who are you?")) } else { Ok(request) }
}

/// Serves the shop and the health service until the test ends. Calls with the header `stranger` are rejected by an
/// interceptor.
pub(crate) async fn serve(layer: GrpcLayer) -> SocketAddr {
    serve_within(HttpLayer::disabled(), layer).await
}

/// Like [`serve`], with a layer of HTTP metrics around it.
pub(crate) async fn serve_within(http: HttpLayer, grpc: GrpcLayer) -> SocketAddr {
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = incoming.local_addr().expect("the port is bound");
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure().build_v1().expect("the descriptors are valid");
    let server = Server::builder()
        .layer(ServiceBuilder::new().layer(http).layer(grpc).layer(tonic::service::InterceptorLayer::new(guarded)))
        .add_service(Orders)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming(incoming);
    tokio::spawn(server);
    address
}

/// A client of the shop.
#[derive(Clone)]
pub(crate) struct Shop {
    channel: GrpcService<Channel>,
    /// The deadline of the calls.
    pub(crate) deadline: Option<Duration>,
}

type Client = tonic::client::Grpc<GrpcService<Channel>>;

impl Shop {
    /// Connects at the first call.
    pub(crate) fn at(address: SocketAddr, layer: GrpcLayer) -> Self {
        let channel = Endpoint::from_shared(format!("http://{address}")).expect("an address is valid").connect_lazy();
        Self { channel: ServiceBuilder::new().layer(layer).service(channel), deadline: None }
    }

    pub(crate) fn channel(&self) -> GrpcService<Channel> {
        self.channel.clone()
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        request
    }

    async fn client(&self) -> Result<Client, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(Status::from_error)?;
        Ok(client)
    }

    /// Calls a unary method.
    pub(crate) async fn call(&self, method: &str, request: Request<String>) -> Result<String, Status> {
        let path = PathAndQuery::try_from(method).expect("a path is valid");
        Ok(self.client().await?.unary(request, path, ProstCodec::default()).await?.into_inner())
    }

    pub(crate) async fn place(&self, text: &str) -> Result<String, Status> {
        self.call("/shop.Orders/Place", self.request(text.to_owned())).await
    }

    pub(crate) async fn upload(&self, texts: &[&str]) -> Result<String, Status> {
        let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
        self.upload_all(stream::iter(texts)).await
    }

    pub(crate) async fn upload_all(
        &self,
        texts: impl Stream<Item = String> + Send + 'static,
    ) -> Result<String, Status> {
        let (request, path) = (self.request(texts), PathAndQuery::from_static("/shop.Orders/Upload"));
        Ok(self.client().await?.client_streaming(request, path, ProstCodec::default()).await?.into_inner())
    }

    /// Asks for a stream of answers, one for each word.
    pub(crate) async fn watch(&self, words: &str) -> Result<Streaming<String>, Status> {
        let (request, path) = (self.request(words.to_owned()), PathAndQuery::from_static("/shop.Orders/Watch"));
        Ok(self.client().await?.server_streaming(request, path, ProstCodec::default()).await?.into_inner())
    }

    pub(crate) async fn chat(&self, texts: &[&str]) -> Result<Streaming<String>, Status> {
        let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
        let (request, path) = (self.request(stream::iter(texts)), PathAndQuery::from_static("/shop.Orders/Chat"));
        Ok(self.client().await?.streaming(request, path, ProstCodec::default()).await?.into_inner())
    }
}

/// Returns a request that the interceptor rejects.
pub(crate) fn of_a_stranger(text: &str) -> Request<String> {
    let mut request = Request::new(text.to_owned());
    request.metadata_mut().insert("stranger", "yes".parse().expect("a value is valid"));
    request
}
