/* Preloaded into a server under test: counts, records, fails or dies at the calls that change files below one folder.
 *
 * The test shares two files with it: CRASH_CONTROL, mapped by both sides (struct Control; tests/crash/shim.py writes
 * it), and CRASH_LOG, one record a call while Control.record is set. One mutex around each watched call keeps the order
 * of the records that of the calls. The work itself is done by plain system calls, so nothing here depends on the C
 * library's own way of doing them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Mode {
    modeOff,
    modeCount,
    modeKillBefore,
    modeKillAfter,
    modeKillHalfway,
    modeFail,
    modeFailFromHere,
    modeNoRoom
};
enum { pathOctets = 4096, prefixOctets = 512 };

struct Control {
    volatile int32_t mode;
    volatile int32_t target;    /* the call it is about, from 1 */
    volatile int32_t error;     /* errno of modeFail, modeFailFromHere, modeNoRoom */
    volatile int32_t withReads; /* opening to read counts too */
    volatile int32_t record;
    volatile int32_t count;   /* calls so far */
    volatile int32_t reached; /* the target was reached */
    int32_t reserved;
    char prefix[prefixOctets];
};

static struct Control* control;
static int logFile = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* One watched call, from enter() to leave(). */
struct Call {
    const char* name;
    char path[pathOctets];
    char other[pathOctets];
    bool isWatched;
    bool isTarget;
};

