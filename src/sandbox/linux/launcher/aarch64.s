// The same as x86_64.s, which explains it.
//
// x20: arguments; x21: environment; x22: what to start.

    .pushsection .rodata.sandboxed_cargo_launcher, "a", %progbits
    .balign 16
    .globl sandboxed_cargo_launcher_begin
    .hidden sandboxed_cargo_launcher_begin
    .globl sandboxed_cargo_launcher_end
    .hidden sandboxed_cargo_launcher_end
sandboxed_cargo_launcher_begin:
    ldr     x0, [sp]
    add     x20, sp, #8
    add     x21, x20, x0, lsl #3
    add     x21, x21, #8
    adr     x19, 90f
    ldrb    w0, [x19]
    add     x22, x19, #1
    cbz     w0, 30f

    mov     x23, x22
2:  ldrb    w0, [x22], #1
    cbnz    w0, 2b

    mov     x1, x21
3:  ldr     x2, [x1], #8
    cbz     x2, 20f
    mov     x3, x23
4:  ldrb    w0, [x3], #1
    cbz     w0, 5f
    ldrb    w4, [x2], #1
    cmp     w0, w4
    b.ne    3b
    b       4b

5:  mov     x22, x2
    ldrb    w0, [x2]
    cmp     w0, #'/'
    b.ne    50f
    b       30f

20: ldp     x0, x2, [x1], #16
    cbz     x0, 50f
    cmp     x0, #31
    b.ne    20b
    cbz     x2, 50f
    sub     sp, sp, #4096
    sub     sp, sp, #256
    mov     x3, sp
    mov     x4, sp
    add     x5, x3, #4096
21: ldrb    w0, [x2], #1
    cbz     w0, 22f
    cmp     x3, x5
    b.eq    50f
    strb    w0, [x3], #1
    cmp     w0, #'/'
    b.ne    21b
    mov     x4, x3
    b       21b
22: ldrb    w0, [x22], #1
    strb    w0, [x4], #1
    cbnz    w0, 22b
    mov     x22, sp
    b       40f

30: mov     x1, x21
31: ldr     x2, [x1], #8
    cbz     x2, 40f
    mov     x3, x2
    adr     x4, 62f
    ldrb    w0, [x2]
    cmp     w0, #'L'
    b.eq    32f
    adr     x4, 63f
32: ldrb    w0, [x4], #1
    cbz     w0, 33f
    ldrb    w5, [x3], #1
    cmp     w0, w5
    b.ne    31b
    b       32b
33: mov     w0, #'@'
    strb    w0, [x2]
    b       31b

40: mov     x8, #221
    mov     x0, x22
    mov     x1, x20
    mov     x2, x21
    svc     #0

50: mov     x3, x22
51: ldrb    w0, [x3], #1
    cbnz    w0, 51b
    sub     x3, x3, x22
    sub     x3, x3, #1
    sub     sp, sp, #48
    adr     x4, 60f
    mov     x5, #61f - 60f
    stp     x4, x5, [sp]
    stp     x22, x3, [sp, #16]
    adr     x4, 61f
    mov     x5, #1
    stp     x4, x5, [sp, #32]
    mov     x8, #66
    mov     x0, #2
    mov     x1, sp
    mov     x2, #3
    svc     #0
    mov     x8, #94
    mov     x0, #101
    svc     #0
    brk     #0

60: .ascii  "error: sandboxed-cargo: cannot start "
61: .ascii  "\n"
62: .asciz  "LD_"
63: .asciz  "GLIBC_"
90:
sandboxed_cargo_launcher_end:
    .popsection
