"""The lab: kernels, guests and crash binaries that give crashdrive real dumps to work on."""
