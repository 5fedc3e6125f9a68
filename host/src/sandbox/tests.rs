//! Guests that do what a bad adapter does, and components that are none.
//!
//! The guests are written as text, so that each does exactly one thing; real
//! adapters are exercised by the tests of the whole product.

use std::{collections::BTreeMap, sync::OnceLock};

use super::{testing::component, *};
use crate::contract::{Blame, Inbound};

const MIB: usize = 1 << 20;

/// One sandbox for all tests, as in a process.
fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let config = Config {
            instances_max: 32,
            ..Config::default()
        };
        Sandbox::new(config, None).unwrap()
    })
}

fn guest(decode: &str) -> Adapter {
    sandbox().admit(&component(decode, "")).unwrap().0
}

fn no_tables() -> Tables {
    std::sync::Arc::new(())
}

fn message(body: &[u8]) -> Inbound {
    Inbound {
        message_id: "m-1".to_owned(),
        received_at: "2026-03-01T09:30:00.000Z".to_owned(),
        content_type: None,
        headers: Vec::new(),
        settings: Vec::new(),
        body: body.to_vec(),
    }
}

/// Calls `decode` of a guest that must not answer.
fn failing(decode: &str, limits: &Limits) -> GuestError {
    let answer = guest(decode).decode(&message(b"x"), &no_tables(), limits);
    answer.expect_err("the guest answered")
}

fn limits() -> Limits {
    sandbox().config().limits()
}

#[test]
fn a_good_guest_answers_and_its_use_is_known() {
    let adapter = guest("");
    assert_eq!(
        (adapter.name(), adapter.description().version.as_str()),
        ("guest", "1.2.3")
    );
    let call = adapter
        .decode(&message(&[0; 2048]), &no_tables(), &limits())
        .unwrap();
    assert!(call.value.unwrap().documents.is_empty());
    assert_eq!(call.usage.fuel_budget, 60_000_000);
    assert!((1..10_000).contains(&call.usage.fuel_used));
    assert_eq!(call.usage.memory_bytes_peak, 128 << 10);
    assert!(!call.usage.log_truncated);
}

#[test]
fn the_same_call_takes_the_same_fuel() {
    let adapter = guest(
        "(loop $l (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const 1000))))",
    );
    let fuel = || {
        let call = adapter.decode(&message(b"x"), &no_tables(), &limits());
        call.unwrap().usage.fuel_used
    };
    assert_eq!(fuel(), fuel());
}

#[test]
fn no_call_sees_what_another_left() {
    // Traps if the byte at 4096 is set, then sets it.
    let adapter = guest(
        "(if (i32.load8_u (i32.const 4096)) (then unreachable))
         (i32.store8 (i32.const 4096) (i32.const 1))",
    );
    for _ in 0..100 {
        assert!(
            adapter
                .decode(&message(b"x"), &no_tables(), &limits())
                .is_ok()
        );
    }
}

#[test]
fn a_loop_ends_with_its_fuel() {
    let error = failing("(loop $l (br $l))", &limits());
    assert_eq!(error.cause(), &Cause::OutOfFuel { fuel: 55_000_000 });
    assert_eq!(error.code(), "out-of-fuel");
    assert_eq!(error.blame(), Blame::Adapter);
    assert!(!error.retryable());
    let text = error.to_string();
    assert!(
        text.contains("adapter guest: decode: used up its fuel"),
        "{text}"
    );
}

#[test]
fn bulk_operations_burn_fuel_by_size() {
    let decode = "(loop $l (memory.fill (i32.const 8192) (i32.const 0) (i32.const 65536)) (br $l))";
    assert_eq!(failing(decode, &limits()).code(), "out-of-fuel");
}

