/* What wireguard_kernel.cc uses of the embeddable WireGuard library. C; the library's own header
 * lacks extern "C". See wireguard_embeddable.c for how its faults are fenced in. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#include "wireguard.h"

/* Before each wg_get_device and wg_set_device: such a call may open one socket. A get that finds
 * the device changing meanwhile then fails with -EINTR. */
void sixpn_wg_begin_call(void);

#ifdef __cplusplus
}
#endif
