/* A wall clock that is CLOCK_AHEAD_S seconds ahead, for the program that preloads this; all other clocks go right.
 *
 * Reading the clock is not all: who waits until a moment has computed it from the clock that is ahead, and the kernel
 * goes by its own. So such deadlines are set back. faketime knows too few of them: it leaves those of C11's threads,
 * by which librdkafka waits, as they are, and then 5 seconds take an hour. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static time_t ahead;

__attribute__((constructor)) static void set_ahead(void)
{
    const char *value = getenv("CLOCK_AHEAD_S");
    char *end = NULL;
    ahead = value ? strtol(value, &end, 10) : 0;
    if (!value || end == value || *end) {
        fprintf(stderr, "shifted_clock: CLOCK_AHEAD_S is '%s': a number of seconds is wanted\n", value ? value : "");
        _exit(127);
    }
}

/* The C library's own. Not by RTLD_NEXT, which gives the oldest of several versions before glibc 2.36; and not from
 * libc.so.6, which has had those of threads since 2.34 only: libpthread leads to both. */
static void *real(const char *name)
{
    void *library = dlopen("libpthread.so.0", RTLD_LAZY);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function) {
        fprintf(stderr, "shifted_clock: the C library has no %s\n", name);
        abort();
    }
    return function;
}

#define REAL(name) \
    ({ \
        static __typeof__(&name) function; \
        if (!function) function = (__typeof__(&name))real(#name); \
        function; \
    })

/* Which clock a deadline is meant for shows in itself: the wall clock passed a billion in 2001, while the monotonic
 * one counts from the machine's start, and no pause is that long. */
static const struct timespec *set_back(const struct timespec *deadline, struct timespec *copy)
{
    if (!deadline || deadline->tv_sec < 1000000000) return deadline;
    *copy = *deadline;
    copy->tv_sec -= ahead;
    return copy;
}

/* --- what reads the clock ---------------------------------------------------------------------------------------- */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = REAL(clock_gettime)(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead;
    return failed;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *result, void *zone)
{
    int failed = REAL(gettimeofday)(result, zone);
    if (!failed) result->tv_sec += ahead;
    return failed;
}

int timespec_get(struct timespec *now, int base)
{
    int known = REAL(timespec_get)(now, base);
    if (known == TIME_UTC) now->tv_sec += ahead;
    return known;
}

/* --- what waits until a moment ----------------------------------------------------------------------------------- */
#define UNTIL(result, name, parameters, ...) \
    result name parameters \
    { \
        struct timespec copy; \
        return REAL(name)(__VA_ARGS__); \
    }
#define MOMENT const struct timespec *moment
#define SET_BACK set_back(moment, &copy)

UNTIL(int, cnd_timedwait, (cnd_t *c, mtx_t *m, MOMENT), c, m, SET_BACK)
UNTIL(int, mtx_timedlock, (mtx_t *m, MOMENT), m, SET_BACK)
UNTIL(int, pthread_cond_timedwait, (pthread_cond_t *c, pthread_mutex_t *m, MOMENT), c, m, SET_BACK)
UNTIL(int, pthread_cond_clockwait, (pthread_cond_t *c, pthread_mutex_t *m, clockid_t id, MOMENT), c, m, id, SET_BACK)
UNTIL(int, pthread_mutex_timedlock, (pthread_mutex_t *m, MOMENT), m, SET_BACK)
UNTIL(int, pthread_mutex_clocklock, (pthread_mutex_t *m, clockid_t id, MOMENT), m, id, SET_BACK)
UNTIL(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t *l, MOMENT), l, SET_BACK)
UNTIL(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t *l, MOMENT), l, SET_BACK)
UNTIL(int, pthread_rwlock_clockrdlock, (pthread_rwlock_t *l, clockid_t id, MOMENT), l, id, SET_BACK)
UNTIL(int, pthread_rwlock_clockwrlock, (pthread_rwlock_t *l, clockid_t id, MOMENT), l, id, SET_BACK)
UNTIL(int, pthread_timedjoin_np, (pthread_t t, void **value, MOMENT), t, value, SET_BACK)
UNTIL(int, pthread_clockjoin_np, (pthread_t t, void **value, clockid_t id, MOMENT), t, value, id, SET_BACK)
UNTIL(int, sem_timedwait, (sem_t *s, MOMENT), s, SET_BACK)
UNTIL(int, sem_clockwait, (sem_t *s, clockid_t id, MOMENT), s, id, SET_BACK)
UNTIL(int, clock_nanosleep, (clockid_t id, int flags, MOMENT, struct timespec *left), id, flags, SET_BACK, left)

int timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *before)
{
    struct itimerspec copy = *wanted;
    copy.it_value = *set_back(&wanted->it_value, &copy.it_value);
    return REAL(timerfd_settime)(fd, flags, &copy, before);
}

/* C++ libraries wait by the kernel's own call. All six arguments are passed on, whatever the call has. */
long syscall(long number, ...)
{
    long a[6];
    struct timespec copy;
    va_list given;
    va_start(given, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(given, long);
    va_end(given);
    if (number == SYS_futex && ((int)a[1] & FUTEX_CLOCK_REALTIME))
        a[3] = (long)set_back((const struct timespec *)a[3], &copy);
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
