//! The catalog of everything that the binary declares, known before the first call.
//!
//! Generated code puts one entry into a link section for each annotated function and each function of a `#[metrics]`
//! module. The linker collects the entries; no code runs at start-up.

use std::collections::BTreeMap;
use std::sync::{Once, OnceLock};

use linkme::distributed_slice;

use super::callsite::Callsite;
pub(crate) use super::declaration::{Declaration, Declare};
use super::durations;
use crate::metric::{First, clock};
use crate::registry::{Registry, RegistryError};
use crate::schema::{Kind, Source};
use crate::scope::{self, PerScope};

/// The link section of annotated functions.
///
/// Private, as is [`ENTRIES`]: the name of a slice is also that of a macro that puts a static of any type into it. `linkme`
/// exports that macro under a name of its own, which is not hidden in the same way. Only [`__listed`](crate::__listed)
/// uses it.
#[distributed_slice]
pub(crate) static CALLSITES: [Callsite];

/// The link section of everything else that declares metrics.
#[distributed_slice]
pub(crate) static ENTRIES: [&'static dyn Declare];

/// Declares a static and puts it into a link section of the catalog.
///
/// The linker does not check types, so this macro writes the type of the static itself: the caller gives only a name and
/// a value, and a value of another type does not compile.
///
/// `linkme`'s attribute takes the type from the caller and adds a function to each static that checks it. In
/// `cargo check`, listing a static takes 0.59 ms with the attribute and 0.06 ms with this macro. `inventory`, which needs
/// no link section, takes 0.60 ms and runs code before `main`.
///
/// The arms are what the attribute expands to without that function. `linkme` does not document this form. It is the same
/// in all versions since 0.3.34; the step `minimal versions` builds with the oldest of them, all other steps with the
/// newest.
#[doc(hidden)]
#[macro_export]
macro_rules! __listed {
    (callsite $name:ident = $value:expr) => {
        $crate::_linkme_macro_CALLSITES! {
            #![linkme_macro = $crate::_linkme_macro_CALLSITES]
            static $name: $crate::__private::Callsite = $value;
        }
    };
    (entry $name:ident = $value:expr) => {
        $crate::_linkme_macro_ENTRIES! {
            #![linkme_macro = $crate::_linkme_macro_ENTRIES]
            static $name: &'static dyn $crate::__private::Declare = $value;
        }
    };
}

fn entries() -> impl Iterator<Item = &'static dyn Declare> {
    // A call site that never records declares nothing.
    let callsites = if cfg!(metrics_off) { &[] } else { &*CALLSITES };
    let callsites = callsites.iter().map(|callsite| -> &'static dyn Declare { callsite });
    callsites.chain(ENTRIES.iter().copied())
}

/// Logs, once in a process, that the catalog is incomplete. `missing` is the place of a declaration that is not in it.
///
/// The global registry resolves every declaration of the catalog when it is built. Therefore a declaration is missing if
/// it is not resolved when it is first used. This check is off the hot path, and needs no entry of this crate in the
/// sections: such an entry would be `unsafe` code here, and could be kept where those of other crates are lost.
///
/// Must not be called while a `OnceLock` or the global registry is initialized: the subscriber of `tracing` may call
/// annotated functions.
#[cold]
pub(crate) fn warn_incomplete(missing: Source) {
    static WARNED: First = First::new();
    if WARNED.is_now() {
        tracing::warn!(
            %missing,
            "the linker has removed entries of the catalog; their metrics are missing in `catalog()` and in its documents, \
             and are not on the page before the first call; keep the link sections of `linkme`, for example without \
             `--gc-sections`"
        );
    }
}

static GLOBAL: GlobalRegistry = GlobalRegistry::new();

/// The registry of attributes.
struct GlobalRegistry {
    registry: OnceLock<Registry>,
    /// Completed when the registry has everything that the binary declares.
    is_declared: Once,
}

impl GlobalRegistry {
    const fn new() -> Self {
        Self { registry: OnceLock::new(), is_declared: Once::new() }
    }

    fn registry(&self) -> &Registry {
        self.registry.get_or_init(|| {
            clock::start();
            durations::fix();
            Registry::new()
        })
    }
}

impl PerScope for GlobalRegistry {
    fn fresh(&self) -> Self {
        Self::new()
    }
}

/// Returns the registry of an entry that is not resolved, and resolves it.
///
/// In the registry of the process, this declares the whole catalog. In that of a scope it declares only the entry, so that
/// a test pays for what it uses.
pub(crate) fn registry_of(entry: &'static dyn Declare) -> &'static Registry {
    if !scope::is_entered() {
        return Registry::global();
    }
    let registry = scope::current(&GLOBAL).registry();
    entry.declare(registry);
    registry
}

/// The declarations of the binary by the names of their metrics, each with its entry.
#[cfg(feature = "test")]
pub(crate) type DeclaredByName = BTreeMap<String, Vec<(Declaration, &'static dyn Declare)>>;

/// Returns the declarations of the binary, which do not change.
#[cfg(feature = "test")]
pub(crate) fn declared_by_name() -> &'static DeclaredByName {
    static DECLARED: std::sync::LazyLock<DeclaredByName> = std::sync::LazyLock::new(|| {
        let mut declared = DeclaredByName::new();
        for entry in entries() {
            for declaration in entry.declarations() {
                let name = declaration.descriptor.name.to_string();
                declared.entry(name).or_default().push((declaration, entry));
            }
        }
        declared
    });
    &DECLARED
}

/// Declares the entries that have a metric of this name. Returns the registry, which may lack all others.
#[cfg(feature = "test")]
pub(crate) fn declare_named(name: &str) -> &'static Registry {
    let registry = scope::current(&GLOBAL).registry();
    let entries = declared_by_name().get(name).into_iter().flatten();
    entries.for_each(|(_, entry)| entry.declare(registry));
    registry
}

impl Registry {
    /// Returns the registry of attributes and `#[metrics]` modules, with everything that this binary declares.
    ///
    /// The first call builds it: it registers every declaration of the [`catalog`](crate::catalog()) and creates at
    /// zero every series whose labels are known. Conflicting declarations are kept as [`problems`](Self::problems),
    /// which [`Builder::install`](crate::Builder::install) reports. In the scope of a test (feature `test`), it is the
    /// registry of the scope.
    ///
    /// ```
    /// #[metrics_runtime::track_counter(name = "imports_total")]
    /// fn import() {}
    ///
    /// let page = metrics_runtime::Registry::global().render();
    /// assert!(page.contains("imports_total{status=\"success\"} 0\n"));
    /// # import();
    /// ```
    #[must_use]
    pub fn global() -> &'static Self {
        let global = scope::current(&GLOBAL);
        let registry = global.registry();
        global.is_declared.call_once(|| declare_all(registry));
        registry
    }

    /// Returns `true` if this is the global registry. Does not build it.
    pub(crate) fn is_global(&self) -> bool {
        durations::is_fixed() && self.is(Self::global())
    }
}

