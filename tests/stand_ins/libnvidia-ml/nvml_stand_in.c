/* A stand-in for libnvidia-ml.so.1: the functions that pynvml calls, answering from a control file that
 * NVML_STAND_IN names. The file is read again at every call, so a test can change the driver's mood at run time:
 *
 *   mode=ok | not_loaded | gpu_lost | unknown | hang      (hang: every call waits until the mode changes)
 *   hang_at=nvmlDeviceGetName,...         these functions alone wait until they are no longer named
 *   lost=1                                card 1 alone is lost
 *   lost_at=nvmlDeviceGetPowerUsage       the card is lost at this question, the ones before were answered
 *   unsupported=nvmlDeviceGetTotalEnergyConsumption,...   these functions answer "not supported"
 *   gpus=2
 *   name0= total0_mib= reserved0_mib= used0_mib= power0_mw= utilization0= energy0_mj= processes0=123:1048576,self:5
 *   limit0_mw=600000                      the highest power limit that may be set; half of it is in force
 *   answers_for0=1                        who asks for card 0 by its UUID is answered for card 1
 *   capability0=8 slices0=7               the major compute capability, and the most MIG slices that card 0 may have
 *                                         Numbers are cut to NVML's own widths as C cuts them: power0_mw=-1 is
 *                                         4294967295 mW. In a name, \xNN is a byte.
 *   drawing0=124:1048576                  as processes0, of those that draw
 *   name_of123=/usr/bin/python3           what process 123 is called; not found without it
 *   live_energy=1                         energy grows with power and time on top of energy0_mj
 *   mig0=2                                card 0 is in MIG mode with two slices of a seventh of its memory each
 */
#include <time.h>
#include <unistd.h>

#define CONTROL_FILE "NVML_STAND_IN"
#include "../control_file.h"

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       NOT_LOADED = 9, GPU_LOST = 15, UNKNOWN = 999 };
enum { CARDS = 8, SLICES = 7, MIB = 1 << 20 };

typedef struct { int card, slice; } Device; /* slice -1: the whole card */
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned int gpu, memory; } Utilization;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu_instance, compute_instance; } Process;
typedef struct { unsigned int multiprocessors, copy, decoder, encoder, jpeg, ofa, gpu_slices, compute_slices;
                 unsigned long long memory_mib; } Attributes;

static Device devices[CARDS][SLICES + 1];
static int initialised;

/* The mood for one call of `function` on `device` (NULL: none). */
static int mood(const char *function, Device *device) {
    char value[1024];
    while ((setting("mode", value, sizeof value) && !strcmp(value, "hang")) || named("hang_at", function)) usleep(10000);
    if (!setting("mode", value, sizeof value)) strcpy(value, "ok");
    if (!strcmp(value, "not_loaded")) { initialised = 0; return NOT_LOADED; }
    if (!strcmp(value, "unknown")) return UNKNOWN;
    if (!initialised && strcmp(function, "nvmlInitWithFlags")) return UNINITIALIZED;
    if (device && (!strcmp(value, "gpu_lost") || number("lost", -1) == device->card)) return GPU_LOST;
    if (setting("lost_at", value, sizeof value) && !strcmp(value, function)) return GPU_LOST;
    return named("unsupported", function) ? NOT_SUPPORTED : OK;
}
#define MOOD(device) do { int answer = mood(__func__, device); if (answer) return answer; } while (0)

/* Counted as the real library counts: vLLM's own init and shutdown leave others' connections open. */
int nvmlInitWithFlags(unsigned int flags) { (void)flags; MOOD(NULL); initialised++; return OK; }
int nvmlShutdown(void) { MOOD(NULL); initialised--; return OK; }
const char *nvmlErrorString(int code) { (void)code; return "an error of the stand-in"; }
int nvmlSystemGetDriverVersion(char *text, unsigned int size) { MOOD(NULL); snprintf(text, size, "580.0"); return OK; }

int nvmlDeviceGetCount_v2(unsigned int *count) { MOOD(NULL); *count = number("gpus", 2); return OK; }

static Device *device_of(int card, int slice) {
    Device *device = &devices[card][slice + 1];
    device->card = card;
    device->slice = slice;
    return device;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, Device **device) {
    MOOD(NULL);
    if (index >= number("gpus", 2) || index >= CARDS) return INVALID;
    *device = device_of(index, -1);
    return OK;
}

static void uuid_of(int card, int slice, char *text, unsigned int size) {
    if (slice < 0) snprintf(text, size, "GPU-%d0000000-0000-0000-0000-00000000000%d", card + 1, card);
    else snprintf(text, size, "MIG-%d0000000-0000-0000-0000-00000000000%d", card + 1, slice);
}

int nvmlDeviceGetHandleByUUID(const char *uuid, Device **device) {
    char known[96];
    MOOD(NULL);
    for (int card = 0; card < number("gpus", 2) && card < CARDS; card++)
        for (int slice = -1; slice < of_gpu("mig%d", card, 0); slice++) {
            uuid_of(card, slice, known, sizeof known);
            if (!strcmp(known, uuid)) {
                *device = device_of(slice < 0 ? of_gpu("answers_for%d", card, card) : card, slice);
                return mood(__func__, *device);
            }
        }
    return NOT_FOUND;
}

int nvmlDeviceGetUUID(Device *device, char *text, unsigned int size) {
    MOOD(device);
    uuid_of(device->card, device->slice, text, size);
    return OK;
}

int nvmlDeviceGetName(Device *device, char *text, unsigned int size) {
    char key[16], value[96] = "NVIDIA GeForce RTX 4090";
    MOOD(device);
    snprintf(key, sizeof key, "name%d", device->card);
    setting(key, value, sizeof value);
    for (char *from = value; size > 1 && *from; size--)
        if (!strncmp(from, "\\x", 2)) {
            char digits[3] = {from[2], from[3], 0};
            *text++ = strtol(digits, NULL, 16);
            from += 4;
        } else *text++ = *from++;
    *text = 0;
    return OK;
}

