/* A driver's library that does what the file named by STUB_STATE says:
 *   ok     two H200; the second is divided, with instances at places 0 and 2
 *   busy   the same at work: each uses 500 J from one read to the next, and the power limit holds
 *          the first one down for half of the time
 *   xid    the same, and one error 63 of the first GPU
 *   lost   the second GPU has fallen off the bus, with an error 79 that does not say of whom
 *   hang   the power of the first GPU is never told
 *   none   no GPU
 * Only what is asked of it is here; what is not is a missing symbol, as with an old driver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, TOO_SMALL = 7, TIMEOUT = 10, LOST = 15 };

typedef struct { int index, place; } Device; /* place -1: the whole GPU */
static Device whole[2] = {{0, -1}, {1, -1}};
static Device parts[2] = {{1, 0}, {1, 2}};

static int is(const char *word) {
    char line[16] = "";
    const char *path = getenv("STUB_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) { fgets(line, sizeof line, file); fclose(file); }
    line[strcspn(line, "\n")] = 0;
    return strcmp(line, word) == 0;
}
static int gone(const Device *device) { return device->index == 1 && is("lost"); }
/* What only a whole GPU that is there tells. */
static int check(const Device *device) {
    return gone(device) ? LOST : device->place >= 0 ? NOT_SUPPORTED : OK;
}
#define CHECK(device) do { int code = check(device); if (code) return code; } while (0)

/* Leaves a trace beside the file. */
int nvmlInit_v2(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s.loaded", getenv("STUB_STATE"));
    FILE *file = fopen(path, "w");
    if (file) fclose(file);
    return OK;
}
int nvmlShutdown(void) { return OK; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.95.05"); return OK; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = is("none") ? 0 : 2; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **device) {
    if (index > 1) return INVALID;
    *device = &whole[index];
    return gone(*device) ? LOST : OK;
}
int nvmlDeviceGetUUID(Device *device, char *text, unsigned size) {
    if (gone(device)) return LOST;
    if (device->place < 0) snprintf(text, size, "GPU-%d", device->index);
    else snprintf(text, size, "MIG-%d-%d", device->index, device->place);
    return OK;
}
int nvmlDeviceGetName(Device *device, char *text, unsigned size) {
    snprintf(text, size, device->place < 0 ? "NVIDIA H200" : "NVIDIA H200 MIG 1g.18gb");
    return gone(device) ? LOST : OK;
}

typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;
int nvmlDeviceGetMemoryInfo_v2(Device *device, Memory *memory) {
    if (gone(device)) return LOST;
    memory->total = device->place < 0 ? 150000000000ull : 18000000000ull;
    memory->used = device->place < 0 ? 90000000000ull + device->index : 5000000000ull + device->place;
    return OK;
}
int nvmlDeviceGetUtilizationRates(Device *device, unsigned *rates) {
    CHECK(device);
    rates[0] = 97; rates[1] = 40;
    return device->index == 0 ? OK : NOT_SUPPORTED;
}
int nvmlDeviceGetPowerUsage(Device *device, unsigned *milliwatts) {
    while (device->index == 0 && is("hang")) usleep(20000);
    CHECK(device);
    *milliwatts = 612500 + device->index;
    return OK;
}
/* The first GPU has no enforced limit: its management's is taken. */
int nvmlDeviceGetEnforcedPowerLimit(Device *device, unsigned *limit) {
    CHECK(device);
    *limit = 700000;
    return device->index == 0 ? NOT_SUPPORTED : OK;
}
int nvmlDeviceGetPowerManagementLimit(Device *device, unsigned *limit) {
    CHECK(device);
    *limit = 650000;
    return OK;
}
int nvmlDeviceGetTemperature(Device *device, int sensor, unsigned *celsius) {
    CHECK(device);
    *celsius = 61 + sensor;
    return OK;
}
int nvmlDeviceGetClockInfo(Device *device, int clock, unsigned *mhz) {
    CHECK(device);
    *mhz = clock == 1 ? 1980 : clock == 2 ? 3201 : 0;
    return OK;
}
int nvmlDeviceGetTotalEnergyConsumption(Device *device, unsigned long long *millijoules) {
    static unsigned long long used[2];
    CHECK(device);
    if (is("busy")) used[device->index] += 500000;
    *millijoules = 7250000 + device->index + used[device->index];
    return OK;
}

/* The first GPU keeps times, but for reliability; the second says what holds it down. */
int nvmlDeviceGetViolationStatus(Device *device, int policy, unsigned long long *times) {
    CHECK(device);
    times[0] = 1;
    times[1] = (policy + 1) * 1500000000ull;
    if (policy == 0 && is("busy")) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        times[1] = (now.tv_sec * 1000000000ull + now.tv_nsec) / 2;
    }
    return device->index == 0 && policy < 5 ? OK : NOT_SUPPORTED;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device *device, unsigned long long *reasons) {
    CHECK(device);
    *reasons = device->index == 0 ? 0 : 4; /* software power cap */
    return OK;
}
int nvmlDeviceGetTotalEccErrors(Device *device, int kind, int counter, unsigned long long *count) {
    CHECK(device);
    *count = counter ? 1000 : kind ? 2 : 5;
    return OK;
}
typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, code;
    union { double d; unsigned u; unsigned long long ull; } value;
} Field;
int nvmlDeviceGetFieldValues(Device *device, int count, Field *fields) {
    CHECK(device);
    for (int at = 0; at < count; at++) {
        fields[at].type = 1;
        fields[at].code = fields[at].field == 142 || fields[at].field == 143 ? OK : NOT_SUPPORTED;
        fields[at].value.u = fields[at].field == 142 ? 3 : 1;
    }
    return OK;
}

