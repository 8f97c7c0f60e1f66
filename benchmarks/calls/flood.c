/* Strangers by the thousand: garbage to one UDP port from many loopback addresses, at a steady rate.
 *
 * flood PORT RATE SECONDS SOURCES SOURCE_PORT
 *
 * Source N is 127.1.N/250.N%250+1; each has a socket of its own, on SOURCE_PORT (0: any). What they send goes round:
 * random bytes, OPTIONS, INVITE and REGISTER with a branch and a Call-ID of their own. Prints how many were sent, how
 * many were answered, and the seconds of CPU used.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { LONGEST = 1024, RANDOM_SIZE = 200 };

static const char *methods[] = {"OPTIONS", "INVITE", "REGISTER"};

static int message(char *room, long number, const char *source) {
    if (number % 4 == 3) {
        for (int place = 0; place < RANDOM_SIZE; place++) room[place] = (char)rand();
        return RANDOM_SIZE;
    }
    const char *method = methods[number % 4];
    return snprintf(room, LONGEST,
                    "%s sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-f%ld;rport\r\n"
                    "From: <sip:100@%s>;tag=%ld\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: f%ld@%s\r\nCSeq: 1 %s\r\n"
                    "Contact: <sip:100@%s>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                    method, source, number, source, number, number, source, method, source);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    if (count != 6) return 2;
    int port = atoi(arguments[1]), rate = atoi(arguments[2]), sources = atoi(arguments[4]);
    int source_port = atoi(arguments[5]);
    double seconds = atof(arguments[3]);
    int *sockets = calloc(sources, sizeof *sockets);
    char(*names)[16] = calloc(sources, sizeof *names);
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(port)};
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int index = 0; index < sources; index++) {
        snprintf(names[index], sizeof names[index], "127.1.%d.%d", index / 250, index % 250 + 1);
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(source_port)};
        inet_aton(names[index], &own.sin_addr);
        sockets[index] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (sockets[index] < 0 || bind(sockets[index], (struct sockaddr *)&own, sizeof own)) {
            perror("a source");
            return 1;
        }
    }
    char room[LONGEST];
    long sent = 0, answered = 0;
    double begin = now();
    while (now() < begin + seconds) {
        long due = (long)((now() - begin) * rate);
        for (; sent < due; sent++) {
            int index = sent % sources;
            int size = message(room, sent / sources + sent, names[index]);
            sendto(sockets[index], room, size, 0, (struct sockaddr *)&target, sizeof target);
        }
        struct timespec tick = {.tv_nsec = 500000};
        nanosleep(&tick, NULL);
    }
    for (int index = 0; index < sources; index++)
        while (recv(sockets[index], room, sizeof room, 0) >= 0) answered++;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%ld %ld %.3f\n", sent, answered,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
