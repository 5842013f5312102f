//! x
use metrics_runtime::{Descriptor, Format, Metrics, Registry};
use tests::page::Page;
#[test]
fn x() {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("x", "h")).unwrap().get(&[]).unwrap().set(1.0);
    let theirs = prometheus::IntCounter::new("x_total", "h").unwrap();
    registry.register(Box::new(theirs)).unwrap();
    let m = Metrics::builder().registry(&registry).build().unwrap();
    let p = m.render_as(Format::OpenMetrics);
    println!("{p}");
    println!("{:?}", Page::parse_openmetrics(&p).map(|_| ()));
    println!("{:?}", tests::tools::python().unwrap().parse_openmetrics(&p).map(|_| ()));
}
#[test]
fn y() {
    let registry = Registry::new();
    let theirs = prometheus::IntCounter::new("x_total", "h").unwrap();
    registry.register(Box::new(theirs)).unwrap();
    let theirs = prometheus::Gauge::new("x", "h").unwrap();
    registry.register(Box::new(theirs)).unwrap();
    let theirs = prometheus::Histogram::with_opts(prometheus::HistogramOpts::new("h", "h")).unwrap();
    theirs.observe(-1.0);
    theirs.observe(f64::NAN);
    registry.register(Box::new(theirs)).unwrap();
    let theirs = prometheus::Counter::new("neg_total", "h").unwrap();
    registry.register(Box::new(theirs)).unwrap();
    let theirs = prometheus::Gauge::new("gg_total", "h").unwrap();
    registry.register(Box::new(theirs)).unwrap();
    let theirs = prometheus::Gauge::new("hh_bucket", "h").unwrap();
    registry.register(Box::new(theirs)).unwrap();
    registry.info(Descriptor::info("a_info_info", "h")).map(|f| { f.get(&[]).unwrap(); }).map_err(|e| println!("{e}")).ok();
    registry.gauge(Descriptor::gauge("a_info", "h")).map(|f| { f.get(&[]).unwrap(); }).map_err(|e| println!("{e}")).ok();
    let m = Metrics::builder().registry(&registry).build().unwrap();
    for f in [Format::Text, Format::OpenMetrics] {
    let p = m.render_as(f);
    println!("{p}");
    println!("{:?}", if f == Format::Text { Page::parse_text(&p) } else { Page::parse_openmetrics(&p) }.map(|_| ()));
    println!("{:?}", tests::tools::python().map(|py| if f == Format::Text { py.parse_text(&p) } else { py.parse_openmetrics(&p) }.map(|_| ())));
    }
}