#[test]
fn what_fuel_does_not_stop_the_deadline_does() {
    let endless = Limits {
        fuel_base: 1 << 50,
        wall_ms_max: 20,
        ..limits()
    };
    let error = failing("(loop $l (br $l))", &endless);
    assert_eq!(error.cause(), &Cause::Deadline { limit: 20 });
    assert!(error.retryable());
    let elapsed = error.failure().usage.elapsed.as_millis();
    assert!((20..2_000).contains(&elapsed), "{elapsed} ms");
}

#[test]
fn memory_ends_at_its_limit() {
    let bomb =
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let error = failing(bomb, &limits());
    assert_eq!(error.cause(), &Cause::Memory { limit: 64 * MIB });
    assert_eq!(error.failure().usage.memory_bytes_peak, 64 * MIB);
    let at_once = failing(
        "(drop (memory.grow (i32.const 65000))) unreachable",
        &limits(),
    );
    assert_eq!(at_once.code(), "memory");
    let little = Limits {
        memory_bytes_max: MIB,
        ..limits()
    };
    assert_eq!(
        failing(bomb, &little).cause(),
        &Cause::Memory { limit: MIB }
    );
}

#[test]
fn a_message_that_does_not_fit_into_the_guest_is_lack_of_memory() {
    let little = Limits {
        memory_bytes_max: MIB,
        ..limits()
    };
    let answer = guest("").decode(&message(&vec![0; 2 * MIB]), &no_tables(), &little);
    assert_eq!(answer.err().unwrap().code(), "memory");
}

#[test]
fn recursion_ends_with_the_stack() {
    let error = failing("(drop (call $recurse (i32.const 0)))", &limits());
    assert_eq!(error.code(), "stack-overflow");
    let frame = &error.failure().frames[0];
    assert_eq!((frame.function.as_str(), frame.times), ("recurse", 20));
}

#[test]
fn a_guests_own_stack_that_runs_over_is_told_apart() {
    let decode = "(i32.store (i32.const -16) (i32.const 1))";
    assert_eq!(failing(decode, &limits()).code(), "stack-overflow");
    let decode = "(i32.store (i32.const 0x00800000) (i32.const 1))";
    assert_eq!(failing(decode, &limits()).code(), "trap");
}

#[test]
fn a_trap_says_what_and_where() {
    let error = failing("(drop (i32.div_u (i32.const 1) (local.get $n)))", &limits());
    let Cause::Trap { reason } = error.cause() else {
        panic!("{error}")
    };
    assert_eq!(reason, "wasm trap: integer divide by zero");
    assert_eq!(error.failure().frames[0].function, "decode");
}

#[test]
fn a_panic_arrives_as_its_text_and_place() {
    let decode = "(call $log (i32.const 4) (i32.const 0) (i32.const 0)
        (i32.const 560) (i32.const 12) (i32.const 592) (i32.const 1)) unreachable";
    let error = failing(decode, &limits());
    let Cause::Panic { text, place, .. } = error.cause() else {
        panic!("{error}")
    };
    assert_eq!(text, "no such unit");
    assert_eq!(place.as_deref(), Some("src/lib.rs:7:1"));
    assert!(
        error
            .to_string()
            .ends_with("panicked at src/lib.rs:7:1: no such unit, in decode")
    );
}

#[test]
fn a_giant_answer_is_not_taken() {
    // A list of documents that claims to have a million entries.
    let decode = "(drop (memory.grow (i32.const 900)))
        (i32.store (i32.const 2056) (i32.const 8192))
        (i32.store (i32.const 2060) (i32.const 100000))";
    let error = failing(decode, &limits());
    assert_eq!(error.cause(), &Cause::OutputTooLarge { limit: 8 * MIB });
}

#[test]
fn an_answer_that_is_none_is_a_trap() {
    let decode =
        "(i32.store (i32.const 2056) (i32.const -1)) (i32.store (i32.const 2060) (i32.const 9))";
    assert_eq!(failing(decode, &limits()).code(), "trap");
}

