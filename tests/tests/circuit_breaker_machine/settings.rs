//! Settings that are out of range.

use std::time::Duration;

use metrics_runtime::circuit_breaker::{Settings, SettingsError};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn settings_out_of_range_are_rejected() {
    let good = Settings::consecutive(1);
    let ratio = Settings::ratio_of_calls(0.5, 5);
    for (settings, error, argument) in [
        (Settings::consecutive(0), SettingsError::Failures, "failures"),
        (Settings::ratio_of_calls(0.0, 5), SettingsError::Ratio, "ratio"),
        (Settings::ratio_of_calls(1.1, 5), SettingsError::Ratio, "ratio"),
        (Settings::ratio_over_time(f64::NAN, SECOND), SettingsError::Ratio, "ratio"),
        (Settings::ratio_of_calls(0.5, 0), SettingsError::Calls, "calls"),
        (Settings::ratio_of_calls(0.5, u32::MAX), SettingsError::Calls, "calls"),
        (Settings::ratio_of_calls(0.5, 5).minimum(6), SettingsError::Minimum, "minimum"),
        (Settings::ratio_over_time(0.5, SECOND).minimum(0), SettingsError::Minimum, "minimum"),
        (Settings::ratio_over_time(0.5, Duration::ZERO), SettingsError::Window, "window"),
        (good.open(Duration::ZERO), SettingsError::Open, "open"),
        (good.open(SECOND).max_open(SECOND / 2), SettingsError::MaxOpen, "max_open"),
        (good.jitter(-0.1), SettingsError::Jitter, "jitter"),
        (good.jitter(f64::NAN), SettingsError::Jitter, "jitter"),
        (good.half_open(0), SettingsError::HalfOpen, "half_open"),
        (good.lease(Duration::ZERO), SettingsError::Lease, "lease"),
        (good.slow(Duration::ZERO), SettingsError::Slow, "slow"),
        (ratio.slow(SECOND).slow_ratio(0.0), SettingsError::SlowRatio, "slow_ratio"),
        (ratio.slow(SECOND).slow_ratio(1.5), SettingsError::SlowRatio, "slow_ratio"),
        (ratio.slow_ratio(f64::NAN), SettingsError::SlowRatio, "slow_ratio"),
        (ratio.slow_ratio(0.5), SettingsError::SlowRatioWithoutSlow, "slow_ratio"),
        (good.slow(SECOND).slow_ratio(0.5), SettingsError::SlowRatioWithoutRatio, "slow_ratio"),
    ] {
        assert_eq!(settings.check(), Err(error));
        assert!(error.to_string().starts_with(&format!("`{argument}` ")), "{error}");
    }
    assert_eq!(good.slow(SECOND).cancelled_fails().check(), Ok(()));
    assert_eq!(ratio.slow(SECOND).slow_ratio(1.0).check(), Ok(()));
    assert_eq!(good.check(), Ok(()));
    assert_eq!(Settings::ratio_of_calls(1.0, 1).check(), Ok(()));
}
