//! The assertions.

/// Asserts values of a metric in a [`Scope`](crate::test::Scope), or in [`Samples`](crate::test::Samples) of one.
///
/// ```text
/// assert_metric!(metrics, login_total { tenant = "acme", status = "error" } == 1);
/// assert_metric!(metrics, login_duration_seconds { tenant = "acme" } count == 1, sum < 0.5);
/// assert_metric!(metrics, active_users >= 3.0);
/// assert_metric!(metrics, "login_total" { tenant = tenant_of(&user) } != 0);
/// assert_metric!(metrics, (names::LOGINS) == 1);
/// ```
///
/// - The name is that of the metric, without namespace: a word, a string literal, or an expression in parentheses.
/// - The labels are some of those of the series, or none. Their values are expressions of any type that can be a
///   [label value](trait@crate::LabelValue). Further labels may have any value: counters are added, and so are the counts
///   and sums of histograms. Several series of a gauge are an error.
/// - The comparison is `==`, `!=`, `<`, `<=`, `>` or `>=` with a number. A histogram is compared by `count`, `sum`, or both.
///
/// A counter or histogram that has no such series has counted nothing: `== 0` holds. A gauge has no value before it is set,
/// and no comparison of it holds. See [`Scope::value`](crate::test::Scope::value) for the difference.
///
/// # Panics
/// Panics if a comparison does not hold, with the values of series that come close, and the places that declare the metric.
/// Panics if no metric has the name, or if the metric has no such label, or no such value of a label whose values are known,
/// and names a similar one.
#[macro_export]
macro_rules! assert_metric {
    ($scope:expr, $($query:tt)+) => { $crate::__metric_query!(assert, $scope, $($query)+) };
}

/// Asserts that no single series of a metric has these labels and fulfils the comparison.
///
/// ```text
/// assert_no_metric!(metrics, login_total { status = "panic" } > 0);
/// assert_no_metric!(metrics, sessions { tenant = "gone" });
/// ```
///
/// The syntax is that of [`assert_metric!`](crate::assert_metric). Without a comparison, it asserts that there is no such
/// series; series whose labels the compiler knows exist at zero from the start.
///
/// # Panics
/// Panics if there is such a series. Panics like [`assert_metric!`](crate::assert_metric) if no metric has the name, or if
/// it has no such label or value.
#[macro_export]
macro_rules! assert_no_metric {
    ($scope:expr, $($query:tt)+) => { $crate::__metric_query!(assert_no, $scope, $($query)+) };
}

/// Waits until an assertion about a [`Scope`](crate::test::Scope) holds, for work in the background: `.await` in an async
/// test, [`.wait()`](crate::test::Eventually::wait) in others.
///
/// ```text
/// eventually!(metrics, mails_sent_total { kind = "welcome" } == 1).await;
/// eventually!(metrics, mails_sent_total { kind = "welcome" } == 1).within(Duration::from_secs(60)).wait();
/// ```
///
/// The syntax is that of [`assert_metric!`](crate::assert_metric). The test fails after 10 s, or
/// [another time](crate::test::Eventually::within).
#[macro_export]
macro_rules! eventually {
    ($scope:expr, $($query:tt)+) => { $crate::__metric_query!(eventually, $scope, $($query)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_query {
    ($assert:ident, $scope:expr, $name:tt { $($label:ident = $value:expr),* $(,)? } $($checks:tt)*) => {
        $crate::__private::test::$assert(
            &$scope,
            &$crate::__private::test::Query::new(
                $crate::__metric_name!($name),
                ::std::vec![$((
                    ::core::stringify!($label),
                    ::std::string::String::from($crate::__private::label_of(&$value).as_str()),
                )),*],
                $crate::__metric_checks!($assert $($checks)*),
            ),
        )
    };
    ($assert:ident, $scope:expr, $name:tt { $($labels:tt)* } $($checks:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected labels, such as `{ tenant = \"acme\" }`, found `{ ", ::core::stringify!($($labels)*), " }`"
        ))
    };
    ($assert:ident, $scope:expr, $name:tt $($checks:tt)*) => {
        $crate::__metric_query!($assert, $scope, $name {} $($checks)*)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_name {
    ($name:ident) => {
        ::core::stringify!($name)
    };
    ($name:literal) => {
        $name
    };
    (($name:expr)) => {
        $name
    };
    ($other:tt) => {
        ::core::compile_error!(::core::concat!(
            "expected the name of a metric, found `",
            ::core::stringify!($other),
            "`: write it as a word, as a string literal, or as an expression in parentheses"
        ))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_checks {
    (assert_no) => { ::std::vec![] };
    ($assert:ident) => {
        ::core::compile_error!("expected a comparison, such as `== 1`, or `count == 1` for a histogram")
    };
    ($assert:ident $($part:ident $comparison:tt $expected:expr),+ $(,)?) => {
        ::std::vec![$($crate::__private::test::Check::new(
            $crate::__metric_part!($part),
            $crate::__metric_comparison!($comparison),
            $expected,
        )),+]
    };
    ($assert:ident $comparison:tt $expected:expr $(,)?) => {
        ::std::vec![$crate::__private::test::Check::new(
            $crate::__private::test::Part::Value,
            $crate::__metric_comparison!($comparison),
            $expected,
        )]
    };
    ($assert:ident $($other:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "expected one comparison, such as `== 1`, or `count == 1, sum < 0.5` for a histogram, found `",
            ::core::stringify!($($other)+), "`"
        ))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_part {
    (count) => {
        $crate::__private::test::Part::Count
    };
    (sum) => {
        $crate::__private::test::Part::Sum
    };
    ($other:ident) => {
        ::core::compile_error!(::core::concat!(
            "unknown part `",
            ::core::stringify!($other),
            "` of a histogram; expected `count` or `sum`"
        ))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_comparison {
    (==) => {
        $crate::__private::test::Comparison::Equal
    };
    (!=) => {
        $crate::__private::test::Comparison::NotEqual
    };
    (<) => {
        $crate::__private::test::Comparison::Less
    };
    (<=) => {
        $crate::__private::test::Comparison::LessOrEqual
    };
    (>) => {
        $crate::__private::test::Comparison::Greater
    };
    (>=) => {
        $crate::__private::test::Comparison::GreaterOrEqual
    };
    ($other:tt) => {
        ::core::compile_error!(::core::concat!(
            "unknown comparison `",
            ::core::stringify!($other),
            "`; expected `==`, `!=`, `<`, `<=`, `>` or `>=`"
        ))
    };
}
