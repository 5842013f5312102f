//! The outcome of values that carry a gRPC status, and its code as a label.

use tonic::{Code, Status};

use super::label::{Label, LabelValue};
use super::outcome::{Classify, Outcome};

/// The names of the codes, as the middlewares for Go write them, in the order of their numbers.
pub(crate) const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Judges a code as OpenTelemetry's [conventions for servers][1] do: what a client has done wrong is not a failure of the
/// service.
///
/// | code | outcome |
/// |---|---|
/// | `Unknown`, `DeadlineExceeded`, `Unimplemented`, `Internal`, `Unavailable`, `DataLoss` | error |
/// | `Cancelled` | cancelled |
/// | all others | success |
///
/// [1]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
impl Classify for Code {
    fn classify(&self) -> Outcome {
        match self {
            Self::Unknown
            | Self::DeadlineExceeded
            | Self::Unimplemented
            | Self::Internal
            | Self::Unavailable
            | Self::DataLoss => Outcome::Error,
            Self::Cancelled => Outcome::Cancelled,
            _ => Outcome::Success,
        }
    }
}

/// Judges a status by its code.
impl Classify for Status {
    fn classify(&self) -> Outcome {
        self.code().classify()
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Code {
    const VALUES: &'static [&'static str] = &CODES;
    const CANNOT_PANIC: bool = true;

    fn label(&self) -> Label<'_> {
        Label::from_static(CODES.get(*self as usize).copied().unwrap_or("Unknown"))
    }

    fn ordinal(&self) -> Option<usize> {
        Some(*self as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_name_and_outcome() {
        let outcomes = (0..).zip(CODES).map(|(number, name)| {
            let code = Code::from_i32(number);
            assert_eq!(code as i32, number);
            assert_eq!(name.replace("Canceled", "Cancelled").to_uppercase(), format!("{code:?}").to_uppercase());
            assert_eq!(code.label().as_str(), name);
            Status::new(code, "").classify()
        });
        let failures = outcomes.zip(CODES).filter(|(outcome, _)| *outcome == Outcome::Error).map(|(_, name)| name);
        let expected = ["Unknown", "DeadlineExceeded", "Unimplemented", "Internal", "Unavailable", "DataLoss"];
        assert_eq!(failures.collect::<Vec<_>>(), expected);
    }
}
