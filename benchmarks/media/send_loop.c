/* What a paced RTP sender costs at least: one connected UDP socket a call, send() in a loop.
 *
 * send_loop CALLS SECONDS PACED SOURCE_PORT < destination ports, one a line
 *
 * PACED 1 sends each call a packet every 20 ms, spread over four ticks of 5 ms on an absolute schedule, as the media
 * worker does; PACED 0 sends the same number of packets as fast as it can. SOURCE_PORT 0: any; else call N sends from
 * SOURCE_PORT + N. Prints packets sent and CPU seconds used. Sound that comes back is dropped by a filter.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { PAYLOAD = 160, PACKET = 12 + PAYLOAD, SOUND = 8000 * 20, PHASES = 4 };

struct call {
    int fd;
    uint16_t sequence;
    uint32_t timestamp, position;
    unsigned char packet[PACKET];
};

static unsigned char sound[SOUND];

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static struct sockaddr_in local(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void open_call(struct call *call, int number, int source_port, int destination) {
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &drop};
    struct sockaddr_in from = local(source_port ? source_port + number : 0), to = local(destination);
    call->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(call->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    if (bind(call->fd, (struct sockaddr *)&from, sizeof from) || connect(call->fd, (struct sockaddr *)&to, sizeof to)) {
        perror("bind or connect");
        exit(1);
    }
    call->packet[0] = 0x80;
    call->packet[1] = 8;
    memcpy(call->packet + 8, &number, sizeof number);
}

static void send_packet(struct call *call) {
    uint16_t sequence = htons(call->sequence++);
    uint32_t timestamp = htonl(call->timestamp);
    memcpy(call->packet + 2, &sequence, 2);
    memcpy(call->packet + 4, &timestamp, 4);
    memcpy(call->packet + 12, sound + call->position, PAYLOAD);
    call->timestamp += PAYLOAD;
    call->position = (call->position + PAYLOAD) % SOUND;
    send(call->fd, call->packet, PACKET, 0);
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    int calls = atoi(arguments[1]), paced = atoi(arguments[3]), source_port = atoi(arguments[4]);
    long ticks = (long)(atof(arguments[2]) * 1000 / 5), sent = 0;
    struct call *all = calloc(calls, sizeof *all);
    for (int at = 0; at < SOUND; at++) sound[at] = (unsigned char)rand();
    for (int number = 0; number < calls; number++) {
        int destination;
        if (scanf("%d", &destination) != 1) return 2;
        open_call(&all[number], number, source_port, destination);
    }
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    double before = cpu_seconds();
    for (long tick = 0; tick < ticks; tick++) {
        if (paced) {
            next.tv_nsec += 5000000;
            if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        }
        for (int number = tick % PHASES; number < calls; number += PHASES, sent++) send_packet(&all[number]);
    }
    printf("%ld %.6f\n", sent, cpu_seconds() - before);
    return 0;
}
