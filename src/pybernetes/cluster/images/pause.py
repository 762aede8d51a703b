"""The pause program: holds a pod's namespaces, collects orphaned children, ends when asked.

A static ELF of about 250 bytes, written here instruction by instruction, so that no compiler is needed. In C:

    sigaction(SIGCHLD, SIG_IGN)          /* children are collected by the kernel */
    sigprocmask(SIG_BLOCK, {SIGINT, SIGTERM})
    while (sigtimedwait({SIGINT, SIGTERM}, NULL, NULL) < 0) ;
    exit(0)
"""

from __future__ import annotations

import struct

_LOAD_ADDRESS = 0x400000
_HEADERS = 64 + 56
_MACHINES = {"amd64": 62, "arm64": 183}
_SIGCHLD = 17
_WAITED_FOR = 1 << (2 - 1) | 1 << (15 - 1)
_DATA = struct.pack("<QQQQ", 1, 0, 0, 0) + struct.pack("<Q", _WAITED_FOR)
"""The kernel's sigaction with SIG_IGN (32 bytes), then the signal set."""
_SET_OFFSET = 32


def program(architecture: str) -> bytes:
    """The ELF file for "amd64" or "arm64". Raises KeyError for another architecture."""
    code = {"amd64": _amd64, "arm64": _arm64}[architecture]()
    code += b"\0" * (-len(code) % 8)
    size = _HEADERS + len(code) + len(_DATA)
    identification = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    entry = _LOAD_ADDRESS + _HEADERS
    header = identification + struct.pack(
        "<HHIQQQIHHHHHH", 2, _MACHINES[architecture], 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    return header + segment + code + _DATA


def _amd64() -> bytes:
    """System calls: rt_sigaction 13, rt_sigprocmask 14, rt_sigtimedwait 128, exit_group 231."""
    end = 88
    padded = end + -end % 8
    code = bytearray()

    def address(register: bytes, offset: int) -> None:
        code.extend(register)
        code.extend(struct.pack("<i", padded + offset - (len(code) + 4)))

    def call(number: int) -> None:
        code.extend(b"\xb8" + struct.pack("<I", number) + b"\x0f\x05")

    size_8 = b"\x41\xba\x08\x00\x00\x00"  # mov r10d, 8
    no_rdx = b"\x31\xd2"  # xor edx, edx
    code += b"\xbf" + struct.pack("<I", _SIGCHLD)  # mov edi, SIGCHLD
    address(b"\x48\x8d\x35", 0)  # lea rsi, [action]
    code += no_rdx + size_8
    call(13)
    code += b"\x31\xff"  # xor edi, edi (SIG_BLOCK)
    address(b"\x48\x8d\x35", _SET_OFFSET)  # lea rsi, [set]
    code += no_rdx + size_8
    call(14)
    again = len(code)
    address(b"\x48\x8d\x3d", _SET_OFFSET)  # lea rdi, [set]
    code += b"\x31\xf6" + no_rdx + size_8  # xor esi, esi
    call(128)
    code += b"\x85\xc0"  # test eax, eax
    code += b"\x78" + struct.pack("<b", again - (len(code) + 2))  # js again
    code += b"\x31\xff"  # xor edi, edi
    call(231)
    assert len(code) == end, len(code)
    return bytes(code)


def _arm64() -> bytes:
    """System calls: rt_sigaction 134, rt_sigprocmask 135, rt_sigtimedwait 137, exit_group 94."""
    end = 4 * 22
    words: list[int] = []

    def move(register: int, value: int) -> None:  # movz
        words.append(0xD2800000 | value << 5 | register)

    def address(register: int, offset: int) -> None:  # adr
        distance = end + offset - 4 * len(words)
        words.append(0x10000000 | (distance & 3) << 29 | (distance >> 2) << 5 | register)

    def call(number: int) -> None:
        move(8, number)
        words.append(0xD4000001)  # svc 0

    move(0, _SIGCHLD)
    address(1, 0)
    move(2, 0)
    move(3, 8)
    call(134)
    move(0, 0)
    address(1, _SET_OFFSET)
    move(2, 0)
    move(3, 8)
    call(135)
    again = len(words)
    address(0, _SET_OFFSET)
    move(1, 0)
    move(2, 0)
    move(3, 8)
    call(137)
    back = (again - len(words)) & 0x7FFFF
    words.append(0xB7F80000 | (back & 0x3FFF) << 5)  # tbnz x0, #63, again
    move(0, 0)
    call(94)
    assert len(words) * 4 == end, len(words)
    return struct.pack(f"<{len(words)}I", *words)
