//! What is seen while a plan is carried out: a bar for each image on a terminal, a line for each event otherwise.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::apply::event::Event;
use crate::commands::log;

/// More bars than this help nobody.
const MAX_BARS: usize = 12;

/// Shows events on stderr.
pub(super) enum Progress {
    /// Bars, cleared at the end.
    Bars {
        all: MultiProgress,
        bars: RefCell<BTreeMap<usize, ProgressBar>>,
    },
    /// Lines.
    Lines,
}

impl Progress {
    /// Bars where somebody watches.
    pub(super) fn new(watched: bool) -> Self {
        if watched {
            Self::Bars {
                all: MultiProgress::new(),
                bars: RefCell::default(),
            }
        } else {
            Self::Lines
        }
    }

    /// Takes note of an event; gives the line to write for it, if there is one.
    pub(super) fn on(&self, event: &Event<'_>) -> Option<String> {
        match self {
            Self::Bars { all, bars } => {
                show(all, &mut bars.borrow_mut(), event);
                None
            }
            Self::Lines => log::line(event),
        }
    }
}

fn show(all: &MultiProgress, bars: &mut BTreeMap<usize, ProgressBar>, event: &Event<'_>) {
    match event {
        Event::Began {
            at,
            promotion,
            blobs,
        } if bars.len() < MAX_BARS => {
            let length = u64::try_from(*blobs).unwrap_or(u64::MAX);
            let bar = all.add(ProgressBar::new(length));
            if let Ok(style) =
                ProgressStyle::with_template("{msg:40!} {bar:24} {pos}/{len} blobs {elapsed}")
            {
                bar.set_style(style);
            }
            bar.set_message(format!("{}:{}", promotion.wanted.target, promotion.tag));
            bar.enable_steady_tick(Duration::from_millis(200));
            bars.insert(*at, bar);
        }
        Event::Blob { at, .. } => {
            if let Some(bar) = bars.get(at) {
                bar.inc(1);
            }
        }
        Event::Ended { at, .. } => {
            if let Some(bar) = bars.remove(at) {
                bar.finish_and_clear();
            }
        }
        _ => {}
    }
}
