/*
 * What systemd is told of a service (sd_notify(3), Type=notify), where NOTIFY_SOCKET is set: a
 * datagram of our own, so that nobody needs libsystemd for that.
 */
#ifndef LANES_ENGINE_NOTIFY_H
#define LANES_ENGINE_NOTIFY_H

/* "READY=1\nSTATUS=…": printf(), of less than 256 bytes. Nothing happens where nobody listens. */
void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
