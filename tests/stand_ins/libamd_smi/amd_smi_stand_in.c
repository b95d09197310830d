/* A stand-in for libamd_smi.so: the functions that a meter calls, answering from a control file that AMD_SMI_STAND_IN
 * names, read again at every call. Layouts are those of the Python package amdsmi 7.0.2 (its generated wrapper).
 * Every other function of the library is a stub that answers "not supported" (amd_smi_stand_in.py writes them: the
 * package binds each of them when it is imported).
 *
 *   mode=ok | not_loaded | no_data | not_init | hang    (hang: every call waits until the mode changes)
 *   unsupported=amdsmi_get_energy_count,...      these functions answer "not supported"
 *   gpus=2                                       one socket each
 *   partitions=1                                 so many neighbours are partitions of one GPU: they share its ids
 *   hip_id0=
 *   name0= vram_total0_mb= vram_used0_mb= power0_w= activity0_percent= energy0_ticks= processes0=123:1048576
 */
#include <stdint.h>
#include <unistd.h>

#define CONTROL_FILE "AMD_SMI_STAND_IN"
#include "../control_file.h"

enum { OK = 0, INVALID = 1, NOT_SUPPORTED = 2, NOT_INIT = 32, NOT_LOADED = 34, NO_DATA = 40 };
enum { GPUS = 8, AMD_GPU = 1 };

typedef struct { uint64_t socket_power; uint32_t current, average; uint64_t gfx_mv, soc_mv, mem_mv; uint32_t limit;
                 uint64_t reserved[18]; } Power;
typedef struct { uint32_t total_mb, used_mb, reserved[2]; } Vram;
typedef struct { uint32_t gfx, umc, mm, reserved[13]; } Activity;
typedef struct { char market_name[256]; uint32_t vendor_id; char vendor_name[256]; uint32_t subvendor_id;
                 uint64_t device_id; uint32_t rev_id; char serial[256]; uint32_t oam_id, compute_units;
                 uint64_t graphics_version; uint32_t subsystem_id, reserved[21]; } Asic;
typedef struct { char name[256]; uint32_t pid; uint64_t mem; uint64_t gfx, enc; uint32_t engine_reserved[12];
                 uint64_t gtt, cpu, vram; uint32_t memory_reserved[10]; char container[256]; uint32_t cu_occupancy;
                 uint32_t reserved[11]; } Process;

typedef struct { uint32_t render, card, hsa_id, hip_id; char hip_uuid[256]; } Enumeration;

static int initialised;
static char handles[GPUS];

static long long of_handle(const char *format, void *handle, long long otherwise) {
    return of_gpu(format, (int)((char *)handle - handles), otherwise);
}

static int mood(const char *function) {
    char value[1024];
    while (setting("mode", value, sizeof value) && !strcmp(value, "hang")) usleep(10000);
    if (!setting("mode", value, sizeof value)) strcpy(value, "ok");
    if (!strcmp(value, "not_loaded")) { initialised = 0; return NOT_LOADED; }
    if (!strcmp(value, "no_data")) return NO_DATA;
    if (!strcmp(value, "not_init")) return NOT_INIT;
    if (!initialised && strcmp(function, "amdsmi_init")) return NOT_INIT;
    return named("unsupported", function) ? NOT_SUPPORTED : OK;
}
#define MOOD() do { int answer = mood(__func__); if (answer) return answer; } while (0)

int amdsmi_init(uint64_t flags) { (void)flags; MOOD(); initialised++; return OK; }
int amdsmi_shut_down(void) { MOOD(); initialised--; return OK; }
void amdsmi_free_name_value_pairs(void *pairs) { (void)pairs; }

int amdsmi_get_socket_handles(uint32_t *count, void **found) {
    MOOD();
    *count = number("gpus", 2);
    for (uint32_t gpu = 0; found && gpu < *count; gpu++) found[gpu] = &handles[gpu];
    return OK;
}
int amdsmi_get_processor_handles(void *socket, uint32_t *count, void **found) {
    MOOD();
    *count = 1;
    if (found) found[0] = socket;
    return OK;
}
int amdsmi_get_processor_type(void *handle, int *type) { (void)handle; MOOD(); *type = AMD_GPU; return OK; }

