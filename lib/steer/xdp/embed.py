# SPDX-License-Identifier: BSD-3-Clause
"""embed.py FILE HEADER: write a file as an array of bytes."""
import sys

with open(sys.argv[1], "rb") as file, open(sys.argv[2], "w", encoding="ascii") as header:
    header.write("_Alignas(8) static const unsigned char gremc_xdp_object[] = {%s};\n" % ",".join(map(str, file.read())))
