// Which lines of signet run? Each is written, once, to the file that SIGNET_LINES names, as
// "+signet.link 12"; and each that a function has which is loaded, as "-signet.link 12".
//
// The linker puts these functions in the place of those with which MicroPython calls sys.settrace
// (py/profile.c): a call of Python code for each line takes much longer, and memory of the heap.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "py/bc.h"
#include "py/objfun.h"
#include "py/profile.h"

#define MODULES (128)
#define LINES (1024)

#define IS_THERE (1)
#define HAS_RUN (2)

static struct {
    qstr name;
    byte lines[LINES];
} modules[MODULES];

// For each byte of the heap: is it an instruction that has run since code was loaded last? Nothing
// else gives an address anew.
static byte *seen;
static bool is_new_code = true;

// One for all: code is traced when its frame has a callback.
static mp_obj_frame_t frame = {.callback = mp_const_true};

static byte *lines_of(qstr name) {
    if (strncmp(qstr_str(name), "signet", 6)) {
        return NULL;
    }
    size_t i = 0;
    while (modules[i].name != name) {
        if (!modules[i].name) {
            modules[i].name = name;
        } else if (++i == MODULES) {
            abort();
        }
    }
    return modules[i].lines;
}

static void tell(byte *lines, qstr name, const mp_raw_code_t *rc, size_t at, byte what) {
    size_t line = mp_prof_bytecode_lineno(rc, at);
    if (line >= LINES) {
        abort();
    }
    if (lines[line] & what) {
        return;
    }
    lines[line] |= what;
    static int file = -1;
    if (file < 0) {
        const char *path = getenv("SIGNET_LINES");
        file = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    }
    dprintf(file, "%c%s %u\n", what == HAS_RUN ? '+' : '-', qstr_str(name), (unsigned)line);
}

static void tell_all(byte *lines, qstr name, const mp_raw_code_t *rc) {
    const byte *end = (const byte *)rc->fun_data + rc->fun_data_len;
    for (const byte *ip = rc->prelude.opcodes; ip < end; ++ip) {
        tell(lines, name, rc, ip - rc->prelude.opcodes, IS_THERE);
    }
    for (size_t i = 0; i < rc->n_children; ++i) {
        tell_all(lines, name, rc->children[i]);
    }
}

void __real_mp_prof_extract_prelude(const byte *bytecode, mp_bytecode_prelude_t *prelude);

void __wrap_mp_prof_extract_prelude(const byte *bytecode, mp_bytecode_prelude_t *prelude) {
    __real_mp_prof_extract_prelude(bytecode, prelude);
    is_new_code = true;
}

mp_obj_t __wrap_mp_prof_frame_enter(mp_code_state_t *code_state) {
    code_state->frame = &frame;
    return mp_const_none;
}

mp_obj_t __wrap_mp_prof_frame_update(const mp_code_state_t *code_state) {
    return MP_OBJ_FROM_PTR(code_state->frame);
}

mp_obj_t __wrap_mp_prof_instr_tick(mp_code_state_t *code_state, bool is_exception) {
    const byte *ip = code_state->ip;
    const byte *heap = MP_STATE_MEM(area).gc_pool_start;
    size_t size = MP_STATE_MEM(area).gc_pool_end - heap;
    if (is_exception || (size_t)(ip - heap) >= size) { // what is frozen is not of signet
        return mp_const_none;
    }
    if (is_new_code) {
        free(seen);
        seen = calloc(size, 1);
        is_new_code = false;
    }
    if (seen[ip - heap]) {
        return mp_const_none;
    }
    seen[ip - heap] = 1;
    qstr name = MP_CODE_QSTR_MAP(code_state->fun_bc->context, 0);
    byte *lines = lines_of(name);
    if (lines) {
        const mp_raw_code_t *rc = code_state->fun_bc->rc;
        size_t at = ip - rc->prelude.opcodes;
        if (at == 0) {
            tell_all(lines, name, rc);
        }
        tell(lines, name, rc, at, HAS_RUN);
    }
    return mp_const_none;
}
