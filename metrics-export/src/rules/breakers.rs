//! Alerts on circuit breakers.

use super::alerts::Alerts;
use super::events::Events;
use super::scenario::Scenario;
use super::settings::Tuning;
use super::{MIN_FAILURES, Text, label_list, percent};
use crate::document::number;
use crate::fleet::INSTANCES;
use crate::names::BREAKER_STATE;
use crate::promql::{Compare, Expr, aggregate, call, matcher};
use crate::time::spoken;

/// The share of instances with an open breaker above which an alert fires.
const MANY_OPEN: f64 = 0.1;

impl Alerts<'_> {
    pub(super) fn breakers(&mut self) {
        let target = self.target;
        let calls = self.model.find("circuit_breaker_calls_total").filter(|metric| metric.has("result"));
        let rejected = calls.map(|calls| Events::of(&calls.name, [matcher("result", Compare::Is, "rejected")]));
        let tuned = self.tuned("BreakerRejecting", Tuning::new("page", 5).above(MIN_FAILURES).within(3));
        if self.target.fleet.is_some() {
            self.breakers_open();
        } else if let (Some(rejected), Some(tuning)) = (&rejected, tuned) {
            let window = tuning.window();
            let text = Text::new(
                "the circuit breaker of {{ $labels.service }} rejects calls",
                format!(
                    "For {} calls to {{{{ $labels.service }}}} have been answered without it, about \
                     {{{{ $value | printf \"%.0f\" }}}} of them within the last {}.",
                    spoken(tuning.holds),
                    tuning.spoken_window()
                ),
                "The service behind the breaker has failed so often that it is not called. Look at that service first, \
                 then at `State`, `Rejections` and `Failures` in the row `Circuit breakers`.",
                calls,
            );
            let expr = rejected.within(target, &window, &target.by(["service"])).compared(">=", tuning.limit());
            self.alert("BreakerRejecting", tuning, expr, text, &[Scenario::BreakerOpen]);
        }
        self.flapping();
        if let Some(rejected) = rejected {
            self.stuck_half_open(&rejected);
        }
    }

    /// Alerts on the share of the instances of a fleet whose breaker is open.
    fn breakers_open(&mut self) {
        let found = self.model.find(BREAKER_STATE).filter(|state| state.has("service"));
        let (Some(fleet), Some(state)) = (self.target.fleet, found) else { return };
        let Some(tuning) = self.tuned("BreakersOpen", Tuning::new("page", 5).above(MANY_OPEN).below(1.0)) else {
            return;
        };
        let by = self.target.by(["service"]);
        let instances = self.target.series(&fleet.name(&state.name, INSTANCES), []);
        let open = matcher("state", Compare::Matches, "open|forced open");
        let open = self.target.series(&fleet.name(&state.name, INSTANCES), [open]);
        let share = Expr::Number(tuning.limit()).binary("*", aggregate("sum", &by, instances));
        let text = Text::new(
            format!("the circuit breaker of {{{{ $labels.service }}}} is open{}", label_list(&by)),
            format!(
                "On {{{{ $value }}}} instances, more than {}, calls to {{{{ $labels.service }}}} have been answered without \
                 it for {}.",
                percent(tuning.limit()),
                spoken(tuning.holds)
            ),
            "The service behind the breaker has failed so often that it is not called. Look at that service first, then at \
             `Instances by state`, `Rejections` and `Failures` in the row `Circuit breakers`.",
            Some(state),
        );
        let expr = aggregate("sum", &by, open).binary(">", share);
        self.alert("BreakersOpen", tuning, expr, text, &[Scenario::BreakerOpen]);
    }

    /// Only openings from closed count: in one outage, every failed probe opens the breaker again.
    fn flapping(&mut self) {
        let transitions = self
            .model
            .find("circuit_breaker_transitions_total")
            .filter(|metric| metric.has("from") && metric.has("to"));
        let Some(transitions) = transitions else { return };
        let defaults = Tuning::new("ticket", 0).above(3.0).within(15);
        let Some(tuning) = self.tuned("BreakerFlapping", defaults) else { return };
        let opening = [("from", "closed"), ("to", "open")].map(|(label, state)| matcher(label, Compare::Is, state));
        let by = self.target.by(["instance", "service"]);
        let target = self.target.of_instances();
        let opened = Events::of(&transitions.name, opening).within(target, &tuning.window(), &by);
        let text = Text::new(
            "the circuit breaker of {{ $labels.service }} opens again and again",
            format!(
                "On {{{{ $labels.instance }}}} it has gone from closed to open more than {} times within {}, probes that \
                 failed in between not counted.",
                number(tuning.limit()),
                tuning.spoken_window()
            ),
            "The service behind the breaker works for a few calls and fails under more: it is overloaded, or half of its \
             instances fail. Look at `Changes of state` and `Failures` in the row `Circuit breakers`. More successful \
             probes, or a longer open state, close the breaker later.",
            Some(transitions),
        );
        // `increase` extrapolates to its whole window, by less than a sixth.
        let expr = opened.compared(">", tuning.limit() + 0.5);
        let of = (transitions.name.as_str(), &["service"][..]);
        self.alert_of_instances(("BreakerFlapping", tuning), of, expr, text, &[Scenario::BreakerFlap]);
        self.delayed();
    }

    /// An idle breaker is half-open after its time in the open state, so the alert requires calls. A breaker that opens
    /// between scrapes may be half-open at every scrape, so the last transition must be some time ago.
    fn stuck_half_open(&mut self, rejected: &Events) {
        let target = self.target.of_instances();
        let gauge = |base| self.model.find(base).map(|metric| target.now(&metric.name));
        let Some(states) = self.model.find(BREAKER_STATE) else { return };
        let (state, probes, last) = (
            gauge(BREAKER_STATE),
            gauge("circuit_breaker_probes_in_flight"),
            gauge("circuit_breaker_last_transition_timestamp_seconds"),
        );
        let (Some(state), Some(probes), Some(last)) = (state, probes, last) else { return };
        let Some(tuning) = self.tuned("BreakerStuckHalfOpen", Tuning::new("ticket", 5).within(5)) else { return };
        let by = target.by(["instance", "service"]);
        let on = format!("on ({})", by.join(", "));
        // Rejections of the window, so that one of them cannot keep the alert pending for its whole duration.
        let called = rejected.within(target, "3m", &by).compared(">", 0.0);
        let called = probes.compared(">", 0.0).binary("or", called);
        let window = tuning.window.unwrap_or_default();
        let recent = call("time", []).binary("-", last).compared("<", window.as_secs_f64());
        let half_open = state.compared("==", 2.0);
        let text = Text::new(
            "the circuit breaker of {{ $labels.service }} stays half-open",
            format!(
                "On {{{{ $labels.instance }}}} no probe has decided for {} whether the service is back, though calls are \
                 under way or were rejected.",
                spoken(window + tuning.holds)
            ),
            "A probe hangs, or nobody lets it end. Give the calls behind the breaker a timeout. Look at `Probes in flight` \
             and `Time since the last change` in the row `Circuit breakers`.",
            Some(states),
        );
        let expr = half_open.modified("and", &on, called).modified("unless", &on, recent);
        let of = (states.name.as_str(), &["service"][..]);
        self.alert_of_instances(("BreakerStuckHalfOpen", tuning), of, expr, text, &[Scenario::BreakerStuck]);
        self.delayed();
    }
}
