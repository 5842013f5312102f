//! The requests and responses of clients.

use http::{Extensions, Method, Request, Response};
use http_body::Body;

use super::body::ResponseBody;
use super::cause::FindCause;
use super::guard::Guard;

/// A request that a client sends: [`http::Request`], and with the feature `reqwest` its `Request`.
///
/// It cannot be implemented for other types.
pub trait ClientRequest: private::Request {}

/// A response that a client receives: [`http::Response`], and with the feature `reqwest` its `Response`.
///
/// It cannot be implemented for other types. `C` finds the causes of errors of the body.
pub trait ClientResponse<C>: private::Response<C> {}

pub(super) mod private {
    use super::{Extensions, Guard, Method};

    pub trait Request {
        fn method(&self) -> &Method;
        /// Returns the number of bytes of the body, if it is known.
        fn body_bytes(&self) -> Option<u64>;
        fn extensions(&self) -> Option<&Extensions>;
    }

    pub trait Response<C>: Sized {
        /// The response with a body that holds the guard.
        type Tracked;

        fn track(self, guard: &mut Guard, cause: &C) -> Self::Tracked;
    }
}

impl<B: Body> private::Request for Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }

    fn body_bytes(&self) -> Option<u64> {
        self.body().size_hint().exact()
    }

    fn extensions(&self) -> Option<&Extensions> {
        Some(self.extensions())
    }
}

impl<B: Body> ClientRequest for Request<B> {}

impl<B: Body, C: FindCause<B::Error> + Clone> private::Response<C> for Response<B> {
    type Tracked = Response<ResponseBody<B, C>>;

    #[inline]
    fn track(self, guard: &mut Guard, cause: &C) -> Self::Tracked {
        ResponseBody::track(self, guard, cause.clone())
    }
}

impl<B: Body, C: FindCause<B::Error> + Clone> ClientResponse<C> for Response<B> {}
