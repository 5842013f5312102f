/// Business metrics.
pub(crate) mod business {
    use ::metrics_runtime::__private::kinds::*;
    const _: () = ::metrics_runtime::__private::expect(
        ::metrics_runtime::__private::check_prefix("shop_"),
    );
    use super::State;
    /// Jobs that are done.
    pub fn jobs_total(
        state: State,
        tenant: &str,
    ) -> ::metrics_runtime::__private::Series<'static, Counter> {
        const __SITE: ::metrics_runtime::__private::MetricSite = ::metrics_runtime::__private::MetricSite {
            name: "shop_jobs_total",
            legacy_name: false,
            replaces: &[],
            help: "Jobs that are done.",
            kind: ::metrics_runtime::__private::Kind::Counter,
            unit: ::core::option::Option::None,
            buckets: &[],
            native: false,
            limit: ::core::option::Option::None,
            labels: &[
                (
                    "state",
                    {
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<State>::VALUES
                    },
                ),
                (
                    "tenant",
                    {
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<&str>::VALUES
                    },
                ),
            ],
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "jobs_total",
            ),
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name("shop_"));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(1usize));
        static __METRIC: ::metrics_runtime::__private::DeclaredMetric<
            ::metrics_runtime::__private::Counter,
        > = ::metrics_runtime::__private::DeclaredMetric::new(__SITE);
        ::metrics_runtime::__private::listed! {
            entry __ENTRY = & __METRIC
        }
        match __METRIC
            .bounded(
                &[
                    ::metrics_runtime::__private::ordinal_of(&(state)),
                    ::metrics_runtime::__private::ordinal_of(&(tenant)),
                ],
            )
        {
            ::core::option::Option::Some(series) => series,
            ::core::option::Option::None => {
                __METRIC
                    .series(
                        &[
                            ::metrics_runtime::__private::label_of(&(state)).as_str(),
                            ::metrics_runtime::__private::label_of(&(tenant)).as_str(),
                        ],
                    )
            }
        }
    }
    /// Users with a live session.
    pub fn active_users() -> &'static Gauge {
        const __SITE: ::metrics_runtime::__private::MetricSite = ::metrics_runtime::__private::MetricSite {
            name: "shop_active_users",
            legacy_name: false,
            replaces: &[],
            help: "Users with a live session.",
            kind: ::metrics_runtime::__private::Kind::Gauge,
            unit: ::core::option::Option::None,
            buckets: &[],
            native: false,
            limit: ::core::option::Option::None,
            labels: &[],
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "active_users",
            ),
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name("shop_"));
        static __METRIC: ::metrics_runtime::__private::DeclaredMetric<
            ::metrics_runtime::__private::Gauge,
        > = ::metrics_runtime::__private::DeclaredMetric::new(__SITE);
        ::metrics_runtime::__private::listed! {
            entry __ENTRY = & __METRIC
        }
        __METRIC.only()
    }
    /// Size of an upload.
    pub fn upload_bytes() -> &'static Histogram {
        const __SITE: ::metrics_runtime::__private::MetricSite = ::metrics_runtime::__private::MetricSite {
            name: "shop_upload_bytes",
            legacy_name: false,
            replaces: &[],
            help: "Size of an upload.",
            kind: ::metrics_runtime::__private::Kind::Histogram,
            unit: ::core::option::Option::Some("bytes"),
            buckets: &[1024f64, 65536f64],
            native: false,
            limit: ::core::option::Option::None,
            labels: &[],
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "upload_bytes",
            ),
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name("shop_"));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_unit());
        const _: () = {
            ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_bound(__SITE.bounds(), 0usize),
            );
            ::metrics_runtime::__private::expect(
                ::metrics_runtime::__private::check_bound(__SITE.bounds(), 1usize),
            );
        };
        static __METRIC: ::metrics_runtime::__private::DeclaredMetric<
            ::metrics_runtime::__private::Histogram,
        > = ::metrics_runtime::__private::DeclaredMetric::new(__SITE);
        ::metrics_runtime::__private::listed! {
            entry __ENTRY = & __METRIC
        }
        __METRIC.only()
    }
    pub fn waits() -> &'static Histogram {
        const __SITE: ::metrics_runtime::__private::MetricSite = ::metrics_runtime::__private::MetricSite {
            name: "shop_waits",
            legacy_name: false,
            replaces: &[],
            help: "",
            kind: ::metrics_runtime::__private::Kind::Histogram,
            unit: ::core::option::Option::None,
            buckets: &::metrics_runtime::__private::preset::linear::<3>(1f64, 2f64),
            native: false,
            limit: ::core::option::Option::None,
            labels: &[],
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "waits",
            ),
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name("shop_"));
        const _: () = ::metrics_runtime::__private::expect(
            ::metrics_runtime::__private::check_linear(__SITE.bounds()),
        );
        static __METRIC: ::metrics_runtime::__private::DeclaredMetric<
            ::metrics_runtime::__private::Histogram,
        > = ::metrics_runtime::__private::DeclaredMetric::new(__SITE);
        ::metrics_runtime::__private::listed! {
            entry __ENTRY = & __METRIC
        }
        __METRIC.only()
    }
    /// The version.
    pub fn version_info(
        version: &str,
    ) -> ::metrics_runtime::__private::Series<'static, Info> {
        const __SITE: ::metrics_runtime::__private::MetricSite = ::metrics_runtime::__private::MetricSite {
            name: "shop_version_info",
            legacy_name: false,
            replaces: &[],
            help: "The version.",
            kind: ::metrics_runtime::__private::Kind::Info,
            unit: ::core::option::Option::None,
            buckets: &[],
            native: false,
            limit: ::core::option::Option::None,
            labels: &[
                (
                    "version",
                    {
                        use ::metrics_runtime::__private::UnknownValues as _;
                        ::metrics_runtime::__private::Known::<&str>::VALUES
                    },
                ),
            ],
            source: ::metrics_runtime::__private::Source::new(
                ::core::file!(),
                ::core::line!(),
                ::core::module_path!(),
                "version_info",
            ),
        };
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_name("shop_"));
        const _: () = ::metrics_runtime::__private::expect(__SITE.check_label(0usize));
        static __METRIC: ::metrics_runtime::__private::DeclaredMetric<
            ::metrics_runtime::__private::Info,
        > = ::metrics_runtime::__private::DeclaredMetric::new(__SITE);
        ::metrics_runtime::__private::listed! {
            entry __ENTRY = & __METRIC
        }
        match __METRIC.bounded(&[::metrics_runtime::__private::ordinal_of(&(version))]) {
            ::core::option::Option::Some(series) => series,
            ::core::option::Option::None => {
                __METRIC
                    .series(
                        &[::metrics_runtime::__private::label_of(&(version)).as_str()],
                    )
            }
        }
    }
    fn helper() -> u8 {
        1
    }
}
