// What is network.LAN?  lwIP over the Ethernet controller, with DHCP.  docs/library/network.LAN.rst; lwIP's doc/rawapi.txt.
// Frames are taken and timers run by the scheduler, between two instructions of the program: never inside of lwIP.
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modnetwork.h"
#include "lan9118.h"
#include "network.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

static struct netif netif;
static uint32_t frame[(FRAME_BYTES + 3) / 4];
static mp_sched_node_t node;

static err_t send(struct netif *n, struct pbuf *p) {
    lan9118_send(frame, pbuf_copy_partial(p, frame, FRAME_BYTES, 0));
    return ERR_OK;
}

static err_t begin(struct netif *n) {
    n->name[0] = 'e';
    n->name[1] = 'n';
    n->linkoutput = send;
    n->output = etharp_output;
    n->mtu = 1500;
    n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    n->hwaddr_len = sizeof(n->hwaddr);
    lan9118_address(n->hwaddr);
    return ERR_OK;
}

void network_start(void) {
    lan9118_start();
    lwip_init();
    netif_add_noaddr(&netif, NULL, begin, ethernet_input);
    netif_set_default(&netif);
}

static void poll(mp_sched_node_t *self) {
    size_t size;
    while ((size = lan9118_receive(frame)) > 0) {
        struct pbuf *p = pbuf_alloc(PBUF_RAW, size, PBUF_POOL);
        if (p == NULL) {
            break; // the frame is lost, as on any network
        }
        pbuf_take(p, frame, size);
        if (netif.input(p, &netif) != ERR_OK) {
            pbuf_free(p);
        }
    }
    sys_check_timeouts();
}

void network_tick(void) {
    mp_sched_schedule_node(&node, poll);
}

u32_t sys_now(void) {
    return mp_hal_ticks_ms();
}

static const mp_obj_base_t lan;

static mp_obj_t lan_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&lan);
}

static mp_obj_t lan_active(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return mp_obj_new_bool(netif_is_up(&netif));
    }
    if (mp_obj_is_true(args[1]) == (bool)netif_is_up(&netif)) {
        return mp_const_none;
    }
    if (netif_is_up(&netif)) {
        dhcp_release_and_stop(&netif);
        netif_set_down(&netif);
    } else {
        netif_set_up(&netif);
        dhcp_start(&netif);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lan_active_obj, 1, 2, lan_active);

static mp_obj_t lan_isconnected(mp_obj_t self_in) {
    return mp_obj_new_bool(!ip4_addr_isany(netif_ip4_addr(&netif)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(lan_isconnected_obj, lan_isconnected);

static mp_obj_t lan_ipconfig(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    return mod_network_nic_ipconfig(&netif, n_args - 1, args + 1, kw_args);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lan_ipconfig_obj, 1, lan_ipconfig);

static const mp_rom_map_elem_t lan_table[] = {
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&lan_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_isconnected), MP_ROM_PTR(&lan_isconnected_obj) },
    { MP_ROM_QSTR(MP_QSTR_ipconfig), MP_ROM_PTR(&lan_ipconfig_obj) },
};
static MP_DEFINE_CONST_DICT(lan_dict, lan_table);
MP_DEFINE_CONST_OBJ_TYPE(network_lan_type, MP_QSTR_LAN, MP_TYPE_FLAG_NONE, make_new, lan_make_new, locals_dict, &lan_dict);

static const mp_obj_base_t lan = {&network_lan_type};
