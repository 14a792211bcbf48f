// What has this board that `machine` has not?  Module mps2: its flash, a file of the host's, and the memory of TLS.
#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "semihosting.h"
#include "tls_memory.h"

#define BLOCK_BYTES 4096

static const mp_obj_base_t flash;
static int file = -1;

static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    char path[512];
    if (file < 0 && host_argument(" flash=", path, sizeof(path))) {
        file = host_open(path);
    }
    if (file < 0) {
        mp_raise_OSError(MP_ENODEV);
    }
    return MP_OBJ_FROM_PTR(&flash);
}

// readblocks(block, buffer[, offset]), writeblocks(...): docs/library/vfs.rst
static uint32_t position(size_t n_args, const mp_obj_t *args) {
    return mp_obj_get_int(args[1]) * BLOCK_BYTES + (n_args == 4 ? mp_obj_get_int(args[3]) : 0);
}

static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    return MP_OBJ_NEW_SMALL_INT(host_read(file, position(n_args, args), buffer.buf, buffer.len) ? 0 : -MP_EIO);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    return MP_OBJ_NEW_SMALL_INT(host_write(file, position(n_args, args), buffer.buf, buffer.len) ? 0 : -MP_EIO);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t request, mp_obj_t arg) {
    switch (mp_obj_get_int(request)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(host_size(file) / BLOCK_BYTES);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_BYTES);
        default:
            return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(flash_dict, flash_table);
static MP_DEFINE_CONST_OBJ_TYPE(flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE, make_new, flash_make_new, locals_dict, &flash_dict);
static const mp_obj_base_t flash = {&flash_type};

#if MICROPY_PY_SSL
// Returns (bytes that TLS holds, the most that it held since the last call).
static mp_obj_t mps2_tls_memory(void) {
    size_t held, most;
    tls_memory_get(&held, &most);
    mp_obj_t tuple[2] = {mp_obj_new_int(held), mp_obj_new_int(most)};
    return mp_obj_new_tuple(2, tuple);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mps2_tls_memory_obj, mps2_tls_memory);
#endif

static const mp_rom_map_elem_t mps2_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_mps2) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type) },
    #if MICROPY_PY_SSL
    { MP_ROM_QSTR(MP_QSTR_tls_memory), MP_ROM_PTR(&mps2_tls_memory_obj) },
    #endif
};
static MP_DEFINE_CONST_DICT(mps2_dict, mps2_table);
const mp_obj_module_t mps2_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&mps2_dict };
MP_REGISTER_MODULE(MP_QSTR_mps2, mps2_module);