int amdsmi_get_gpu_device_uuid(void *handle, uint32_t *length, char *uuid) {
    MOOD();
    snprintf(uuid, *length, "%02xff74a1-0000-1000-80c1-d3d10b1c2a3%d", (int)((char *)handle - handles) + 0x60,
             (int)((char *)handle - handles));
    return OK;
}
int amdsmi_get_gpu_asic_info(void *handle, Asic *asic) {
    char key[64];
    MOOD();
    memset(asic, 0, sizeof *asic);
    snprintf(key, sizeof key, "name%d", (int)((char *)handle - handles));
    if (!setting(key, asic->market_name, sizeof asic->market_name)) strcpy(asic->market_name, "AMD Instinct MI300X");
    strcpy(asic->vendor_name, "Advanced Micro Devices Inc. [AMD/ATI]");
    snprintf(asic->serial, sizeof asic->serial, "0x%02dFF74A1D3D10B1C",
             (int)((char *)handle - handles) / (int)number("partitions", 1) + 60);
    asic->vendor_id = 0x1002; asic->device_id = 0x74a1; asic->compute_units = 304; asic->graphics_version = 0x942;
    return OK;
}
int amdsmi_get_gpu_enumeration_info(void *handle, Enumeration *info) {
    MOOD();
    memset(info, 0, sizeof *info);
    info->hip_id = of_handle("hip_id%d", handle, (int)((char *)handle - handles));
    snprintf(info->hip_uuid, sizeof info->hip_uuid, "GPU-%02dff74a1d3d10b1c",
             (int)((char *)handle - handles) / (int)number("partitions", 1) + 60);
    return OK;
}
int amdsmi_get_gpu_vram_usage(void *handle, Vram *vram) {
    MOOD();
    vram->total_mb = of_handle("vram_total%d_mb", handle, 196592);
    vram->used_mb = of_handle("vram_used%d_mb", handle, 283);
    return OK;
}
int amdsmi_get_power_info(void *handle, Power *power) {
    MOOD();
    memset(power, 0, sizeof *power);
    power->socket_power = power->current = of_handle("power%d_w", handle, 132);
    power->average = power->gfx_mv = power->soc_mv = power->mem_mv = 0xFFFF; /* how MI300X says "not available" */
    power->limit = 750;
    return OK;
}
int amdsmi_get_energy_count(void *handle, uint64_t *ticks, float *microjoules_per_tick, uint64_t *nanoseconds) {
    MOOD();
    *ticks = of_handle("energy%d_ticks", handle, 1000000);
    *microjoules_per_tick = 15.259F;
    *nanoseconds = 1;
    return OK;
}
int amdsmi_get_gpu_activity(void *handle, Activity *activity) {
    MOOD();
    memset(activity, 0, sizeof *activity);
    activity->gfx = of_handle("activity%d_percent", handle, 0);
    activity->umc = activity->mm = 0xFFFF;
    return OK;
}
int amdsmi_get_gpu_process_list(void *handle, uint32_t *count, Process *list) {
    char key[64], value[1024];
    uint32_t room = *count, found = 0;
    MOOD();
    snprintf(key, sizeof key, "processes%d", (int)((char *)handle - handles));
    if (!setting(key, value, sizeof value)) value[0] = 0;
    for (char *each = strtok(value, ","); each && found < room; each = strtok(NULL, ","), found++) {
        memset(&list[found], 0, sizeof list[found]);
        snprintf(list[found].name, sizeof list[found].name, "python3");
        list[found].pid = atoi(each);
        list[found].mem = list[found].vram = strchr(each, ':') ? atoll(strchr(each, ':') + 1) : 0;
    }
    *count = found;
    return OK;
}
