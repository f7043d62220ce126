/* What the parts of the guest's program share. */
#ifndef LAB_H
#define LAB_H

#include <stddef.h>

/* Ends the program with a message unless ok. */
void must(int ok, const char *what);

/* Says on the console, once, that something optional didn't work here. */
void skip(const char *what);

/* Sleeps until killed. */
void rest(void) __attribute__((noreturn));

/* Names the calling process; text that isn't a C word is what ps has to live with. */
void set_comm(const char *name);

/* Starts a child that calls body(arg) and then rests; returns its pid. */
int spawn(void (*body)(void *), void *arg);

/* Enters a network namespace that `ip netns` named. */
void enter_netns(const char *name);

int main_frame(int argc, char **argv);
int main_finish(int argc, char **argv);
int main_connections(int argc, char **argv);
int main_sockets(int argc, char **argv);
int main_processes(int argc, char **argv);
int main_eat(int argc, char **argv);

#endif