#[test]
fn a_flooded_log_is_cut_and_hurts_nobody() {
    let decode = "(loop $l
        (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8192)
            (i32.const 0) (i32.const 0))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const 10000))))";
    let call = guest(decode)
        .decode(&message(b"x"), &no_tables(), &limits())
        .unwrap();
    assert!(call.usage.log_truncated);
    let kept: usize = call.usage.log.iter().map(|line| line.text.len()).sum();
    assert!(kept <= 64 << 10);
    assert!(!call.usage.log[0].text.contains('\0'));
}

#[test]
fn the_host_takes_only_so_much_in_a_call() {
    // Between host_call_bytes_max and output_bytes_max, and above both.
    for (pages, bytes) in [(100, 5 * MIB), (200, 9 * MIB)] {
        let decode = format!(
            "(drop (memory.grow (i32.const {pages})))
             (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8192) (i32.const {bytes})
                (i32.const 0) (i32.const 0))"
        );
        let error = failing(&decode, &limits());
        assert_eq!(error.cause(), &Cause::HostCallTooLarge { limit: 4 * MIB });
    }
}

#[test]
fn a_lookup_reaches_the_partners_tables() {
    // Looks the message's body up in the table "place"; traps unless it is there.
    let adapter = guest(
        "(call $lookup (i32.const 576) (i32.const 5) (local.get $body) (local.get $length) (i32.const 4096))
         (if (i32.eqz (i32.load8_u (i32.const 4096))) (then unreachable))",
    );
    let places = BTreeMap::from([("WH1".to_owned(), "Reno".to_owned())]);
    let tables: Tables = std::sync::Arc::new(BTreeMap::from([("place".to_owned(), places)]));
    assert!(adapter.decode(&message(b"WH1"), &tables, &limits()).is_ok());
    assert!(
        adapter
            .decode(&message(b"WH2"), &tables, &limits())
            .is_err()
    );
}

#[test]
fn code_at_the_start_is_bounded_too() {
    let looping = sandbox()
        .admit(&component("", "(loop $l (br $l))"))
        .unwrap_err();
    let AdmitError::Describe(error) = looping else {
        panic!("{looping}")
    };
    assert_eq!(error.code(), "out-of-fuel");
}

#[test]
fn a_trial_reports_a_failure_like_an_answer() {
    let input = TrialInput {
        body: b"x".to_vec(),
        ..TrialInput::default()
    };
    let fine = guest("")
        .try_message(&input, &no_tables(), &limits())
        .unwrap();
    assert!(fine.ok && fine.documents.is_empty());
    let trial = guest("(loop $l (br $l))")
        .try_message(&input, &no_tables(), &limits())
        .unwrap();
    let failure = trial.failure.unwrap();
    assert_eq!((failure.code, failure.retryable), ("out-of-fuel", false));
    assert_eq!(trial.usage.fuel_used, trial.usage.fuel_budget);
}

#[test]
fn other_calls_do_not_notice() {
    let pool = Pool::start(2, 64, 512 << 10).unwrap();
    let bad = std::sync::Arc::new(guest("(loop $l (br $l))"));
    let good = std::sync::Arc::new(guest(""));
    let tickets: Vec<_> = (0..16)
        .map(|number| {
            let adapter = if number % 2 == 0 { &bad } else { &good };
            let adapter = std::sync::Arc::clone(adapter);
            pool.submit(move || {
                adapter
                    .decode(&message(b"x"), &no_tables(), &limits())
                    .is_ok()
            })
            .unwrap()
        })
        .collect();
    let answers: Vec<_> = tickets.into_iter().map(|it| it.wait().unwrap()).collect();
    let expected: Vec<_> = (0..16).map(|number| number % 2 == 1).collect();
    assert_eq!(answers, expected);
}

mod refused {
    use super::*;

    fn refusal(bytes: &[u8]) -> AdmitError {
        sandbox().admit(bytes).map(drop).unwrap_err()
    }

