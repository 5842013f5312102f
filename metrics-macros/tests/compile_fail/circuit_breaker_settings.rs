//! Invalid settings of `#[circuit_breaker]`.

use std::time::Duration;

use metrics_runtime::circuit_breaker;
use metrics_runtime::circuit_breaker::CircuitOpen;

type Answer = Result<u8, CircuitOpen>;

const NONE: u32 = 0;
const NO_TIME: Duration = Duration::ZERO;

#[circuit_breaker(service = "zero", failures = 0)]
async fn zero_failures() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "path", failures = NONE)]
async fn zero_by_a_path() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "half", failures = 1, half_open = 0)]
async fn zero_probes() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "open", failures = 1, open = "0s")]
async fn open_for_no_time() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "time", failures = 1, lease = NO_TIME)]
async fn no_lease() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "longest", failures = 1, open = "1m", max_open = "30s")]
async fn shorter_than_the_first() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "ratio", ratio = 2, calls = 10)]
async fn more_than_all() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "minimum", ratio = 0.5, calls = 10, minimum = 11)]
async fn more_than_there_is_room_for() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "calls", ratio = 0.5, calls = 0)]
async fn of_no_calls() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "window", ratio = 0.5, window = "0s")]
async fn over_no_time() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "jitter", failures = 1, jitter = 1.5)]
async fn too_much_jitter() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "slow", failures = 1, slow = "0s")]
async fn slow_at_once() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "slow_ratio", ratio = 0.5, calls = 10, slow = "1s", slow_ratio = 1.5)]
async fn more_than_all_are_slow() -> Answer {
    Ok(1)
}

fn main() {}
