//! Requests and responses of reqwest.

use ::reqwest::{Body, Error, Request, Response, ResponseBuilderExt as _};
use http::{Extensions, Method};

use super::body::ResponseBody;
use super::cause::FindCause;
use super::guard::Guard;
use super::message::{ClientRequest, ClientResponse, private};

impl private::Request for Request {
    fn method(&self) -> &Method {
        self.method()
    }

    fn body_bytes(&self) -> Option<u64> {
        self.body().map_or(Some(0), |body| http_body::Body::size_hint(body).exact())
    }

    /// The extensions of a request of reqwest are private.
    fn extensions(&self) -> Option<&Extensions> {
        None
    }
}

impl ClientRequest for Request {}

impl<C: FindCause<Error> + Clone + Send + Sync + 'static> private::Response<C> for Response {
    type Tracked = Self;

    fn track(self, guard: &mut Guard, cause: &C) -> Self {
        if !guard.is_active() {
            return self;
        }
        // The conversion to `http::Response` loses the URL.
        let url = http::Response::builder().url(self.url().clone()).body(());
        let mut response = ResponseBody::track(http::Response::<Body>::from(self), guard, cause.clone());
        if let Ok(url) = url {
            response.extensions_mut().extend(url.into_parts().0.extensions);
        }
        response.map(Body::wrap).into()
    }
}

impl<C: FindCause<Error> + Clone + Send + Sync + 'static> ClientResponse<C> for Response {}