__attribute__((constructor)) static void attach(void) {
    const char* controlPath = getenv("CRASH_CONTROL");
    const char* logPath = getenv("CRASH_LOG");
    if (!controlPath || !logPath) return;
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, controlPath, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void* place = mmap(NULL, sizeof(struct Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (place == MAP_FAILED) return;
    logFile = (int)syscall(SYS_openat, AT_FDCWD, logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    control = place;
}

static bool isArmed(void) {
    return control && (control->mode != modeOff || control->record);
}

static void putPath(char* out, const char* path) {
    const size_t octets = strnlen(path, pathOctets - 1);
    memcpy(out, path, octets);
    out[octets] = '\0';
}

static void pathOfDescriptor(int fd, char* out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t octets = readlink(link, out, pathOctets - 1);
    out[octets > 0 ? octets : 0] = '\0';
}

static void absolute(int directory, const char* path, char* out) {
    if (path[0] == '/') {
        putPath(out, path);
        return;
    }
    char base[pathOctets];
    if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = '\0';
    } else {
        pathOfDescriptor(directory, base);
    }
    const size_t octets = strlen(base);
    putPath(out, base);
    snprintf(out + octets, pathOctets - octets, "/%s", path);
}

static bool isBelow(const char* path) {
    const size_t octets = strnlen(control->prefix, prefixOctets);
    return octets > 0 && strncmp(path, control->prefix, octets) == 0;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* On a disk that takes nothing more; a file that stays in its mailbox keeps its room, but tmp/ has to grow for one. */
static bool needsRoom(const struct Call* call) {
    if (strcmp(call->name, "rename") == 0) return strstr(call->other, "/tmp/") != NULL;
    return strcmp(call->name, "create") == 0 || strcmp(call->name, "write") == 0 || strcmp(call->name, "mkdir") == 0 ||
           strcmp(call->name, "link") == 0;
}

/* False: the call fails with errno as it stands. */
static bool enter(struct Call* call) {
    const int before = errno;
    call->isTarget = false;
    call->isWatched = isBelow(call->path) || isBelow(call->other);
    if (!call->isWatched) return true;
    pthread_mutex_lock(&mutex);
    const int number = ++control->count;
    const int mode = control->mode;
    call->isTarget = number == control->target;
    /* What takes away still works on a disk that takes nothing more: else no error could ever be undone. */
    const bool undoes = strcmp(call->name, "unlink") == 0 || strcmp(call->name, "truncate") == 0;
    const bool fails = (mode == modeFail && call->isTarget) ||
                       (mode == modeFailFromHere && number >= control->target && (call->isTarget || !undoes)) ||
                       (mode == modeNoRoom && needsRoom(call));
    if (call->isTarget) control->reached = 1;
    if (call->isTarget && mode == modeKillBefore) die();
    errno = before;
    if (fails) {
        errno = control->error;
        pthread_mutex_unlock(&mutex);
    }
    return !fails;
}

static void writeLog(const char* octets, size_t length) {
    while (length > 0) {
        const ssize_t written = syscall(SYS_write, logFile, octets, length);
        if (written <= 0) return;
        octets += written;
        length -= (size_t)written;
    }
}

static void record(const char* name, long result, uint64_t inode, long long offset, const char* path, const char* other,
                   const void* data, size_t length) {
    char line[2 * pathOctets + 256];
    const int octets = snprintf(line, sizeof line, "%s\t%ld\t%llu\t%lld\t%zu\t%s\t%s\n", name, result,
                                (unsigned long long)inode, offset, length, path, other);
    if (octets > 0) writeLog(line, (size_t)octets);
    if (length > 0) writeLog(data, length);
}

static void leave(struct Call* call, long result, uint64_t inode, long long offset, const void* data, size_t length) {
    if (!call->isWatched) return;
    const int after = errno;
    if (control->record) record(call->name, result, inode, offset, call->path, call->other, data, length);
    if (call->isTarget && (control->mode == modeKillAfter || control->mode == modeKillHalfway)) die();
    pthread_mutex_unlock(&mutex);
    errno = after;
}

static uint64_t inodeOf(int fd) {
    struct stat status;
    const int before = errno;
    const bool isKnown = fd >= 0 && fstat(fd, &status) == 0;
    errno = before;
    return isKnown ? (uint64_t)status.st_ino : 0;
}

static int doOpen(int directory, const char* path, int flags, mode_t mode) {
    const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
    if (!isArmed() || (!changes && !control->withReads)) return (int)syscall(SYS_openat, directory, path, flags, mode);
    struct Call call = {.name = changes ? "create" : "open"};
    absolute(directory, path, call.path);
    if (!enter(&call)) return -1;
    struct stat status;
    const bool isNew = call.isWatched && fstatat(AT_FDCWD, call.path, &status, AT_SYMLINK_NOFOLLOW) != 0;
    const int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
    leave(&call, fd < 0 ? -1 : (changes && isNew), inodeOf(fd), (flags & O_TRUNC) ? 1 : 0, NULL, 0);
    return fd;
}

#define MODE_OF(flags, mode)               \
    mode_t mode = 0;                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list arguments;                 \
        va_start(arguments, flags);        \
        mode = va_arg(arguments, mode_t);  \
        va_end(arguments);                 \
    }

int open(const char* path, int flags, ...) {
    MODE_OF(flags, mode)
    return doOpen(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    MODE_OF(flags, mode)
    return doOpen(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
    MODE_OF(flags, mode)
    return doOpen(directory, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
    MODE_OF(flags, mode)
    return doOpen(directory, path, flags, mode);
}
int creat(const char* path, mode_t mode) {
    return doOpen(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* at: where it goes, or -1 for the descriptor's own place. */
static ssize_t doWrite(int fd, const void* data, size_t length, off_t at) {
    const bool isPlaced = at >= 0;
    struct stat status;
    if (!isArmed() || fstat(fd, &status) != 0) status.st_mode = 0;
    if (S_ISSOCK(status.st_mode) && control->record) {
        pthread_mutex_lock(&mutex);
        record("send", 0, 0, 0, "", "", data, length < 4096 ? length : 4096);
        pthread_mutex_unlock(&mutex);
    }
    if (!S_ISREG(status.st_mode)) {
        return isPlaced ? syscall(SYS_pwrite64, fd, data, length, at) : syscall(SYS_write, fd, data, length);
    }
    struct Call call = {.name = "write"};
    pathOfDescriptor(fd, call.path);
    if (!enter(&call)) return -1;
    if (call.isTarget && control->mode == modeKillHalfway) length /= 2;
    long long offset = at;
    if (fcntl(fd, F_GETFL) & O_APPEND) {
        if (fstat(fd, &status) == 0) offset = status.st_size;
    } else if (!isPlaced) {
        offset = lseek(fd, 0, SEEK_CUR);
    }
    const ssize_t written =
        isPlaced ? syscall(SYS_pwrite64, fd, data, length, at) : syscall(SYS_write, fd, data, length);
    leave(&call, written, inodeOf(fd), offset, data, written > 0 ? (size_t)written : 0);
    return written;
}

ssize_t write(int fd, const void* data, size_t length) {
    return doWrite(fd, data, length, -1);
}
ssize_t pwrite(int fd, const void* data, size_t length, off_t at) {
    return doWrite(fd, data, length, at);
}
ssize_t pwrite64(int fd, const void* data, size_t length, off64_t at) {
    return doWrite(fd, data, length, at);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
    struct stat status;
    if (!isArmed() || count == 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return syscall(SYS_writev, fd, parts, count);
    }
    return doWrite(fd, parts[0].iov_base, parts[0].iov_len, -1); /* a short write, which callers expect */
}
ssize_t send(int fd, const void* data, size_t length, int flags) {
    if (isArmed() && control->record) {
        pthread_mutex_lock(&mutex);
        record("send", 0, 0, 0, "", "", data, length < 4096 ? length : 4096);
        pthread_mutex_unlock(&mutex);
    }
    return syscall(SYS_sendto, fd, data, length, flags, NULL, 0);
}

/* Calls on a descriptor that carry one number at most. */
static int onDescriptor(const char* name, int fd, long number, long first, long second, long value) {
    if (!isArmed()) return (int)syscall(number, fd, first, second);
    struct Call call = {.name = name};
    pathOfDescriptor(fd, call.path);
    if (!enter(&call)) return -1;
    const int result = (int)syscall(number, fd, first, second);
    leave(&call, result, inodeOf(fd), value, NULL, 0);
    return result;
}

int fsync(int fd) {
    return onDescriptor("fsync", fd, SYS_fsync, 0, 0, 0);
}
int fdatasync(int fd) {
    return onDescriptor("fsync", fd, SYS_fdatasync, 0, 0, 0);
}
int syncfs(int fd) {
    return onDescriptor("syncfs", fd, SYS_syncfs, 0, 0, 0);
}
int ftruncate(int fd, off_t length) {
    return onDescriptor("truncate", fd, SYS_ftruncate, length, 0, length);
}
int ftruncate64(int fd, off64_t length) {
    return onDescriptor("truncate", fd, SYS_ftruncate, length, 0, length);
}
int fchmod(int fd, mode_t mode) {
    return onDescriptor("chmod", fd, SYS_fchmod, (long)mode, 0, 0);
}
int fchown(int fd, uid_t user, gid_t group) {
    return onDescriptor("chown", fd, SYS_fchown, (long)user, (long)group, 0);
}

static int doTimes(int directory, const char* path, const struct timespec times[2], int flags) {
    if (!isArmed()) return (int)syscall(SYS_utimensat, directory, path, times, flags);
    struct Call call = {.name = "times"};
    if (path) {
        absolute(directory, path, call.path);
    } else {
        pathOfDescriptor(directory, call.path);
    }
    if (!enter(&call)) return -1;
    const int result = (int)syscall(SYS_utimensat, directory, path, times, flags);
    leave(&call, result, 0, 0, NULL, 0);
    return result;
}

int futimens(int fd, const struct timespec times[2]) {
    return doTimes(fd, NULL, times, 0);
}
int utimensat(int directory, const char* path, const struct timespec times[2], int flags) {
    return doTimes(directory, path, times, flags);
}

static int doRename(int fromAt, const char* from, int toAt, const char* to, unsigned flags) {
    if (!isArmed()) return (int)syscall(SYS_renameat2, fromAt, from, toAt, to, flags);
    struct Call call = {.name = "rename"};
    absolute(fromAt, from, call.path);
    absolute(toAt, to, call.other);
    if (!enter(&call)) return -1;
    const int result = (int)syscall(SYS_renameat2, fromAt, from, toAt, to, flags);
    leave(&call, result, 0, 0, NULL, 0);
    return result;
}

int rename(const char* from, const char* to) {
    return doRename(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int fromAt, const char* from, int toAt, const char* to) {
    return doRename(fromAt, from, toAt, to, 0);
}
int renameat2(int fromAt, const char* from, int toAt, const char* to, unsigned flags) {
    return doRename(fromAt, from, toAt, to, flags);
}

int linkat(int fromAt, const char* from, int toAt, const char* to, int flags) {
    if (!isArmed()) return (int)syscall(SYS_linkat, fromAt, from, toAt, to, flags);
    struct Call call = {.name = "link"};
    absolute(fromAt, from, call.path);
    absolute(toAt, to, call.other);
    if (!enter(&call)) return -1;
    const int result = (int)syscall(SYS_linkat, fromAt, from, toAt, to, flags);
    leave(&call, result, 0, 0, NULL, 0);
    return result;
}
int link(const char* from, const char* to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int directory, const char* path, int flags) {
    if (!isArmed()) return (int)syscall(SYS_unlinkat, directory, path, flags);
    struct Call call = {.name = "unlink"};
    absolute(directory, path, call.path);
    if (!enter(&call)) return -1;
    const int result = (int)syscall(SYS_unlinkat, directory, path, flags);
    leave(&call, result, 0, 0, NULL, 0);
    return result;
}
int unlink(const char* path) {
    return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char* path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char* path) {
    const int before = errno;
    if (unlink(path) == 0) return 0;
    if (errno != EISDIR && errno != EPERM) return -1;
    errno = before;
    return rmdir(path);
}

int mkdirat(int directory, const char* path, mode_t mode) {
    if (!isArmed()) return (int)syscall(SYS_mkdirat, directory, path, mode);
    struct Call call = {.name = "mkdir"};
    absolute(directory, path, call.path);
    if (!enter(&call)) return -1;
    const int result = (int)syscall(SYS_mkdirat, directory, path, mode);
    struct stat status = {0};
    const int after = errno;
    if (result == 0) (void)!stat(call.path, &status);
    errno = after;
    leave(&call, result, (uint64_t)status.st_ino, 0, NULL, 0);
    return result;
}
int mkdir(const char* path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}