/// Returns every metric that this binary declares with attributes and `#[metrics]` modules, sorted by name and place.
///
/// The catalog is complete before the first call. A family that several functions share (`function_calls_total`) has
/// one declaration for each of them.
///
/// ```
/// #[metrics_runtime::track_counter(name = "jobs_total")]
/// fn job() {}
///
/// let catalog = metrics_runtime::catalog();
/// let jobs = catalog.iter().find(|d| d.descriptor.name == "jobs_total").unwrap();
/// assert_eq!(jobs.source.function, "job");
/// assert_eq!(jobs.values, [["success", "error", "panic", "cancelled"]]);
/// # job();
/// ```
#[must_use]
pub fn catalog() -> Vec<Declaration> {
    let mut all: Vec<_> = entries().flat_map(Declare::declarations).collect();
    all.sort_by(|a, b| (&a.descriptor.name, a.source).cmp(&(&b.descriptor.name, b.source)));
    all
}

/// Registers all entries in the order of their places, so that the result of a conflict is always the same.
fn declare_all(registry: &Registry) {
    let mut entries: Vec<_> = entries().map(|entry| (entry.declarations(), entry)).collect();
    entries.sort_by_key(|(declarations, _)| declarations.first().map(|declaration| declaration.source));
    for (_, entry) in &entries {
        entry.declare(registry);
    }
    for problem in contradictions(entries.iter().flat_map(|(declarations, _)| declarations)) {
        registry.keep_problem(problem);
    }
}

/// Returns the conflicts between objectives of functions that no label distinguishes. Success objectives are compared
/// on the counters of calls, latency objectives on the histograms of durations.
fn contradictions<'d>(declarations: impl IntoIterator<Item = &'d Declaration>) -> Vec<RegistryError> {
    let mut objectives = BTreeMap::new();
    let mut problems = Vec::new();
    for declaration in declarations {
        let Some(objective) = &declaration.objective else { continue };
        let text = match declaration.descriptor.kind {
            Kind::Counter => objective.success_percent().map(|percent| format!("{percent}% succeed")),
            Kind::Histogram => {
                objective.latency_bound().map(|(seconds, percent)| format!("{percent}% within {seconds} s"))
            }
            _ => None,
        };
        let Some(text) = text else { continue };
        let mut fixed = declaration.fixed_labels();
        fixed.sort_unstable();
        let series = (&*declaration.descriptor.name, fixed);
        let (first, source) = objectives.entry(series).or_insert_with(|| (text.clone(), declaration.source));
        if *first != text {
            problems.push(RegistryError::Objectives {
                metric: declaration.descriptor.name.to_string(),
                promised: first.clone(),
                other: text,
                first: Box::new(*source),
                second: Box::new(declaration.source),
            });
        }
    }
    problems
}
