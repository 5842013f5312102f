//! `#[track]` on an impl block, and on its methods.

use metrics_runtime::track;

struct Store;

#[track(name = "store", labels(a = "b"), help = "x", value = |r: &()| 1)]
impl Store {
    fn one(&self) {}
}

#[track(in_fligth)]
impl Store {
    fn two(&self) {}

    #[track(skip)]
    fn three(&self) {}
}

#[track]
impl Store {
    #[track(nmae = "x")]
    fn four(&self) {}

    #[track(skp)]
    fn five(&self) {}

    const fn six(&self) {}

    #[track_caller]
    fn seven(&self) {}

    #[track(skip, in_flight)]
    fn eight(&self) {}
}

fn main() {
    Store.one();
    Store.two();
    Store.three();
    Store.four();
    Store.five();
    Store.six();
    Store.seven();
    Store.eight();
}
