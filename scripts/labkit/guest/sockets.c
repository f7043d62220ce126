#include "lab.h"
int main_sockets(int argc, char **argv) { (void)argc; (void)argv; rest(); }
