//! The keys of all attributes.

macro_rules! keys {
    ($($key:ident $name:literal,)*) => {
        /// The key of an argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Key { $($key,)* }

        impl Key {
            /// Returns the key as users write it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$key => $name,)* }
            }
        }
    };
}
// Two keys may have the same text: the attribute decides between them.
keys! {
    Name "name", LegacyName "legacy_name", Replaces "replaces", Help "help", Unit "unit", Labels "labels", CounterLabels "counter_labels", Buckets "buckets", Value "value",
    Polls "polls", SlowPoll "slow_poll",
    OkIf "ok_if", ErrorIf "error_if", InFlight "in_flight", Timed "timed", Native "native", Returns "returns",
    Crate "crate", Preset "preset",
    Model "model", Tokens "tokens", CompressionRatio "ratio", Objective "objective",
    Service "service", Failures "failures", Ratio "ratio", Calls "calls", Window "window", Minimum "minimum",
    Open "open", MaxOpen "max_open", Jitter "jitter", HalfOpen "half_open", Lease "lease", Slow "slow",
    SlowRatio "slow_ratio", CancelledFails "cancelled_fails", Breaker "breaker",
    FailureIf "failure_if", IgnoreIf "ignore_if", Classify "classify", OnReject "on_reject", Fallback "fallback",
    Prefix "prefix", Rename "rename", Limit "limit",
    Flavor "flavor", WorkerThreads "worker_threads", StartPaused "start_paused",
}
