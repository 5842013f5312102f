//! The path of the runtime crate in generated code.

use std::path::Path as File;
use std::sync::LazyLock;
use std::{env, fs};

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Path};

/// Returns the path of the runtime's module for generated code, below `crate = path` or `::metrics_runtime`.
pub(crate) fn private(given: Option<&Path>) -> TokenStream {
    match given {
        Some(path) => quote!(#path::__private),
        None => quote_spanned!(Span::mixed_site()=> ::metrics_runtime::__private),
    }
}

/// Returns an error if no path is given and the package does not depend on the runtime. The compiler would report each
/// path of the generated code.
pub(crate) fn missing(given: Option<&Path>) -> Option<Error> {
    /// `false` without cargo, which leaves the error to the compiler.
    static IS_MISSING: LazyLock<bool> = LazyLock::new(|| {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(|folder| File::new(&folder).join("Cargo.toml"));
        let text = manifest.and_then(|manifest| fs::read_to_string(manifest).ok());
        text.is_some_and(|text| !names_runtime(&text))
    });
    (given.is_none() && *IS_MISSING).then(|| {
        let text = "this package does not depend on `metrics-runtime`: add it to the dependencies, or write the path of a crate \
                    that re-exports it, `crate = facade::metrics_runtime`";
        Error::new(Span::call_site(), text)
    })
}

/// Returns `true` if a manifest names the runtime: as a dependency, also of the workspace or under another name, or as the
/// package itself.
fn names_runtime(manifest: &str) -> bool {
    ["metrics-runtime", "metrics_runtime"].iter().any(|name| manifest.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::attribute;
    use crate::{circuit_breaker, grammar, label_value, metrics_mod};

    #[test]
    fn a_manifest_without_the_runtime_is_recognized() {
        for manifest in [
            "[dependencies]\nmetrics-runtime = \"0.1\"",
            "[dependencies.metrics-runtime]\nworkspace = true",
            "[dependencies]\nobserve = { package = \"metrics-runtime\", version = \"0.1\" }",
            "[dependencies]\nmetrics_runtime.path = \"..\"",
        ] {
            assert!(names_runtime(manifest), "{manifest}");
        }
        assert!(!names_runtime("[dependencies]\nfacade = \"1\"\nmetrics = \"0.24\""));
    }

    /// A crate that depends on the toolkit under another name does not know `metrics_runtime`.
    #[test]
    fn with_a_crate_path_all_generated_paths_start_there() {
        let function = quote!(
            async fn f(kind: Kind, text: String) -> Result<Vec<u8>, ()> {
                body(kind, text)
            }
        );
        let future = quote!(
            fn f(kind: Kind, text: String) -> Pin<Box<dyn Future<Output = Vec<u8>>>> {
                Box::pin(body(text))
            }
        );
        let block = quote!(impl S { fn f(self) -> u8 { 1 } #[track(skip)] fn g() {} });
        let labels = quote!(crate = here, labels(a = text, b: Kind = kind, c = "c", d = |r| r.len()));
        let expanded = [
            attribute(&grammar::TRACK, quote!(crate = here, in_flight), function.clone()),
            attribute(
                &grammar::TRACK,
                quote!(#labels, name = "n", buckets = [1, N], ok_if = |r| r.is_ok()),
                function.clone(),
            ),
            attribute(&grammar::TRACK, quote!(crate = here, preset = ROW), function.clone()),
            attribute(&grammar::TRACK, quote!(crate = here), block),
            attribute(&grammar::HISTOGRAM, quote!(#labels, buckets = linear(1, 1, 2), value = |r| r.len()), future),
            attribute(
                &grammar::COUNTER,
                quote!(crate = here),
                quote!(
                    fn f() -> ! {
                        loop {}
                    }
                ),
            ),
            attribute(
                &grammar::COUNTER,
                quote!(crate = here),
                quote!(
                    async fn f() -> ! {
                        loop {}
                    }
                ),
            ),
            attribute(&grammar::IN_FLIGHT, quote!(crate = here), function.clone()),
            attribute(&grammar::RYOT, quote!(crate = here, model = "m", tokens = |r| r.len()), function.clone()),
            attribute(&grammar::COMPRESSION, quote!(crate = here), function.clone()),
            attribute(&grammar::STORAGE, quote!("store", timed, crate = here), function.clone()),
            circuit_breaker::attribute(&quote!(crate = here, service = "s", failures = 1), &function),
            circuit_breaker::attribute(
                &quote!(crate = here, breaker = self.b, fallback = other, failure_if = |e| true),
                &quote!(
                    async fn f(&self, _a: u8) -> Result<u8, ()> {
                        Ok(1)
                    }
                ),
            ),
            metrics_mod::expand(
                quote!(crate = here, prefix = "p_"),
                quote!(
                    mod m {
                        #[buckets(1, 2)]
                        #[unit("bytes")]
                        fn size_bytes(kind: Kind) -> Histogram;
                    }
                ),
            ),
            label_value::expand(quote!(
                #[label(crate = here)]
                enum Kind {
                    A,
                }
            )),
        ];
        for tokens in expanded {
            let text = tokens.to_string();
            assert!(text.contains("here :: __private") && !text.contains("compile_error"), "{text}");
            assert!(!text.contains("metrics_runtime"), "{text}");
        }
    }
}
