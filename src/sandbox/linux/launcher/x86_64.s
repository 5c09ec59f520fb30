// The machine code of a launcher: no relocation, no writable data, no library.
//
// The kernel leaves on the stack: the number of arguments, the arguments, 0, the environment, 0,
// the auxiliary vector (System V ABI, AMD64 supplement, 3.4.1). rbx points behind the code, where
// `data` puts a byte for the kind, for a script the marker, and the path or name. No label is made of
// 0 and 1 alone: LLVM takes `10b` for a binary number.
//
// rbp: arguments; r13: environment; r14: what to start.

    .pushsection .rodata.sandboxed_cargo_launcher, "a", @progbits
    .balign 16
    .globl sandboxed_cargo_launcher_begin
    .hidden sandboxed_cargo_launcher_begin
    .globl sandboxed_cargo_launcher_end
    .hidden sandboxed_cargo_launcher_end
sandboxed_cargo_launcher_begin:
    mov     rax, [rsp]
    lea     rbp, [rsp + 8]
    lea     r13, [rsp + 8*rax + 16]
    lea     rbx, [rip + 90f]
    lea     r14, [rbx + 1]
    cmp     byte ptr [rbx], 0
    je      30f

    // A script: behind the marker's text lies the name.
    mov     r15, r14
2:  inc     r14
    cmp     byte ptr [r14 - 1], 0
    jne     2b

    mov     rdi, r13
3:  mov     rsi, [rdi]
    add     rdi, 8
    test    rsi, rsi
    jz      20f
    mov     rdx, r15
4:  mov     al, [rdx]
    test    al, al
    jz      5f
    cmp     al, [rsi]
    jne     3b
    inc     rsi
    inc     rdx
    jmp     4b

    // Only an absolute path: what lies in the current directory is the package's.
5:  mov     r14, rsi
    cmp     byte ptr [rsi], '/'
    jne     50f
    jmp     30f

    // Without marker: the name, in the folder that AT_EXECFN (31) tells.
20: mov     rax, [rdi]
    mov     rsi, [rdi + 8]
    add     rdi, 16
    test    rax, rax
    jz      50f
    cmp     rax, 31
    jne     20b
    test    rsi, rsi
    jz      50f
    // PATH_MAX for the folder, NAME_MAX and 0 for the name.
    sub     rsp, 4096 + 256
    mov     rdi, rsp
    mov     r8, rsp
    lea     r9, [rsp + 4096]
21: mov     al, [rsi]
    inc     rsi
    test    al, al
    jz      22f
    cmp     rdi, r9
    je      50f
    mov     [rdi], al
    inc     rdi
    cmp     al, '/'
    jne     21b
    mov     r8, rdi
    jmp     21b
22: mov     al, [r14]
    mov     [r8], al
    inc     r14
    inc     r8
    test    al, al
    jnz     22b
    mov     r14, rsp
    jmp     40f

    // Our program must not load what LD_* and GLIBC_* name.
30: mov     rdi, r13
31: mov     rsi, [rdi]
    add     rdi, 8
    test    rsi, rsi
    jz      40f
    cmp     byte ptr [rsi], 'L'
    jne     32f
    cmp     byte ptr [rsi + 1], 'D'
    jne     31b
    cmp     byte ptr [rsi + 2], '_'
    jne     31b
    jmp     33f
32: cmp     byte ptr [rsi], 'G'
    jne     31b
    cmp     byte ptr [rsi + 1], 'L'
    jne     31b
    cmp     byte ptr [rsi + 2], 'I'
    jne     31b
    cmp     byte ptr [rsi + 3], 'B'
    jne     31b
    cmp     byte ptr [rsi + 4], 'C'
    jne     31b
    cmp     byte ptr [rsi + 5], '_'
    jne     31b
33: mov     byte ptr [rsi], '@'
    jmp     31b

    // execve
40: mov     eax, 59
    mov     rdi, r14
    mov     rsi, rbp
    mov     rdx, r13
    syscall

    // writev, so that the line stays one; then exit_group.
50: mov     rax, r14
51: inc     rax
    cmp     byte ptr [rax - 1], 0
    jne     51b
    sub     rax, r14
    dec     rax
    sub     rsp, 48
    lea     rcx, [rip + 60f]
    lea     rdx, [rip + 61f]
    mov     [rsp], rcx
    mov     [rsp + 16], r14
    mov     [rsp + 24], rax
    mov     [rsp + 32], rdx
    sub     rdx, rcx
    mov     [rsp + 8], rdx
    mov     qword ptr [rsp + 40], 1
    mov     eax, 20
    mov     edi, 2
    mov     rsi, rsp
    mov     edx, 3
    syscall
    mov     eax, 231
    mov     edi, 101
    syscall
    hlt

60: .ascii  "error: sandboxed-cargo: cannot start "
61: .ascii  "\n"
90:
sandboxed_cargo_launcher_end:
    .popsection