int nvmlDeviceGetCudaComputeCapability(Device *device, int *major, int *minor) {
    MOOD(device);
    *major = of_gpu("capability%d", device->card, 8);
    *minor = 9;
    return OK;
}

static Memory2 memory_of(Device *device) {
    Memory2 memory = {0};
    long long parts = device->slice < 0 ? 1 : SLICES;
    memory.total = of_gpu("total%d_mib", device->card, 24564) * MIB / parts;
    memory.reserved = of_gpu("reserved%d_mib", device->card, 356) * MIB / parts;
    memory.used = of_gpu("used%d_mib", device->card, 1000) * MIB / parts;
    memory.free = memory.total - memory.reserved - memory.used;
    return memory;
}

int nvmlDeviceGetMemoryInfo_v2(Device *device, Memory2 *memory) {
    unsigned int version = memory->version;
    MOOD(device);
    *memory = memory_of(device);
    memory->version = version;
    return OK;
}

int nvmlDeviceGetMemoryInfo(Device *device, Memory *memory) {
    MOOD(device);
    Memory2 known = memory_of(device);
    memory->total = known.total;
    memory->free = known.free;
    memory->used = known.used + known.reserved;
    return OK;
}

/* The entries of `list` ("processes" compute, "drawing" draw) for the device's card. */
static int processes_of(Device *device, const char *list, unsigned int *count, Process *processes) {
    char key[16], value[1024] = "";
    unsigned int found = 0, room = *count;
    snprintf(key, sizeof key, "%s%d", list, device->card);
    setting(key, value, sizeof value);
    for (char *entry = strtok(value, ","); entry; entry = strtok(NULL, ","), found++) {
        char *colon = strchr(entry, ':');
        if (!processes || found >= room) continue;
        processes[found].pid = strncmp(entry, "self:", 5) ? (unsigned int)atoi(entry) : (unsigned int)getpid();
        processes[found].used = colon && colon[1] != '?' ? strtoull(colon + 1, NULL, 10) : ~0ULL; /* not told */
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned int *count, Process *processes) {
    MOOD(device);
    return processes_of(device, "processes", count, processes);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(Device *device, unsigned int *count, Process *processes) {
    MOOD(device);
    return processes_of(device, "drawing", count, processes);
}

int nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int size) {
    char key[16], value[1024];
    MOOD(NULL);
    snprintf(key, sizeof key, "name_of%u", pid);
    if (!setting(key, value, sizeof value)) return NOT_FOUND;
    snprintf(name, size, "%s", value);
    return OK;
}

int nvmlDeviceGetPowerUsage(Device *device, unsigned int *milliwatts) {
    MOOD(device);
    if (device->slice >= 0) return NOT_SUPPORTED;
    *milliwatts = of_gpu("power%d_mw", device->card, 100000);
    return OK;
}

int nvmlDeviceGetPowerManagementLimitConstraints(Device *device, unsigned int *lowest, unsigned int *highest) {
    MOOD(device);
    if (device->slice >= 0) return NOT_SUPPORTED;
    *lowest = 10000;
    *highest = of_gpu("limit%d_mw", device->card, 600000);
    return OK;
}

int nvmlDeviceGetEnforcedPowerLimit(Device *device, unsigned int *milliwatts) {
    MOOD(device);
    if (device->slice >= 0) return NOT_SUPPORTED;
    *milliwatts = of_gpu("limit%d_mw", device->card, 600000) / 2;
    return OK;
}

int nvmlDeviceGetUtilizationRates(Device *device, Utilization *rates) {
    MOOD(device);
    if (device->slice >= 0) return NOT_SUPPORTED;
    rates->gpu = of_gpu("utilization%d", device->card, 50);
    rates->memory = 10;
    return OK;
}

int nvmlDeviceGetTotalEnergyConsumption(Device *device, unsigned long long *millijoules) {
    static double start;
    struct timespec now;
    MOOD(device);
    if (device->slice >= 0) return NOT_SUPPORTED;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = now.tv_sec + now.tv_nsec / 1e9;
    if (!start) start = seconds;
    *millijoules = of_gpu("energy%d_mj", device->card, 5000000);
    if (number("live_energy", 0))
        *millijoules += (unsigned long long)((seconds - start) * of_gpu("power%d_mw", device->card, 100000));
    return OK;
}

int nvmlDeviceGetMigMode(Device *device, unsigned int *current, unsigned int *pending) {
    MOOD(device);
    *current = *pending = of_gpu("mig%d", device->card, 0) > 0;
    return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(Device *device, unsigned int *count) {
    MOOD(device);
    *count = of_gpu("slices%d", device->card, SLICES);
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned int index, Device **slice) {
    MOOD(device);
    if (index >= of_gpu("mig%d", device->card, 0)) return NOT_FOUND;
    *slice = device_of(device->card, index);
    return OK;
}

int nvmlDeviceGetGpuInstanceId(Device *device, unsigned int *id) { MOOD(device); *id = device->slice + 7; return OK; }
int nvmlDeviceGetComputeInstanceId(Device *device, unsigned int *id) { MOOD(device); *id = 0; return OK; }

int nvmlDeviceGetAttributes_v2(Device *device, Attributes *attributes) {
    MOOD(device);
    memset(attributes, 0, sizeof *attributes);
    attributes->multiprocessors = 14;
    attributes->gpu_slices = attributes->compute_slices = 1;
    attributes->memory_mib = memory_of(device).total / MIB;
    return OK;
}
