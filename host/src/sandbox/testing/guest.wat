;; A guest in the shape of the contract. What `decode` does, and what is done at
;; the start, stands where the marks are: tests put it there.
(module
  (import "crossdock:partner/host@0.1.0" "log"
    (func $log (param i32 i32 i32 i32 i32 i32 i32)))
  (import "crossdock:partner/host@0.1.0" "lookup"
    (func $lookup (param i32 i32 i32 i32 i32)))
  (memory $memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 8192))

  ;; The description is at 1024, all zero but for name, version and kind.
  (data (i32.const 512) "guest")
  (data (i32.const 520) "1.2.3")
  (data (i32.const 1024) "\00\02\00\00\05\00\00\00\08\02\00\00\05\00\00\00\01\00\00\00")
  ;; Texts for the log.
  (data (i32.const 544) "src/lib.rs:7:1")
  (data (i32.const 560) "no such unit")
  (data (i32.const 576) "place")
  ;; One field: place = src/lib.rs:7:1.
  (data (i32.const 592) "\40\02\00\00\05\00\00\00\20\02\00\00\0e\00\00\00")

  (func $bump (export "cabi_realloc")
    (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $heap) (i32.const 7))
        (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $grow
        (br_if $fits
          (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1))
          (then unreachable))
        (br $grow)))
    (local.get $at))

  (func $recurse (param i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1)))))

  (func (export "crossdock:partner/adapter@0.1.0#describe") (result i32)
    (i32.const 1024))

  ;; The answer at 2048 is all zero: fine, and nothing in it.
  (func $decode (export "crossdock:partner/adapter@0.1.0#decode")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (param $body i32) (param $length i32)
    (result i32)
    (local $n i32)
    (; decode ;)
    (i32.const 2048))

  (func (export "crossdock:partner/adapter@0.1.0#next") (param i32) (result i32)
    unreachable)

  (func (export "crossdock:partner/adapter@0.1.0#poll")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    unreachable)

  (func (export "_initialize")
    (; start ;)))
