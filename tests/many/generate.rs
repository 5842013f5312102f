// The generator of annotated functions. Build scripts include this file.

const MODULES: [&str; 25] = [
    "accounts", "auth", "billing", "cart", "catalog", "checkout", "coupons", "delivery", "export", "feeds", "fraud",
    "images", "invoices", "ledger", "mail", "orders", "payments", "pricing", "ratings", "returns", "search", "stock",
    "suppliers", "taxes", "webhooks",
];

const VERBS: [&str; 20] = [
    "add", "apply", "cancel", "check", "close", "copy", "create", "delete", "fetch", "index", "list", "load", "merge",
    "notify", "parse", "read", "send", "store", "sync", "update",
];

/// Returns modules with annotated functions, and the list `FUNCTIONS` of all of them.
///
/// A module has twenty functions, or more if all modules are in use.
fn functions(number: usize) -> String {
    let modules = number.div_ceil(VERBS.len()).clamp(1, MODULES.len());
    let each = number.div_ceil(modules);
    let paths: Vec<_> = (0..number)
        .map(|i| {
            let (module, j) = (MODULES[i / each], i % each);
            let round = if j < VERBS.len() { String::new() } else { format!("_{}", j / VERBS.len()) };
            (module, format!("{}{round}", VERBS[j % VERBS.len()]))
        })
        .collect();
    let declared = MODULES.iter().take(modules).map(|module| {
        let functions = paths.iter().filter(|(of, _)| of == module).map(|(_, function)| {
            format!(
                "    #[metrics_runtime::track(name = \"{module}_{function}\", in_flight)]\n    \
                 pub(crate) async fn {function}(work: crate::Work) -> Result<(), crate::Refused> {{ work.run().await }}\n"
            )
        });
        format!("mod {module} {{\n{}}}\n", functions.collect::<String>())
    });
    let listed = paths.iter().map(|(module, function)| format!("|work| Box::pin({module}::{function}(work)),\n"));
    let (declared, listed) = (declared.collect::<String>(), listed.collect::<String>());
    format!("{declared}/// All functions.\nconst FUNCTIONS: &[Function] = &[\n{listed}];\n")
}
