"""PCI: buses, bridges, functions of devices, their drivers and ranges (drivers/pci/)."""
