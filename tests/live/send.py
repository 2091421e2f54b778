"""Sends frames: of each line of standard input the interface, and the bytes in hexadecimal."""

import socket
import sys

sockets: dict[str, socket.socket] = {}
for line in sys.stdin:
    interface, frame = line.split()
    if interface not in sockets:
        sockets[interface] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sockets[interface].bind((interface, 0))
    sockets[interface].send(bytes.fromhex(frame))
