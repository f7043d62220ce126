"""Rules for the network: sockets, ports, counters, tables, interfaces."""
