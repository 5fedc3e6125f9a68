//! What adapters log: kept in the record of the step, and said in the host's own log.
//!
//! The sandbox has bounded it and made it inert. A record keeps as much as the default
//! of that bound, whatever the setting, so that a talkative adapter does not make the
//! journal large; of a call only the first lines go to the host's own log, so that it
//! does not flood that either.

use crate::{
    message::{DeliveryId, MessageId, PartnerName},
    record::{Log, LogLine},
    sandbox::{self, Usage},
};

/// What a record keeps of one call, in bytes: the default of `sandbox.log_bytes_max`.
const RECORD_BYTES_MAX: usize = 64 << 10;
/// What a line costs in a record besides its text, in bytes.
const LINE_BYTES: usize = 32;
/// Lines of one call that go to the host's own log.
const EVENTS_MAX: usize = 20;

/// Whose call it was.
pub(super) struct Caller<'a> {
    pub(super) adapter: &'a str,
    pub(super) partner: &'a PartnerName,
    pub(super) message: MessageId,
    /// Absent while the message is read.
    pub(super) delivery: Option<DeliveryId>,
}

/// Says what was logged, and gives what is to be kept.
pub(super) fn take(caller: &Caller<'_>, usage: &Usage) -> Log {
    let log = keep(usage);
    for line in log.lines.iter().take(EVENTS_MAX) {
        say(caller, &line.level, &told(line));
    }
    if log.cut || log.lines.len() > EVENTS_MAX {
        say(caller, "debug", "logged more; the message's record has it");
    }
    log
}

/// What is to be kept of a call.
pub(super) fn keep(usage: &Usage) -> Log {
    let mut room = RECORD_BYTES_MAX;
    let mut lines = Vec::new();
    for line in &usage.log {
        let Some(left) = room.checked_sub(bytes(line)) else {
            return Log { lines, cut: true };
        };
        room = left;
        lines.push(LogLine {
            level: line.level.to_owned(),
            text: line.text.clone(),
            fields: line.fields.clone(),
        });
    }
    Log {
        lines,
        cut: usage.log_truncated,
    }
}

fn bytes(line: &sandbox::LogLine) -> usize {
    let fields = line.fields.iter();
    fields.fold(LINE_BYTES + line.text.len(), |sum, (name, value)| {
        sum + name.len() + value.len()
    })
}

/// A line with its fields.
fn told(line: &LogLine) -> String {
    let fields = line.fields.iter();
    fields.fold(line.text.clone(), |text, (name, value)| {
        format!("{text} {name}={value:?}")
    })
}

/// One event of the target `adapter`, which `RUST_LOG` can choose by itself.
fn say(caller: &Caller<'_>, level: &str, text: &str) {
    let Caller {
        adapter,
        partner,
        message,
        delivery,
    } = caller;
    let delivery = delivery.map(tracing::field::display);
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "adapter",
                tracing::Level::$level,
                adapter,
                %partner,
                message_id = %message,
                delivery_id = delivery,
                "{adapter}: {text}"
            )
        };
    }
    match level {
        "error" | "panic" => event!(ERROR),
        "warn" => event!(WARN),
        "debug" => event!(DEBUG),
        _ => event!(INFO),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::clock::Timestamp;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(level: &'static str, text: &str) -> sandbox::LogLine {
        sandbox::LogLine {
            level,
            text: text.to_owned(),
            fields: vec![("segment".to_owned(), "W12".to_owned())],
        }
    }

    fn usage(log: Vec<sandbox::LogLine>) -> Usage {
        Usage {
            log,
            ..Usage::default()
        }
    }

    /// What the host's own log says of a call, and what is kept of it.
    fn said(usage: &Usage) -> (Vec<String>, Log) {
        let buffer = Buffer::default();
        let written = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || written.clone())
            .finish();
        let partner = PartnerName::parse("north").unwrap();
        let caller = Caller {
            adapter: "x12",
            partner: &partner,
            message: MessageId::new(Timestamp::EPOCH),
            delivery: None,
        };
        let log = tracing::subscriber::with_default(subscriber, || take(&caller, usage));
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        (
            text.lines().map(|line| line.trim().to_owned()).collect(),
            log,
        )
    }

    #[test]
    fn each_line_is_said_once_at_its_level_and_kept_in_order() {
        let (said, log) = said(&usage(vec![line("info", "one"), line("warn", "two")]));
        let id = MessageId::new(Timestamp::EPOCH).to_string();
        let prefix = &id[..8];
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("INFO adapter: x12: one segment=\"W12\""),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("WARN adapter: x12: two segment=\"W12\""),
            "{said:?}"
        );
        for line in &said {
            assert!(line.contains("partner=north"), "{line}");
            assert!(line.contains(&format!("message_id={prefix}")), "{line}");
        }
        let texts: Vec<_> = log.lines.iter().map(|it| it.text.as_str()).collect();
        assert_eq!((texts, log.cut), (vec!["one", "two"], false));
    }

    #[test]
    fn a_flood_fills_neither_the_journal_nor_the_hosts_log() {
        let (said, log) = said(&usage(vec![line("warn", &"x".repeat(1_000)); 1_000]));
        assert_eq!(said.len(), EVENTS_MAX + 1);
        assert!(
            said[EVENTS_MAX].starts_with("DEBUG"),
            "{}",
            said[EVENTS_MAX]
        );
        assert!(log.cut);
        let kept: usize = log.lines.iter().map(|it| it.text.len()).sum();
        assert!((60_000..=RECORD_BYTES_MAX).contains(&kept), "{kept}");
    }
}
