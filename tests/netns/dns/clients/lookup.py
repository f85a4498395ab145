"""lookup.py NAME: what Python's socket module says."""
import socket
import sys

try:
    found = socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_STREAM)
except socket.gaierror as error:
    print({socket.EAI_NONAME: "EAI_NONAME", socket.EAI_AGAIN: "EAI_AGAIN"}.get(error.errno, error))
    sys.exit(1)
for _, _, _, _, address in found:
    print(address[0])
