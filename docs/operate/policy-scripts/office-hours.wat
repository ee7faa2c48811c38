;; Refuses outside 08:00 to 18:00 UTC: finds "hour": in the environment and reads the number behind it.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\"environment\":")
  (data (i32.const 16) "\"hour\":")

  ;; Where the bytes after the needle begin, at or after `at`; -1 when it is not there.
  (func $after (param $at i32) (param $end i32) (param $needle i32) (param $length i32) (result i32)
    (local $i i32)
    (loop $next
      (if (i32.gt_u (i32.add (local.get $at) (local.get $length)) (local.get $end)) (then (return (i32.const -1))))
      (local.set $i (i32.const 0))
      (block $differs
        (loop $same
          (br_if $differs
            (i32.ne
              (i32.load8_u (i32.add (local.get $at) (local.get $i)))
              (i32.load8_u (i32.add (local.get $needle) (local.get $i)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $same (i32.lt_u (local.get $i) (local.get $length))))
        (return (i32.add (local.get $at) (local.get $length))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))

  (func (export "evaluate") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $hour i32) (local $digit i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (local.set $at (call $after (local.get $at) (local.get $end) (i32.const 0) (i32.const 14)))
    (if (i32.lt_s (local.get $at) (i32.const 0)) (then (return (i32.const 0))))
    (local.set $at (call $after (local.get $at) (local.get $end) (i32.const 16) (i32.const 7)))
    (if (i32.lt_s (local.get $at) (i32.const 0)) (then (return (i32.const 0))))
    (block $done
      (loop $digits
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (br_if $done (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $hour (i32.add (i32.mul (local.get $hour) (i32.const 10)) (local.get $digit)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $digits)))
    (i32.and (i32.ge_u (local.get $hour) (i32.const 8)) (i32.lt_u (local.get $hour) (i32.const 18)))))
