"""Refuses to load the library on a CPU that lacks what it was built for.

Loading it there would end the process with SIGILL at some later instruction, without a word. The library carries a
marker with the features it was compiled with (`crates/python/src/build_info.rs`); this reads it from the file's bytes.
"""

from __future__ import annotations

import mmap
import platform
import re
from pathlib import Path

_MARKER = re.compile(rb"CIFT_CORE_BUILD arch=(\S*) target_cpu=(\S*) features=(\S*) \n")
_CPUINFO = Path("/proc/cpuinfo")

# rustc's name of a feature -> the kernel's, where they differ.
_KERNEL_NAMES = {
    "avx512bitalg": "avx512_bitalg",
    "avx512bf16": "avx512_bf16",
    "avx512fp16": "avx512_fp16",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vnni": "avx512_vnni",
    "avx512vp2intersect": "avx512_vp2intersect",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avxvnni": "avx_vnni",
    "cmpxchg16b": "cx16",
    "lahfsahf": "lahf_lm",
    "lzcnt": "abm",
    "prfchw": "3dnowprefetch",
    "sha": "sha_ni",
    "sse3": "pni",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
}
# Features that /proc/cpuinfo does not list, that need no instruction of their own, or that a compiler never uses by
# itself: kernels hide rdseed on CPUs whose one is faulty (Zen 5), and no code here draws random numbers from the CPU.
_HARMLESS = frozenset({"crt-static", "ermsb", "rdrand", "rdseed", "x87"})


def check_cpu(library: Path | None = None, cpuinfo: Path = _CPUINFO) -> None:
    """Raise ImportError if this machine's CPU lacks a feature that `library` was built with.

    Where the question can't be answered (no /proc/cpuinfo, no marker) the library is loaded as it is.
    """
    library = library or _library()
    if library is None or not cpuinfo.exists():
        return
    marker = _read_marker(library)
    if marker is None:
        return
    arch, target_cpu, features = marker
    fields = _cpu_fields(cpuinfo)
    model = fields.get("model name", "an unnamed CPU")
    if arch != platform.machine():
        raise ImportError(
            f"cift_core was built for {arch}, and this machine is {platform.machine()} ({model}): rebuild it here"
        )
    if "flags" not in fields:
        return
    present = set(fields["flags"].split())
    missing = [name for name in features if name not in _HARMLESS and _KERNEL_NAMES.get(name, name) not in present]
    if missing:
        raise ImportError(
            f"cift_core was built for target-cpu={target_cpu} and needs {', '.join(missing)}, which this CPU ({model}) "
            "lacks: rebuild it with RUSTFLAGS=-Ctarget-cpu=x86-64-v3, or the name of this CPU's kind"
        )


def _library() -> Path | None:
    return next(iter(sorted(Path(__file__).parent.glob("_native*.so"))), None)


def _read_marker(library: Path) -> tuple[str, str, list[str]] | None:
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # A plain search finds the place; the pattern alone would be tried at every byte of the file.
        at = content.find(b"CIFT_CORE_BUILD ")
        found = _MARKER.match(content, at) if at >= 0 else None
        if found is None:
            return None
        arch, target_cpu, features = (part.decode() for part in found.groups())
    return arch, target_cpu, [name for name in features.split(",") if name]


def _cpu_fields(cpuinfo: Path) -> dict[str, str]:
    first_cpu = cpuinfo.read_text().partition("\n\n")[0]
    rows = (line.partition(":") for line in first_cpu.splitlines())
    return {name.strip(): value.strip() for name, _, value in rows}
