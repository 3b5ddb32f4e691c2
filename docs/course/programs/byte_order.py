import struct

header = struct.pack("<I", 5)  # The least significant byte first: little endian, as most processors do it.
print(header.hex(" "))
print(struct.unpack("!I", header)[0])  # The most significant byte first: big endian, network byte order.