int nvmlDeviceGetMigMode(Device *device, unsigned *current, unsigned *pending) {
    CHECK(device);
    *current = *pending = device->index;
    return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(Device *device, unsigned *count) {
    CHECK(device);
    *count = 7;
    return OK;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned place, Device **part) {
    CHECK(device);
    *part = &parts[place / 2];
    return place == 0 || place == 2 ? OK : NOT_FOUND;
}
typedef struct { unsigned pid; unsigned long long used; unsigned gpu, compute; } Process;
/* On the first GPU are who asks, who started it, two that have no name here, and one whose memory the
 * driver does not know. Who is on the second one may not be asked. Another without a name is in the
 * second instance, which the driver calls 9. */
int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned *count, Process *processes) {
    const unsigned nobody = 4194305, none = ~0u; /* above what the kernel numbers */
    Process first[] = {
        {getpid(), 40000000000ull, none, none}, {getppid(), 20000000000ull, none, none},
        {nobody, 3000000000ull, none, none}, {nobody + 1, 2000000000ull, none, none},
        {getpid(), ~0ull, none, none},
    };
    Process instance[] = {{nobody, 4000000000ull, 9, 0}};
    Process *there = device->place == 2 ? instance : first;
    unsigned number = device->place == 2 ? 1 : device->index == 0 ? 5 : 0;
    if (gone(device)) return LOST;
    if (device->index == 1 && device->place < 0) return NO_PERMISSION;
    int room = processes && *count >= number;
    if (room) memcpy(processes, there, number * sizeof *there);
    *count = number;
    return room || number == 0 ? OK : TOO_SMALL;
}

/* The averages of two samples that follow each other are others than those of two that do not. */
typedef struct { int of; unsigned number; } Sample;
static unsigned taken[16];
typedef struct {
    unsigned id; int code; double value;
    struct { char *brief, *full, *unit; } info;
} Metric;
typedef struct { unsigned version, count; Sample *first, *second; Metric metrics[1]; } Metrics;
int nvmlGpmQueryDeviceSupport(Device *device, unsigned *support) {
    CHECK(device);
    support[1] = 1;
    return OK;
}
int nvmlGpmSampleAlloc(Sample **sample) { *sample = calloc(1, sizeof **sample); return OK; }
int nvmlGpmSampleFree(Sample *sample) { free(sample); return OK; }
int nvmlGpmSampleGet(Device *device, Sample *sample) {
    CHECK(device);
    if (device->index == 1) return NOT_SUPPORTED;
    sample->of = 0;
    sample->number = ++taken[0];
    return OK;
}
int nvmlGpmMigSampleGet(Device *device, unsigned instance, Sample *sample) {
    CHECK(device);
    if (device->index != 1 || instance != 9) return INVALID;
    sample->of = 9;
    sample->number = ++taken[9];
    return OK;
}
/* Traffic in MiB a second, which only the whole of a GPU tells. */
static int tells(const Sample *sample, unsigned id) {
    return id != 10 && (id < 20 || sample->of == 0); /* no DRAM here */
}
static double average(const Sample *sample, unsigned id, int follow) {
    switch (id) {
    case 2: return follow ? 42.5 : 30;
    case 3: return 12.5;
    case 20: return 2048; /* PCIe, from the GPU */
    case 21: return 512;
    case 60: return 250000; /* NVLink, to the GPU */
    case 61: return 0;
    default: return sample->of;
    }
}
int nvmlGpmMetricsGet(Metrics *request) {
    int same = request->second->of == request->first->of;
    int follow = request->second->number == request->first->number + 1;
    int after = same && request->second->number > request->first->number;
    for (unsigned at = 0; at < request->count; at++) {
        Metric *metric = &request->metrics[at];
        metric->code = after && tells(request->second, metric->id) ? OK : NOT_SUPPORTED;
        metric->value = average(request->second, metric->id, follow);
    }
    return OK;
}

typedef struct { Device *device; unsigned long long type, data; unsigned gpu, compute; } Event;
int nvmlEventSetCreate(int **set) { *set = calloc(1, sizeof **set); return OK; }
int nvmlEventSetFree(int *set) { free(set); return OK; }
int nvmlDeviceGetSupportedEventTypes(Device *device, unsigned long long *types) {
    CHECK(device);
    *types = 8;
    return OK;
}
int nvmlDeviceRegisterEvents(Device *device, unsigned long long types, int *set) {
    CHECK(device);
    (void)set;
    return types == 8 ? OK : INVALID;
}
int nvmlEventSetWait_v2(int *set, Event *event, unsigned milliseconds) {
    static int sent[2];
    int lost = is("lost");
    (void)set;
    if ((lost || is("xid")) && !sent[lost]) {
        Event error = {&whole[lost], 8, lost ? 79 : 63, 0, 0};
        sent[lost] = 1;
        *event = error;
        return OK;
    }
    usleep(milliseconds * 1000);
    return TIMEOUT;
}
