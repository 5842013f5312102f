//! The pages of a registry.

#[cfg(feature = "push")]
use std::time::Duration;

use super::Registry;
use super::gathered::Gathered;
use super::walk::Walk;
#[cfg(feature = "protobuf")]
use crate::encode::ProtobufPage;
use crate::encode::{Format, Layout, PageWriter, TextPage};
use crate::schema::Naming;
use crate::visit::Visitor;

/// A written page.
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "only the endpoint reads more than the bytes"))]
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
        page.into_text().0
    }

    /// Returns the page. The calling thread calls the sources.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> Page {
        self.page_with(format, naming, self.gather())
    }

    /// Returns the page with these answers of sources.
    pub(crate) fn page_with(&self, format: Format, naming: &Naming, gathered: Gathered) -> Page {
        self.page_beside(format, naming, gathered, None)
    }

    /// Returns the page for a gateway, without the sources that have not answered by the deadline. They are called on
    /// other threads. `visitor` reads the same samples.
    #[cfg(feature = "push")]
    pub(crate) fn page_within(
        &self,
        deadline: Duration,
        format: Format,
        naming: &Naming,
        visitor: &mut dyn Visitor,
    ) -> Page {
        #[cfg_attr(not(feature = "prometheus"), expect(unused_mut, reason = "only collectors have timestamps"))]
        let mut gathered = self.gather_within(deadline, deadline);
        #[cfg(feature = "prometheus")]
        gathered.leave_out_timestamps();
        self.page_beside(format, naming, gathered, Some(visitor))
    }

    fn page_beside(
        &self,
        format: Format,
        naming: &Naming,
        gathered: Gathered,
        beside: Option<&mut dyn Visitor>,
    ) -> Page {
        let walk = self.reported_walk(naming, gathered);
        let (bytes, layout) = match format {
            Format::Text | Format::OpenMetrics => write(&walk, TextPage::new(format, walk.extents()), beside),
            #[cfg(feature = "protobuf")]
            Format::Protobuf => write(&walk, ProtobufPage::new(walk.extents()), beside),
        };
        Page { bytes, layout, is_complete: walk.is_complete() }
    }

    fn reported_walk<'n>(&self, naming: &'n Naming, gathered: Gathered) -> Walk<'n> {
        let walk = self.walk(naming, gathered);
        self.report(&walk);
        walk
    }
}

/// Writes the page, and lets another visitor read the same samples.
fn write<P: PageWriter>(walk: &Walk<'_>, mut page: P, beside: Option<&mut dyn Visitor>) -> (Vec<u8>, Layout) {
    match beside {
        Some(visitor) => walk.visit(&mut (&mut page, visitor)),
        None => walk.visit(&mut page),
    }
    page.finish()
}
