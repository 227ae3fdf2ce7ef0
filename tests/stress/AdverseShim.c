/* Preloaded into a server under test: makes its circumstances worse. By environment:
 *
 * ADVERSE_HOLD=FILE      while FILE exists, a listing stops behind its first entry, once FILE.held is made, until FILE is
 *                        gone (30 s at most). What the first getdents(2) gave is listed as it was before, the rest as it
 *                        is afterwards.
 * ADVERSE_INOTIFY=init   inotify_init1(2) fails with EMFILE; =watches: inotify_add_watch(2) fails with ENOSPC; =silent: watches
 *                        are taken and tell nothing, as on a network file system that another machine changes.
 * ADVERSE_FILESYSTEM=0x6969  statfs(2) names this kind of file system.
 * ADVERSE_STEP=N         times of files have steps of N seconds.
 * ADVERSE_KINDS=unknown  readdir(3) does not tell of what kind an entry is (DT_UNKNOWN).
 * ADVERSE_HOURS=N        time(2) is N hours ahead.
 * ADVERSE_FAULT=FILE     while FILE exists, with "NUMBER PATH" in it, all calls that look at or open PATH, or what is below
 *                        it, fail with that errno. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdarg.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int isSetTo(const char* name, const char* value) {
    const char* const found = getenv(name);
    return found != NULL && strcmp(found, value) == 0;
}

static int listsCur(DIR* directory) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd(directory));
    const ssize_t octets = readlink(link, path, sizeof path - 1);
    if (octets < 4) return 0;
    path[octets] = '\0';
    return strcmp(path + octets - 4, "/cur") == 0;
}

static void holdHere(void) {
    const char* const file = getenv("ADVERSE_HOLD");
    char held[PATH_MAX];
    snprintf(held, sizeof held, "%s.held", file);
    const int fd = open(held, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    const struct timespec pause = {0, 1000000};
    for (int i = 0; i < 30000 && access(file, F_OK) == 0; ++i) nanosleep(&pause, NULL);
}

struct dirent* readdir(DIR* directory) {
    static struct dirent* (*next)(DIR*);
    if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "readdir");
    struct dirent* const entry = next(directory);
    const int before = errno;
    const char* const file = getenv("ADVERSE_HOLD");
    if (entry != NULL && entry->d_name[0] != '.' && file != NULL && access(file, F_OK) == 0 && listsCur(directory)) {
        holdHere();
    }
    if (entry != NULL && isSetTo("ADVERSE_KINDS", "unknown")) entry->d_type = DT_UNKNOWN;
    errno = before;
    return entry;
}

int inotify_init1(int flags) {
    if (isSetTo("ADVERSE_INOTIFY", "init")) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_inotify_init1, flags);
}

int inotify_add_watch(int fd, const char* path, uint32_t mask) {
    if (isSetTo("ADVERSE_INOTIFY", "watches")) {
        errno = ENOSPC;
        return -1;
    }
    if (isSetTo("ADVERSE_INOTIFY", "silent")) mask = IN_DELETE_SELF | IN_ONLYDIR;
    return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

int statfs(const char* path, struct statfs* system) {
    const int done = (int)syscall(SYS_statfs, path, system);
    const char* const kind = getenv("ADVERSE_FILESYSTEM");
    if (done == 0 && kind != NULL) system->f_type = strtol(kind, NULL, 0);
    return done;
}

static int coarse(int done, struct stat* status) {
    const char* const step = getenv("ADVERSE_STEP");
    if (done != 0 || step == NULL) return done;
    struct timespec* const times[] = {&status->st_mtim, &status->st_ctim};
    for (int i = 0; i < 2; ++i) {
        times[i]->tv_sec -= times[i]->tv_sec % atol(step);
        times[i]->tv_nsec = 0;
    }
    return done;
}

/* --- looking at files */

static void absolutePath(int directory, const char* path, char* into, size_t room) {
    char link[64];
    ssize_t octets = 0;
    if (path[0] != '/' && directory != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        octets = readlink(link, into, room - 2);
        if (octets < 0) octets = 0;
        into[octets++] = '/';
    }
    snprintf(into + octets, room - (size_t)octets, "%s", path);
}

/* The errno with which a call is to fail; 0: it is not. */
static int faultOf(int directory, const char* path) {
    const char* const file = getenv("ADVERSE_FAULT");
    if (file == NULL) return 0;
    const int before = errno;
    char text[PATH_MAX + 16], whole[2 * PATH_MAX];
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
    const ssize_t octets = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    errno = before;
    if (octets <= 0) return 0;
    text[octets] = '\0';
    char* fault = NULL;
    const int number = (int)strtol(text, &fault, 10);
    if (*fault++ != ' ') return 0;
    absolutePath(directory, path, whole, sizeof whole);
    const size_t length = strlen(fault);
    const int isMeant = strncmp(whole, fault, length) == 0 && (whole[length] == '/' || whole[length] == '\0');
    return isMeant ? number : 0;
}

static int fails(int directory, const char* path) {
    const int number = faultOf(directory, path);
    if (number != 0) errno = number;
    return number != 0;
}

int fstatat(int folder, const char* path, struct stat* status, int flags) {
    if (fails(folder, path)) return -1;
    return coarse((int)syscall(SYS_newfstatat, folder, path, status, flags), status);
}

int stat(const char* path, struct stat* status) {
    return fstatat(AT_FDCWD, path, status, 0);
}

int lstat(const char* path, struct stat* status) {
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat* status) {
    return coarse((int)syscall(SYS_fstat, fd, status), status);
}

time_t time(time_t* where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const char* const hours = getenv("ADVERSE_HOURS");
    const time_t moment = now.tv_sec + (hours != NULL ? 3600 * (time_t)atol(hours) : 0);
    if (where != NULL) *where = moment;
    return moment;
}

static int openBy(int directory, const char* path, int flags, va_list rest) {
    const mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    return fails(directory, path) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define OPENS(name)                                               \
    int name(const char* path, int flags, ...) {                  \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        const int fd = openBy(AT_FDCWD, path, flags, rest);       \
        va_end(rest);                                             \
        return fd;                                                \
    }
OPENS(open)
OPENS(open64)

int openat(int directory, const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const int fd = openBy(directory, path, flags, rest);
    va_end(rest);
    return fd;
}

DIR* opendir(const char* path) {
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopendir(fd);
}
