/* What a relay of bridged legs costs at least: epoll, recv, own header, send on connected UDP sockets.
 *
 * relay_loop LEGS SECONDS OUR_PORT FAR_PORT
 *
 * Leg N is bound to OUR_PORT + N and connected to FAR_PORT + N; legs 0 and 1, 2 and 3, … are bridged. Prints packets
 * relayed and CPU seconds used.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

static struct sockaddr_in local(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    int legs = atoi(arguments[1]), our_port = atoi(arguments[3]), far_port = atoi(arguments[4]);
    int *sockets = calloc(legs, sizeof *sockets), poll = epoll_create1(0);
    for (int leg = 0; leg < legs; leg++) {
        struct sockaddr_in here = local(our_port + leg), there = local(far_port + leg);
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = leg};
        sockets[leg] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (bind(sockets[leg], (struct sockaddr *)&here, sizeof here) ||
            connect(sockets[leg], (struct sockaddr *)&there, sizeof there)) {
            perror("bind or connect");
            return 1;
        }
        epoll_ctl(poll, EPOLL_CTL_ADD, sockets[leg], &wanted);
    }
    puts("ready");
    fflush(stdout);
    long relayed = 0;
    unsigned char packet[2048];
    struct epoll_event ready[256];
    double before = cpu_seconds(), end = now() + atof(arguments[2]);
    while (now() < end) {
        int events = epoll_wait(poll, ready, 256, 100);
        for (int at = 0; at < events; at++) {
            uint32_t leg = ready[at].data.u32, ssrc = htonl(leg ^ 1), timestamp;
            uint16_t sequence;
            ssize_t length = recv(sockets[leg], packet, sizeof packet, 0);
            if (length <= 12 || packet[0] != 0x80) continue;
            memcpy(&sequence, packet + 2, 2);
            memcpy(&timestamp, packet + 4, 4);
            sequence = htons(ntohs(sequence) + 1000);
            timestamp = htonl(ntohl(timestamp) + 160000);
            memcpy(packet + 2, &sequence, 2);
            memcpy(packet + 4, &timestamp, 4);
            memcpy(packet + 8, &ssrc, 4);
            send(sockets[leg ^ 1], packet, length, 0);
            relayed++;
        }
    }
    printf("%ld %.6f\n", relayed, cpu_seconds() - before);
    return 0;
}
