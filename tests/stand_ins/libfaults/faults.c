/* Preloaded into a process: a disk that fails or is slow below one folder, and a clock that jumps. What it does is read
 * at every call from a file of three numbers mapped into memory (FAULTS_CONTROL): the errno of every write below the
 * folder (0: none), milliseconds that each write and each flush takes, seconds by which the wall clock is wrong. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *control;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CONTROL");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY) : -1;
    folder = getenv("FAULTS_FOLDER") ? strdup(getenv("FAULTS_FOLDER")) : NULL; /* a process title may overwrite the original */
    if (file < 0) return;
    void *mapped = mmap(NULL, 24, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(file);
}

static int below(const char *path) { return control && folder && *folder && path && !strncmp(path, folder, strlen(folder)); }

/* What writing below the folder does now: waits, and 0 or an errno. */
static int disk(void) {
    int64_t wait = control[1];
    if (wait > 0) usleep((useconds_t)(wait * 1000));
    return (int)control[0];
}

static int failing(int file) {
    char link[64], path[4096];
    if (!control || (!control[0] && !control[1])) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path) ? disk() : 0;
}

#define FAIL_OR(file) do { int why = failing(file); if (why) { errno = why; return -1; } } while (0)

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) { FAIL_OR(file); return syscall(SYS_pwrite64, file, bytes, size, at); }
ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }
ssize_t write(int file, const void *bytes, size_t size) { FAIL_OR(file); return syscall(SYS_write, file, bytes, size); }
int fsync(int file) { FAIL_OR(file); return (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { FAIL_OR(file); return (int)syscall(SYS_fdatasync, file); }
int ftruncate64(int file, off64_t size) { FAIL_OR(file); return (int)syscall(SYS_ftruncate, file, size); }
int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

static int opened(const char *path, int flags, mode_t mode) {
    if (below(path) && (flags & (O_WRONLY | O_RDWR | O_CREAT))) {
        int why = disk();
        if (why == EROFS || (why && (flags & O_CREAT) && access(path, F_OK))) { errno = why; return -1; }
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPEN(name) int name(const char *path, int flags, ...) { va_list more; mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
    return opened(path, flags, mode); }
OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(which, now);
    if (!answer && control && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += control[2];
    return answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (where) *where = precise.tv_sec;
    return precise.tv_sec;
}
