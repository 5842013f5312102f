//! The pages of a registry.

#[cfg(feature = "push")]
use std::time::{Duration, Instant};

use super::Registry;
use super::gathered::Gathered;
use super::walk::Walk;
use crate::encode::{Format, Layout, TextPage};
use crate::schema::Naming;
#[cfg(feature = "push")]
use crate::visit::Visitor;

/// A duration that can be added to every time.
#[cfg(feature = "push")]
const LONG: Duration = Duration::from_secs(86_400);

/// A written page.
pub(crate) struct Page {
    pub(crate) bytes: Vec<u8>,
    pub(crate) layout: Layout,
    /// `false` if a family is missing.
    pub(crate) is_complete: bool,
}

impl Registry {
    /// Returns the page of this registry in the Prometheus text format 0.0.4, without namespace.
    ///
    /// The calling thread calls collectors and breaker sources, without a deadline.
    #[must_use]
    pub fn render(&self) -> String {
        self.text(&Naming::default())
    }

    /// Returns the page in the text format 0.0.4. The calling thread calls the sources.
    pub(crate) fn text(&self, naming: &Naming) -> String {
        let walk = self.reported_walk(naming, self.gather());
        let mut page = TextPage::new(Format::Text, walk.extents());
        walk.visit(&mut page);
        page.finish().0
    }

    /// Returns the page. The calling thread calls the sources.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> Page {
        self.page_with(format, naming, self.gather())
    }

    /// Returns the page with these answers of sources.
    pub(crate) fn page_with(&self, format: Format, naming: &Naming, gathered: Gathered) -> Page {
        let walk = self.reported_walk(naming, gathered);
        let mut page = TextPage::new(format, walk.extents());
        walk.visit(&mut page);
        let (text, layout) = page.finish();
        Page { bytes: text.into_bytes(), layout, is_complete: walk.is_complete() }
    }

    /// Returns the page for a gateway, without the sources that have not answered by the deadline. They are called on
    /// other threads. `visitor` reads the same samples.
    #[cfg(feature = "push")]
    pub(crate) fn text_within(&self, deadline: Duration, naming: &Naming, visitor: &mut dyn Visitor) -> String {
        let gathering = self.start_gathering(deadline);
        // A call can be overdue before the deadline of this page, but not after it.
        while !gathering.wait(Instant::now() + deadline.min(LONG)) {}
        #[cfg_attr(not(feature = "prometheus"), expect(unused_mut, reason = "only collectors have timestamps"))]
        let mut gathered = gathering.answers();
        #[cfg(feature = "prometheus")]
        gathered.leave_out_timestamps();
        let walk = self.reported_walk(naming, gathered);
        let mut page = (TextPage::new(Format::Text, walk.extents()), visitor);
        walk.visit(&mut page);
        page.0.finish().0
    }

    fn reported_walk<'n>(&self, naming: &'n Naming, gathered: Gathered) -> Walk<'n> {
        let walk = self.walk(naming, gathered);
        self.report(&walk);
        walk
    }
}