    #[test]
    fn what_is_no_component() {
        assert_eq!(refusal(b"").code(), "empty");
        assert_eq!(refusal(b"ISA*00*").code(), "not-wasm");
        assert_eq!(refusal(b"\0asm\x0d\0\x01\0\xff\xff").code(), "malformed");
        let module = refusal(&wat::parse_str("(module)").unwrap());
        assert_eq!(module.code(), "core-module");
        assert!(module.remedy().unwrap().contains("crossdock adapter build"));
    }

    #[test]
    fn native_code() {
        let engine = sandbox().wasmtime();
        let native = engine.precompile_component(&component("", "")).unwrap();
        assert_eq!(refusal(&native).code(), "native-code");
    }

    #[test]
    fn what_is_too_large() {
        let config = Config {
            instances_max: 8,
            component_bytes_max: 1024,
            ..Config::default()
        };
        let small = Sandbox::new(config, None).unwrap();
        assert_eq!(
            small.admit(&component("", "")).unwrap_err().code(),
            "too-large"
        );
    }

    #[test]
    fn a_foreign_import_by_name_with_its_origin() {
        let bytes = wat::parse_str(
            r#"(component
                (import "crossdock:partner/host@0.1.0" (instance))
                (import "wasi:clocks/wall-clock@0.2.6" (instance)))"#,
        );
        let error = refusal(&bytes.unwrap());
        let AdmitError::ForeignImport { imports } = &error else {
            panic!("{error}")
        };
        assert_eq!(imports, &["wasi:clocks/wall-clock@0.2.6"]);
        let remedy = error.remedy().unwrap();
        assert!(remedy.contains("SystemTime") && remedy.contains("wasm32-unknown-unknown"));
    }

    #[test]
    fn another_version_of_the_contract() {
        let text = r#"(component (instance $i)
            (export "crossdock:partner/adapter@0.9.0" (instance $i)))"#;
        let error = refusal(&wat::parse_str(text).unwrap());
        assert_eq!(error.code(), "contract-version");
        assert!(error.to_string().contains("0.9.0") && error.to_string().contains("0.1.0"));
    }

    #[test]
    fn a_component_that_is_no_adapter() {
        let error = refusal(&wat::parse_str("(component)").unwrap());
        assert_eq!(error.code(), "missing-export");
        assert!(
            error
                .to_string()
                .contains("crossdock:partner/adapter@0.1.0")
        );
    }

    /// An adapter whose only function is `describe`, with this result.
    fn describing(result: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "describe") (result i32) (i32.const 0)))
                (core instance $m (instantiate $m))
                (func $describe (result {result})
                    (canon lift (core func $m "describe") (memory $m "memory")))
                (instance $i
                    (export "describe" (func $describe))
                    (export "decode" (func $describe))
                    (export "next" (func $describe))
                    (export "poll" (func $describe)))
                (export "crossdock:partner/adapter@0.1.0" (instance $i)))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn other_types_by_name() {
        let error = refusal(&describing("string"));
        assert_eq!(error.code(), "incompatible");
        let text = error.to_string();
        assert!(
            text.contains("describe") || text.contains("record"),
            "{text}"
        );
    }

    #[test]
    fn an_adapter_without_all_its_functions() {
        let text = r#"(component
            (core module $m (func (export "f") (result i32) (i32.const 0)))
            (core instance $m (instantiate $m))
            (func $f (result u32) (canon lift (core func $m "f")))
            (instance $i (export "describe" (func $f)))
            (export "crossdock:partner/adapter@0.1.0" (instance $i)))"#;
        let error = refusal(&wat::parse_str(text).unwrap());
        assert_eq!(error.code(), "incompatible");
        assert!(error.to_string().contains("decode"), "{error}");
    }

    #[test]
    fn a_name_that_could_be_a_path() {
        let bytes = component("", "(i32.store (i32.const 512) (i32.const 0x2f2e2e2f))");
        let error = refusal(&bytes);
        assert_eq!(error.code(), "description");
        assert!(error.to_string().contains("name must be"), "{error}");
    }
}
